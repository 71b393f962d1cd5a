"""What the reports say of their recipes stands in ours: a number that slips is no longer theirs.

Read off the reports by hand, report by report; what a report leaves open is ours and not here.
"""

import re
from typing import Any

import pytest

import ganatomy.recipes
from ganatomy.core.recipe import recipes

assert ganatomy.recipes
Said = dict[str, Any]
EPOCH = 1_067  # horses
FACES, BEDROOMS, IMAGENET = 202_599, 3_033_042, 1_281_167
ANIMAL_FACES = 14_630


def adam(rate: float, *players: str, beta1: float = 0.5) -> Said:
    players = players or ("G", "D")
    return {f"optimizers.{p}.{key}": v for p in players for key, v in (("use", "Adam"), ("lr", rate), ("beta1", beta1))}


def normed(kind: str, *players: str) -> Said:
    return {f"players.{name}.normalization": kind for name in players or ("G", "D")}


def losses(name: str, **settings: Any) -> Said:
    return {"game.loss.use": name, **{f"game.loss.{key}": value for key, value in settings.items()}}


# mnist-conditional: "The optimizer used for training is Adam(learning_rate=0.002, beta=0.5)", dropout 0.25, ReLU in G
# and leaky ReLU of 0.2 in D, batch norm, Conv128-Conv64, Conv256-Conv128, Conv512-Conv256 in G.
DEPTHS = {
    **adam(0.002),
    **normed("batch"),
    **losses("NonSaturating", smoothing=0.0),
    **{"players.G.activation": "relu", "players.D.activation": "leaky", "players.D.dropout": 0.25},
    **{"data.source": "mnist", "data.size": 28, "game.order": "alternating"},
}
# Its tables name virtual batch norm (VB) and one-sided label smoothing (LS); classes are told to both players.
PLAIN = {"players.G.conditional": True, "players.D.conditional": True, "game.loss.smoothing": 0.0}
VB = normed("virtual", "G")
LS = {"game.loss.smoothing": 0.1, "game.loss.two_sided": False}
CGAN = {"players.G.use": "MLPGenerator", "players.D.use": "MLPDiscriminator", **PLAIN}
CDCGAN = {"players.G.use": "DCGANGenerator", "players.D.use": "DCGANDiscriminator", **PLAIN}

# dcgan-representation: uniform on (-1, 1), Adam 0.0002 with momentum 0.5, 128 samples, N(0, 0.02), about 100 latents;
# D on real, D on generated, then G, each its own step; binary cross-entropy.
ROUTINE = {
    **adam(2e-4),
    **normed("batch"),
    **losses("NonSaturating", smoothing=0.0),
    **{"batch": 128, "game.order": "split", "players.G.prior": "uniform", "players.G.latent": 100},
    **{"players.G.deviation": 0.02, "players.D.deviation": 0.02, "players.G.stride": 2},
}
# 1024x4x4 dense units, then 768, 512, 384 and 256 maps, stride 2; D of 128, 256 and 512; faces cropped to 70 %.
WIDE = {"players.G.channels": [1024, 768, 512, 384, 256], "players.G.start": 4, "players.D.channels": [128, 256, 512]}
CROPPED = {"data.source": "celeba", "data.crop": 0.7}
AT_128 = {**ROUTINE, **CROPPED, "data.size": 128, "images": 20 * FACES}

# animal-faces: 64 x 64 x 3; DCGAN with 30 latents and Adam 1e-4; WGAN with Adam 1e-3, weights clipped to [-0.01, 0.01],
# 128 images, 100 epochs, ReLU and batch norm, first dense with 3 layers, without norm and clipping; BiGAN with 100
# latents, 2e-4, 150 epochs.
ANIMALS = {"data.source": "afhq", "data.size": 64, "data.channels": "rgb"}
BARE = {**adam(1e-3), **losses("Wasserstein"), "batch": 128}
CLIPPED = {
    **BARE,
    **normed("batch"),
    **{"game.constraint.use": "WeightClipping", "game.constraint.window": 0.01, "game.constraint.clip_gains": True},
    **{"game.d_steps": 1, "game.g_steps": 1},
}
CONVOLUTIONS = {"players.G.use": "DCGANGenerator", "players.D.use": "DCGANDiscriminator"}
DENSE = {"players.G.use": "MLPGenerator", "players.D.use": "MLPDiscriminator"}
BIGAN = {
    **adam(2e-4, "G", "E", "D"),
    **{f"players.{name}.latent": 100 for name in ("G", "E", "D")},
    **{"game.use": "BiGAN", "players.E.activation": "relu", "players.E.normalization": "batch"},
}

# unpaired-translation: Adam 0.0001; the minimax loss; DC-GAN from 100 to 1024 maps, then halved, D from 128, doubled.
DENSE_MINIMAX = {**DENSE, **adam(1e-4), **losses("Minimax", smoothing=0.0)}
FOUR_STACKS = {
    **adam(1e-4),
    **normed("batch"),
    **{"players.G.channels": [1024, 512, 256], "players.D.channels": [128, 256, 512], "players.G.latent": 100},
    **{"players.G.activation": "relu", "players.D.activation": "leaky"},
}
# CycleGAN: labels 0 and 1, lambdas 10 and 5, L1, 50 old images, 128 px cut out of somewhat larger ones, flips, 2e-4,
# falling after 100 epochs, 180 epochs in all; with consistency 220, weight 1, on generated images, a few pixels.
HORSES = {
    **adam(2e-4, "G", "F", "D_X", "D_Y"),
    **losses("LeastSquares", fake_label=0.0, real_label=1.0, wanted=1.0, smoothing=0.0),
    **{"game.cycle": 10.0, "game.identity": 5.0, "game.distance": "l1", "game.history": 50},
    **{"data.size": 128, "data.flip": True, "batch": 1},
    **{f"optimizers.{name}.schedule.after": 100 * EPOCH for name in ("G", "F", "D_X", "D_Y")},
}


def for_epochs(count: int) -> Said:
    until = {f"optimizers.{name}.schedule.until": count * EPOCH for name in ("G", "F", "D_X", "D_Y")}
    return {"images": count * EPOCH, **until}


# cifar10-architectures: 32 px, train and test "concatenated together", real=1 and fake=0, class labels smoothed;
# WGAN after its paper (arXiv:1701.07875, algorithm 1: 5e-5, 0.01, n_critic 5); final BigGAN with shared embedding,
# conditional batch norm, hinge, spectral norm of D, StepLR, label smoothing, an auxiliary accuracy, 25 epochs.
CIFAR = {"data.source": "cifar10", "data.size": 32}
TOGETHER = {**CIFAR, "data.subset": "train+test", "game.use": "ACGAN", "game.auxiliary.use": "SoftmaxCrossEntropy"}
SMOOTHED = {**TOGETHER, "game.auxiliary.smoothing": 0.1, "players.D.auxiliary": "softmax"}

REPORTED: dict[str, Said] = {
    "mnist-dcgan-shallow-report": {**DEPTHS, "players.G.channels": [128, 64]},
    "mnist-dcgan-medium-report": {**DEPTHS, "players.G.channels": [256, 128]},
    "mnist-dcgan-deep-report": {**DEPTHS, "players.G.channels": [512, 256]},
    "mnist-dcgan-medium-vb": {**DEPTHS, **VB, "players.G.channels": [256, 128]},
    "mnist-cgan": CGAN,
    "mnist-cgan-vb": {**CGAN, **VB},
    "mnist-cgan-ls": {**CGAN, **LS},
    "mnist-cgan-vb-ls": {**CGAN, **VB, **LS},
    "mnist-cdcgan": CDCGAN,
    "mnist-cdcgan-vb": {**CDCGAN, **VB},
    "mnist-cdcgan-ls": {**CDCGAN, **LS},
    "mnist-cdcgan-vb-ls": {**CDCGAN, **VB, **LS},
    "mnist-cdcgan-guided": {**CDCGAN, "game.use": "Guided"},
    "mnist32-dcgan": {
        **ROUTINE,
        **{"data.source": "mnist", "data.size": 32, "data.rotate": 30.0},
        **{"players.G.activation": "leaky", "players.D.activation": "leaky"},
    },
    "celeba32-dcgan": {
        **ROUTINE,
        **CROPPED,
        "data.size": 32,
        "players.D.channels": [128, 256, 512],
        "images": 190 * FACES,
    },
    "celeba64-dcgan-report": {**ROUTINE, **CROPPED, **WIDE, "data.size": 64, "images": 190 * FACES},
    "lsun64-dcgan": {
        **ROUTINE,
        **WIDE,
        **{"data.source": "lsun-bedroom", "data.size": 64, "players.G.latent": 128, "images": 9 * BEDROOMS},
    },
    "imagenet32-dcgan": {
        **ROUTINE,
        **{"data.source": "imagenet-32", "data.size": 32, "data.flip": True, "players.D.channels": [128, 256, 512]},
        "images": 60 * IMAGENET,
    },
    "celeba128-dcgan-start": {**AT_128, "players.G.start": 8},
    "celeba128-dcgan-deep": {**AT_128, "players.G.last_stride": None, "players.G.start": None},
    "celeba128-dcgan-stride": {**AT_128, "players.G.last_stride": 4},
    "animals64-dcgan": {**ANIMALS, **CONVOLUTIONS, **adam(1e-4), **normed("batch"), "players.G.latent": 30},
    "animals64-wgan-report": {
        **ANIMALS,
        **CLIPPED,
        **CONVOLUTIONS,
        **{"players.D.activation": "relu", "images": 100 * ANIMAL_FACES},
    },
    "animals64-wgan-dense-report": {**ANIMALS, **CLIPPED, **DENSE},
    "animals64-cwgan-report": {
        **ANIMALS,
        **CLIPPED,
        **CONVOLUTIONS,
        **{
            "players.G.conditional": True,
            "players.G.latent": 97,
            "players.G.embedding": 3,
            "players.G.prior": "normal",
            "images": 100 * ANIMAL_FACES,
        },
    },
    "animals64-bigan": {**ANIMALS, **BIGAN, "images": 150 * ANIMAL_FACES},
    "mnist-wgan-report": {**CLIPPED, **CONVOLUTIONS, "players.D.activation": "relu"},
    "mnist-wgan-dense-report": {**CLIPPED, **DENSE},
    "mnist-wgan-dense-bare-report": {**BARE, **DENSE, **normed("none"), "game.constraint": None},
    "mnist-wgan-dense-wide-report": {**CLIPPED, **DENSE},
    "mnist-bigan-report": BIGAN,
    "mnist-vanilla-report": DENSE_MINIMAX,
    "mnist-dcgan-1024-report": {**FOUR_STACKS, **losses("Minimax", smoothing=0.0)},
    "mnist-wgan-sn-report": {
        **FOUR_STACKS,
        **losses("Wasserstein"),
        **{"game.constraint.use": "SpectralNormalization", "game.constraint.players": ["D"]},
    },
    "horse2zebra-cyclegan": {**HORSES, **for_epochs(180), "game.consistency": None},
    "horse2zebra-cyclegan-cr": {
        **HORSES,
        **for_epochs(220),
        **{"game.consistency.on": "fake", "game.consistency.weight": 1.0, "game.consistency.flip": True},
    },
    "cifar10-dcgan": {**CIFAR, **CONVOLUTIONS},
    "cifar10-cgan": {**CIFAR, "players.G.conditional": True, "players.D.conditional": True},
    "cifar10-wgan-report": {
        **CIFAR,
        "data.subset": "train+test",
        **losses("Wasserstein"),
        **{"optimizers.G.lr": 5e-5, "optimizers.D.lr": 5e-5, "game.d_steps": 5},
        **{"game.constraint.use": "WeightClipping", "game.constraint.window": 0.01, "game.constraint.clip_gains": True},
    },
    "cifar10-acgan": {**CIFAR, "game.use": "ACGAN", "game.auxiliary.use": "SoftmaxCrossEntropy"},
    "cifar10-acgan-report": {**SMOOTHED, **losses("NonSaturating", smoothing=0.0)},
    "cifar10-acgan-biggan": {**CIFAR, "game.use": "ACGAN", "players.D.use": "BigGANDiscriminator"},
    "cifar10-biggan": {**CIFAR, **losses("Hinge"), "players.G.split": True, "players.G.conditional": True},
    "cifar10-biggan-report": {
        **SMOOTHED,
        **losses("Hinge"),
        **{"game.constraint.use": "SpectralNormalization", "game.constraint.players": ["D"]},
        **{"players.G.use": "BigGANGenerator", "players.G.split": True, "players.G.conditional": True},
        **{"players.D.use": "BigGANDiscriminator", "images": 25 * 60_000},
        **{f"optimizers.{name}.schedule.use": "Step" for name in ("G", "D")},
    },
}

OURS = {
    *("mnist-dcgan-shallow", "mnist-dcgan-medium", "mnist-dcgan-deep", "mnist-dcgan-1024"),
    *("mnist-cdcgan-tuned", "mnist-guide"),
    *("mnist-wgan", "mnist-wgan-sn", "mnist-wgan-dense", "mnist-cwgan", "mnist-bigan"),
    *("celeba64-smile-cyclegan", "celeba64-smile-cyclegan-cr", "digits-cyclegan"),
    *("animals64-wgan", "animals64-wgan-gp", "animals64-cwgan", "animals64-cdcgan", "animals64-r3gan"),
    *("cats64-dcgan", "cats64-bigan", "cats64-wgan-gp", "cats64-r3gan"),
    *("cifar10-dcgan-tuned", "cifar10-wgan", "cifar10-wgan-gp", "cifar10-sngan", "cifar10-r3gan"),
}
"""Recipes that name a report and are not as it has them: what mends one, or the same on other data."""


@pytest.mark.parametrize("name", REPORTED)
def test_a_recipe_has_what_its_report_says(name: str) -> None:
    fields = recipes[name]().flat()
    assert {key: fields.get(key, "absent") for key in REPORTED[name]} == REPORTED[name]


def test_every_recipe_of_a_report_is_held_to_it() -> None:
    named = {name for name, make in recipes.items() if "a study report" in make().paper}
    assert {name for name in recipes if name.endswith("-report")} <= set(REPORTED)
    assert named == (set(REPORTED) | OURS) & named and not set(REPORTED) & OURS
    assert set(REPORTED) | OURS <= set(recipes)


def test_penalties_are_those_of_the_report() -> None:
    asked = {name: [p.name for p in recipes[name]().game.settings.get("penalties", ())] for name in REPORTED}
    assert {name: found for name, found in asked.items() if found} == {"cifar10-acgan-biggan": ["GradientPenalty"]}


def test_dense_players_grow_as_the_report_has_them() -> None:
    """Three layers, and then more layers of more neurons."""
    first, second, wider = (recipes[f"mnist-wgan-dense{name}-report"]().players for name in ("-bare", "", "-wide"))
    for player in ("G", "D"):
        hidden = [players[player].settings["hidden"] for players in (first, second, wider)]
        assert len(hidden[0]) == 3 and hidden[0] == hidden[1]
        assert len(hidden[2]) > 3 and sum(hidden[2]) > sum(hidden[1])


def test_convolutions_are_as_many_as_the_animal_faces_report_has() -> None:
    """Five in each player: a projection and four, four and a score; an encoder of five."""
    for name in ("animals64-dcgan", "animals64-wgan-report", "animals64-cwgan-report"):
        players = recipes[name]().players
        assert [len(players[player].settings["channels"]) + 1 for player in ("G", "D")] == [5, 5]
    for name in ("animals64-bigan", "mnist-bigan-report"):
        assert len(recipes[name]().players["E"].settings["channels"]) + 1 == 5, "its last is linear"


def test_a_report_that_fails_names_what_does_not() -> None:
    """In its docstring, the recipe without -report, or another that there is."""
    for name in recipes:
        if name.endswith("-report"):
            named = re.findall(r"`([a-z0-9-]+)`", recipes[name].__doc__ or "")
            assert [other for other in named if other in recipes and not other.endswith("-report")], name
