"""What the reports say of their unconditional recipes stands in ours: a number that slips is no longer theirs."""

import pytest

import ganatomy.recipes
from ganatomy.core.recipe import recipes

assert ganatomy.recipes
REPORTED = {
    "mnist-dcgan-shallow": {"G": (128, 64), "lr": 2e-3, "dropout": 0.25},
    "mnist-dcgan-medium": {"G": (256, 128), "lr": 2e-3, "dropout": 0.25},
    "mnist-dcgan-deep-report": {"G": (512, 256), "lr": 2e-3, "dropout": 0.25},
    "mnist-dcgan-1024-report": {"G": (1024, 512, 256), "D": (128, 256, 512), "lr": 1e-4, "loss": "Minimax"},
    "mnist32-dcgan": {"lr": 2e-4, "rotate": 30.0, "activation": "leaky", "size": 32, "prior": "uniform", "batch": 128},
    "celeba32-dcgan": {"D": (128, 256, 512), "lr": 2e-4, "size": 32, "prior": "uniform", "batch": 128},
    "celeba64-dcgan-report": {
        **{"G": (1024, 768, 512, 384, 256), "D": (128, 256, 512), "latent": 100},
        **{"lr": 2e-4, "size": 64, "prior": "uniform", "batch": 128},
    },
    "lsun64-dcgan": {"G": (1024, 768, 512, 384, 256), "latent": 128, "lr": 2e-4, "size": 64, "prior": "uniform"},
    "imagenet32-dcgan": {"D": (128, 256, 512), "lr": 2e-4, "size": 32, "prior": "uniform", "batch": 128},
    "animals64-dcgan": {"latent": 30, "lr": 1e-4, "size": 64},
}
FIELDS = {
    "G": "players.G.channels",
    "D": "players.D.channels",
    "latent": "players.G.latent",
    "prior": "players.G.prior",
    "activation": "players.G.activation",
    "dropout": "players.D.dropout",
    "lr": "optimizers.G.lr",
    "rotate": "data.rotate",
    "size": "data.size",
    "batch": "batch",
    "loss": "game.loss.use",
}


@pytest.mark.parametrize("name", REPORTED)
def test_a_recipe_has_what_its_report_says(name: str) -> None:
    fields = recipes[name]().flat()
    for said, value in REPORTED[name].items():
        found = fields[FIELDS[said]]
        assert (tuple(found) if isinstance(value, tuple) else found) == value, said
    assert fields["optimizers.D.lr"] == fields["optimizers.G.lr"] and fields["game.loss.smoothing"] == 0
    assert fields["optimizers.G.beta1"] == fields["optimizers.D.beta1"] == 0.5
