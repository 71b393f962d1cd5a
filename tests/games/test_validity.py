"""Every piece goes with every other, or is refused by a line that says why and what works."""

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
from ganatomy.games.validity import EXCLUDED
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.objectives.adversarial import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein
from ganatomy.objectives.augment import AdaptiveAugment, DiffAugment, InstanceNoise
from ganatomy.objectives.constraints import SpectralNormalization, WeightClipping
from ganatomy.objectives.penalties import DRAGAN, R1, R2, Consistency, GradientPenalty, LeCam
from ganatomy.objectives.regularizers import OrthogonalRegularization
from ganatomy.testing import random_images

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
    "embedding": [None, 3],
    "D.minibatch_deviation": [False, True],
    "D.dropout": [0.0, 0.25],
}


def declared(chosen: dict[str, Any]) -> Recipe:
    def of(who: str) -> dict[str, Any]:
        return {key.removeprefix(f"{who}."): value for key, value in chosen.items() if key.startswith(f"{who}.")}

    shared = {"conditional": chosen["conditional"], "width": 1.0}
    embeddings = {
        who: chosen["embedding"] if chosen[f"{who}.conditioning"] == "concatenation" else None for who in ("G", "D")
    }
    return find_recipe("digits-dcgan").replace(
        game=Spec(Adversarial, **of("game")),
        players={
            "G": Spec(DCGANGenerator, latent=4, channels=(6, 4), embedding=embeddings["G"], **shared, **of("G")),
            "D": Spec(DCGANDiscriminator, channels=(4, 6), embedding=embeddings["D"], **shared, **of("D")),
        },
        optimizers={"G": Spec(Adam), "D": Spec(Adam)},
        batch=4,
        precision="float32",
    )


def pairwise_sample() -> list[dict[str, Any]]:
    """Combinations that between them hold every pair of choices, as far as sixty go; always the same ones."""
    draw = random.Random(0)
    wanted = {
        ((a, i), (b, j))
        for a, b in itertools.combinations(CHOICES, 2)
        for i in range(len(CHOICES[a]))
        for j in range(len(CHOICES[b]))
    }
    found = []
    while wanted and len(found) < 60:
        candidates = [{name: draw.randrange(len(values)) for name, values in CHOICES.items()} for _ in range(40)]
        new = [wanted & set(itertools.combinations(c.items(), 2)) for c in candidates]
        best = max(range(len(candidates)), key=lambda i: len(new[i]))
        wanted -= new[best]
        found.append({name: CHOICES[name][i] for name, i in candidates[best].items()})
    assert len(wanted) < 20, "so many pairs were left out"
    return found


def mended(chosen: dict[str, Any]) -> Recipe:
    """The combination, or what its refusals say to use instead."""
    chosen = dict(chosen)
    for _ in range(8):
        try:
            return declared(chosen)
        except GanatomyError as error:
            said = str(error)
        if "do not go together" in said:
            assert "use " in said or "belong to" in said, said
        if "order=simultaneous" in said or "order=split" in said:
            chosen |= {"game.order": "alternating"}
        elif "batch norm in D" in said:
            chosen |= {"D.normalization": "layer"}
        elif "AdaptiveAugment" in said:
            chosen |= {"game.augment": (Spec(DiffAugment),)}
        elif "LeCam" in said:
            chosen |= {"game.penalties": (Spec(R1),), "D.normalization": "layer"}
        elif "players.G.conditioning=batch-norm" in said:
            chosen |= {"G.normalization": "batch"}
        elif "does nothing" in said:
            for key, idle in (
                ("G.conditioning", "concatenation"),
                ("D.conditioning", "concatenation"),
                ("embedding", None),
            ):
                chosen[key] = idle if not chosen["conditional"] else chosen[key]
        if not chosen["conditional"]:
            chosen |= {"G.conditioning": "concatenation", "D.conditioning": "concatenation", "embedding": None}
    raise AssertionError(f"still refused: {said}")


@pytest.mark.parametrize("chosen", pairwise_sample())
def test_whatever_is_not_refused_plays(chosen):
    engine = build_engine(mended(chosen), random_images(Shape(1, 8, 8)), torch.device("cpu"))
    engine.play_round()
    figures = engine.ledger.means()
    assert figures and all(abs(value) < float("inf") for value in figures.values())
    assert all(p.isfinite().all() for p in engine.game.parameters())


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


def test_every_pair_of_the_table_has_its_test():
    assert len(CLASHES) == len(EXCLUDED)


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


def test_label_smoothing_without_labels_names_the_losses_that_have_them():
    with pytest.raises(GanatomyError, match="It is one of LeastSquares, Minimax, NonSaturating"):
        Spec(Wasserstein, smoothing=0.1)


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
