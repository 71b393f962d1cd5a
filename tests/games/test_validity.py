"""Every piece goes with every other, or is refused by a line that says why and what works."""

import functools
import itertools
import random
from typing import Any

import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe, find_recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.engine.optimizers import Adam
from ganatomy.experiments.build import build_engine
from ganatomy.games.adversarial import Adversarial
from ganatomy.games.validity import DEPENDENT, EXCLUDED, Chosen
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.objectives.adversarial import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein
from ganatomy.objectives.augment import AdaptiveAugment, DiffAugment, InstanceNoise
from ganatomy.objectives.constraints import SpectralNormalization, WeightClipping
from ganatomy.objectives.penalties import DRAGAN, R1, R2, Consistency, GradientPenalty, LeCam
from ganatomy.objectives.regularizers import OrthogonalRegularization
from ganatomy.testing import random_images

IMAGES = random_images(Shape(1, 8, 8))
CHOICES: dict[str, list[Any]] = {
    "game.loss": [Spec(kind) for kind in (NonSaturating, Minimax, LeastSquares, Wasserstein, Hinge, Relativistic)]
    + [Spec(NonSaturating, smoothing=0.1, two_sided=True)],
    "game.order": ["alternating", "simultaneous", "split"],
    "game.d_steps": [1, 2],
    "game.penalties": [()]
    + [(Spec(kind),) for kind in (GradientPenalty, DRAGAN, R1, Consistency, LeCam)]
    + [(Spec(R1), Spec(R2), Spec(Consistency, on="both"))],
    "game.regularizers": [(), (Spec(OrthogonalRegularization, players=("G", "D")),)],
    "game.constraint": [None, Spec(WeightClipping), Spec(SpectralNormalization, players=("G", "D"))],
    "game.augment": [(), (Spec(DiffAugment),), (Spec(AdaptiveAugment),), (Spec(InstanceNoise),)],
    "G.normalization": ["batch", "virtual", "instance", "layer", "none"],
    "D.normalization": ["batch", "virtual", "instance", "layer", "none"],
    "conditional": [False, True],
    "G.conditioning": ["concatenation", "batch-norm"],
    "D.conditioning": ["concatenation", "projection"],
    "G.embedding": [None, 3],
    "D.embedding": [None, 3],
    "D.minibatch_deviation": [False, True],
    "D.dropout": [0.0, 0.25],
}
NAMES = list(CHOICES)
Numbers = tuple[int, ...]  # which choice of each name
Two = tuple[tuple[str, int], tuple[str, int]]


def of(who: str, chosen: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(f"{who}."): value for key, value in chosen.items() if key.startswith(f"{who}.")}


def declared(chosen: dict[str, Any]) -> Recipe:
    shared = {"conditional": chosen["conditional"], "width": 1.0}
    return find_recipe("digits-dcgan").replace(
        game=Spec(Adversarial, **of("game", chosen)),
        players={
            "G": Spec(DCGANGenerator, latent=4, channels=(6, 4), **shared, **of("G", chosen)),
            "D": Spec(DCGANDiscriminator, channels=(4, 6), **shared, **of("D", chosen)),
        },
        optimizers={"G": Spec(Adam), "D": Spec(Adam)},
        batch=4,
    )


def meant(numbers: Numbers) -> dict[str, Any]:
    return {name: CHOICES[name][i] for name, i in zip(NAMES, numbers, strict=True)}


def fits(numbers: Numbers) -> bool:
    """Whether neither table excludes a combination, asked without declaring it, which takes a hundred times as long."""
    chosen = meant(numbers)
    players = {who: {"conditional": chosen["conditional"], **of(who, chosen)} for who in ("G", "D")}
    game = {"g_steps": 1, **of("game", chosen)}
    parts = {"G": DCGANGenerator, "D": DCGANDiscriminator}
    if any(pair.clash(Chosen(game, players["G"], players["D"], parts)) for pair in EXCLUDED):
        return False
    first = {needs.setting: CHOICES.get(f"G.{needs.setting}", [None])[0] for needs in DEPENDENT}
    return not any(
        own.get(needs.setting, first[needs.setting]) != first[needs.setting] and own[needs.other] != needs.value
        for own in players.values()
        for needs in DEPENDENT
        if needs.other in own
    )


def pairs(numbers: Numbers) -> set[Two]:
    return set(itertools.combinations(zip(NAMES, numbers, strict=True), 2))


ALL_PAIRS: set[Two] = {
    ((a, i), (b, j))
    for a, b in itertools.combinations(NAMES, 2)
    for i in range(len(CHOICES[a]))
    for j in range(len(CHOICES[b]))
}


def drawn(draw: random.Random, held: Two, times: int = 300) -> Numbers | None:
    """A random combination that fits and holds a pair, now nearer to the first of each, now not; None: not found."""
    for _ in range(times):
        plain = draw.random()
        picked = {n: 0 if draw.random() < plain else draw.randrange(len(v)) for n, v in CHOICES.items()} | dict(held)
        numbers = tuple(picked[name] for name in NAMES)
        if fits(numbers):
            return numbers
    return None


@functools.cache
def sample() -> tuple[list[Numbers], set[Two]]:
    """Combinations that between them hold every pair that fits, always the same; and the pairs that fit nowhere."""
    draw = random.Random(0)
    wanted, found, nowhere = set(ALL_PAIRS), list[Numbers](), set[Two]()
    while wanted:
        pair = min(wanted)
        if (best := drawn(draw, pair)) is None:
            nowhere.add(pair)
            wanted.remove(pair)
            continue
        for _ in range(20):
            another = drawn(draw, pair)
            if another is not None and len(wanted & pairs(another)) > len(wanted & pairs(best)):
                best = another
        found.append(best)
        wanted -= pairs(best)
    return found, nowhere


@pytest.mark.parametrize("numbers", sample()[0], ids=str)
def test_whatever_is_not_refused_plays(numbers):
    recipe = declared(meant(numbers))
    for precision in ("float32", "bfloat16"):
        engine = build_engine(recipe.replace(precision=precision), IMAGES, torch.device("cpu"))
        engine.play_round()
        figures = engine.ledger.means()
        assert figures and all(abs(value) < float("inf") for value in figures.values())
        assert all(p.isfinite().all() for p in engine.game.parameters())


def test_a_pair_that_is_never_played_is_refused_when_declared():
    """With whatever else: here with the first of each, and with any."""
    found, nowhere = sample()
    assert set().union(*map(pairs, found)) == ALL_PAIRS - nowhere
    draw = random.Random(1)
    for pair in nowhere:
        for others in (dict.fromkeys(NAMES, 0), {name: draw.randrange(len(CHOICES[name])) for name in NAMES}):
            numbers = others | dict(pair)
            with pytest.raises(GanatomyError, match=r"do not go together|does nothing with"):
                declared({name: CHOICES[name][i] for name, i in numbers.items()})


GOOD = {name: values[0] for name, values in CHOICES.items()}
CLASHES = {
    "order=simultaneous": {"game.order": "simultaneous", "game.d_steps": 2},
    "a relativistic loss and order": {"game.loss": Spec(Relativistic), "game.order": "split"},
    "penalties": {"game.penalties": (Spec(Consistency),), "game.order": "split"},
    "AdaptiveAugment and order": {"game.augment": (Spec(AdaptiveAugment),), "game.order": "split"},
    "a penalty on D's gradient and batch norm in D": {"game.penalties": (Spec(R1),)},
    "AdaptiveAugment and a loss": {"game.augment": (Spec(AdaptiveAugment),), "game.loss": Spec(Wasserstein)},
    "LeCam": {"game.loss": Spec(Relativistic), "game.penalties": (Spec(LeCam),)},
    "players.G.conditioning": {"conditional": True, "G.conditioning": "batch-norm", "G.normalization": "none"},
}


@pytest.mark.parametrize("begins", CLASHES)
def test_every_excluded_pair_is_refused_in_one_line_with_both_sides_and_what_works(begins):
    with pytest.raises(GanatomyError) as raised:
        declared(GOOD | CLASHES[begins])
    said = str(raised.value)
    assert said.startswith(f"digits-dcgan: {begins}") and "\n" not in said
    (pair,) = [p for p in EXCLUDED if str(p) in said]
    assert pair.instead in said


def test_spectral_norm_of_layers_that_begin_at_zero_is_refused():
    for players in ("D", "G"):
        with pytest.raises(GanatomyError, match="SpectralNormalization and R3GAN's players do not go together"):
            find_recipe("mnist-r3gan").overridden(
                ["game.constraint=SpectralNormalization", f"game.constraint.players={players}"]
            )


def test_every_pair_of_the_table_has_its_test():
    assert len(CLASHES) + 1 == len(EXCLUDED), "that of R3GAN has its own"


IDLE_SETTINGS = {
    "game.loss.two_sided=true": "game.loss: NonSaturating's two_sided=true does nothing with smoothing=0",
    "game.penalties={use: Consistency, fake_weight: 3}": "fake_weight does nothing with on=real: set on=both",
    "game.penalties={use: Consistency, shift: 0, flip: false}": "shift=0 does nothing with flip=false",
    "game.augment={use: DiffAugment, changes: []}": "should have at least 1 item",
    "players.D.auxiliary=softmax": "does nothing with Adversarial, which asks D for no classes: use ACGAN",
}


@pytest.mark.parametrize("word", IDLE_SETTINGS)
def test_a_setting_that_is_ignored_is_refused(word):
    base = find_recipe("mnist-dcgan").override("game.loss.smoothing", "0")
    with pytest.raises(GanatomyError, match=IDLE_SETTINGS[word]):
        base.override(*word.split("=", 1))


@pytest.mark.parametrize(
    ("who", "settings", "said"),
    [
        ("G", {"conditioning": "batch-norm"}, "players.G.conditional=True"),
        ("D", {"conditioning": "projection"}, "players.D.conditional=True"),
        ("D", {"embedding": 3}, "players.D.conditional=True"),
        ("G", {"reference": 8}, "players.G.normalization=virtual"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(who, settings, said):
    base = declared(GOOD)
    with pytest.raises(GanatomyError, match=f"does nothing with .*: set {said}"):
        base.replace(players={**base.players, who: base.players[who].replace(**settings)})


def test_a_shared_embedding_that_nobody_shares_is_refused():
    recipe = find_recipe("cifar10-biggan")
    assert recipe.override("players.G.split", "false").players["G"].settings["split"] is False
    with pytest.raises(GanatomyError, match=r"embedding=64 does nothing with split=False: set players\.G\.split=True"):
        recipe.overridden(["players.G.split=false", "players.G.embedding=64"])


def test_label_smoothing_without_labels_names_the_losses_that_have_them():
    with pytest.raises(GanatomyError, match="It is one of LeastSquares, Minimax, NonSaturating"):
        Spec(Wasserstein, smoothing=0.1)
    with pytest.raises(GanatomyError, match="It is one of LeastSquares, Minimax, NonSaturating"):
        find_recipe("mnist-wgan").override("game.loss.smoothing", "0.1")


WORDS = {
    "mnist-dcgan": ["game.penalties=R1", "game.penalties.R1.gamma=5", "players.D.normalization=layer"],
    "digits-dcgan": ["players.G.conditional=true", "players.D.conditional=true"],
    "mnist-wgan": ["game.loss=Hinge", "game.constraint=none", "game.augment=AdaptiveAugment"],
}
REFUSED_ALONE = {
    "mnist-dcgan": "game.penalties=R1",
    "digits-dcgan": "players.G.conditional=true",
    "mnist-wgan": "game.augment=AdaptiveAugment",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_order_of_the_words_makes_no_difference(name):
    recipe = find_recipe(name)
    found = [recipe.overridden(words) for words in itertools.permutations(WORDS[name])]
    assert all(one == found[0] for one in found) and found[0] != recipe
    with pytest.raises(GanatomyError):
        recipe.override(*REFUSED_ALONE[name].split("="))


def test_penalties_are_named_on_the_command_line():
    recipe = find_recipe("digits-dcgan").overridden(
        [
            "players.D.normalization=layer",
            "game.penalties=R1",
            "game.penalties.R1.gamma=0.5",
            "game.constraint=WeightClipping",
        ]
    )
    assert recipe.game.settings["penalties"] == (Spec(R1, gamma=0.5),)
    assert recipe.game.settings["constraint"] == Spec(WeightClipping)
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    both = recipe.override("game.penalties", "R1,Consistency")
    assert [p.name for p in both.game.settings["penalties"]] == ["R1", "Consistency"]
    with pytest.raises(GanatomyError, match=r"No 'R2' in 'game\.penalties\.R2\.gamma'\. Did you mean 'R1'"):
        recipe.override("game.penalties.R2.gamma", "1")
    with pytest.raises(GanatomyError, match="Did you mean 'Consistency'"):
        recipe.override("game.penalties", "Consistancy")


def test_one_conditional_player_is_refused_when_declared():
    recipe = find_recipe("digits-dcgan")
    with pytest.raises(GanatomyError, match=r"set players\.G\.conditional and players\.D\.conditional alike"):
        recipe.override("players.G.conditional", "true")
    with pytest.raises(GanatomyError, match="D is asked"):
        find_recipe("mnist-acgan").override("players.D.conditional", "true")


@pytest.mark.parametrize(
    ("words", "twice"),
    [
        (["game.penalties=R1,R1"], "penalties has R1 twice"),
        (
            ["game.penalties=[{use: Consistency, on: real, weight: 5}, {use: Consistency, on: fake, weight: 1}]"],
            "penalties has Consistency twice",
        ),
        (["game.regularizers=OrthogonalRegularization,OrthogonalRegularization"], "has OrthogonalRegularization twice"),
    ],
)
def test_a_term_that_would_be_lost_is_refused(words: list[str], twice: str) -> None:
    """Terms are kept by name: of two of a kind the second stood for both."""
    with pytest.raises(GanatomyError, match=twice):
        find_recipe("mnist-dcgan").overridden([*words, "players.D.normalization=none"])


def test_one_kind_of_regularizer_may_be_of_either_player() -> None:
    each = ", ".join(f"{{use: OrthogonalRegularization, players: [{name}]}}" for name in ("G", "D"))
    find_recipe("mnist-dcgan").overridden([f"game.regularizers=[{each}]"])


def test_a_bigan_has_nothing_that_bounds_a_critic() -> None:
    with pytest.raises(GanatomyError, match="Wasserstein's loss needs a bound"):
        find_recipe("mnist-bigan").overridden(["game.loss=Wasserstein"])
