"""A part and its settings: checked when declared, built when needed."""

from dataclasses import dataclass, field

import pytest
from pydantic import PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.registry import parts
from ganatomy.core.spec import Spec, declared_settings, from_plain, handed_over, to_plain
from ganatomy.engine.optimizers import SGD, Adam
from ganatomy.engine.schedules import Constant, Cosine
from ganatomy.games.adversarial import Adversarial
from ganatomy.networks.dcgan import DCGANGenerator
from ganatomy.objectives.adversarial import Minimax, NonSaturating


def test_a_spec_holds_every_setting_defaults_included():
    settings = Spec(Adam, lr=1e-4).settings
    assert settings["lr"] == 1e-4
    assert settings["beta1"] == 0.5
    assert settings["schedule"] == Spec(Constant)


def test_a_part_may_be_given_as_itself_as_its_class_or_by_name():
    asked = Spec(Adversarial, loss=Minimax(smoothing=0.1))
    assert asked == Spec(Adversarial, loss=Spec(Minimax, smoothing=0.1))
    assert Spec(Adversarial, loss="Minimax") == Spec(Adversarial, loss=Minimax())


def test_specs_are_equal_when_their_parts_and_settings_are():
    assert Spec(SGD, lr=0.1) == Spec(SGD, lr=0.1)
    assert hash(Spec(SGD, lr=0.1)) == hash(Spec(SGD, lr=0.1))
    assert Spec(SGD, lr=0.1) != Spec(SGD, lr=0.2)
    assert Spec(SGD, lr=0.1) != Spec(Adam, lr=0.1)


def test_nested_parts_are_built_with_the_whole():
    built = Spec(Adam, schedule=Cosine(until=100)).build()
    assert built == Adam(schedule=Cosine(until=100))


def test_what_stands_before_the_star_is_handed_over_and_is_no_setting():
    assert handed_over(DCGANGenerator) == ("shape", "classes")
    assert handed_over(Adversarial) == ("G", "D")
    assert "shape" not in declared_settings(DCGANGenerator)


def test_a_spec_survives_becoming_plain():
    for spec in (Spec(Adam, schedule=Cosine(until=9)), Spec(DCGANGenerator, channels=(3,), start=(2, 4))):
        assert from_plain(to_plain(spec)) == spec


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(TypeError):
        Spec(Adam).settings["lr"] = 3  # type: ignore[index]


MISTAKES = {
    "unknown": (lambda: Spec(Adam, lrr=1), "Adam has no setting 'lrr'. Did you mean 'lr'?"),
    "missing": (lambda: Spec(Cosine), "Cosine needs the setting 'until'."),
    "type": (lambda: Spec(Adam, lr="abc"), "Adam.lr=abc: Input should be a valid number"),
    "bound": (lambda: Spec(Adam, beta1=1.0), "Adam.beta1=1.0: Input should be less than 1"),
    "kind": (lambda: Spec(Adversarial, loss=SGD()), "Adversarial.loss: SGD does not belong here. What does: Hinge, "),
    "choice": (lambda: Spec(Adversarial, order="fast"), "Adversarial.order=fast: Input should be 'alternating'"),
    "no maps": (lambda: Spec(DCGANGenerator, channels=()), "DCGANGenerator.channels=(): Tuple should have at least 1"),
}


@pytest.mark.parametrize(("declare", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_setting_is_one_line_when_declared(declare, said):
    with pytest.raises(GanatomyError) as raised:
        declare()
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_not_registered_cannot_be_part_of_a_recipe():
    class Mine:
        pass

    @dataclass(frozen=True, kw_only=True)
    class OwnLoss(NonSaturating):
        pass

    with pytest.raises(GanatomyError, match=r"^'Mine' is not registered: put @part above it"):
        Spec(Mine)
    with pytest.raises(GanatomyError, match=r"^Adversarial\.loss: 'OwnLoss' is not registered: put @part above it"):
        Spec(Adversarial, loss=OwnLoss())


@pytest.mark.parametrize("plain", [{"use": "os.system"}, {"use": [1]}, {"use": None}, {"use": "Adam", "lr": "x"}])
def test_a_plain_mapping_names_registered_parts_only(plain):
    with pytest.raises(GanatomyError):
        from_plain(plain)


def test_every_registered_part_has_settings_that_can_be_checked():
    """A signature whose annotations cannot be resolved would only fail when somebody overrides it."""
    for name in parts:
        for setting in declared_settings(parts[name]).values():
            assert setting.annotation is not None


def test_a_part_may_bring_settings_of_any_plain_type():
    @dataclass(frozen=True, kw_only=True)
    class Bag:
        counts: tuple[PositiveInt, ...] = (1, 2)
        names: dict[str, int] = field(default_factory=dict)

    parts._things["Bag"] = Bag
    try:
        assert Spec(Bag, counts=[3], names={"a": 1}).build() == Bag(counts=(3,), names={"a": 1})
    finally:
        del parts._things["Bag"]
