"""Every registered recipe, without anyone adding a test: it builds, plays, and sends a gradient to every parameter."""

import inspect
import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from typer.main import get_command

from ganatomy.cli.main import app
from ganatomy.core.players import (
    Discriminator,
    Encoder,
    Generator,
    PairDiscriminator,
    PatchDiscriminator,
    Translator,
)
from ganatomy.core.recipe import Recipe, recipes
from ganatomy.core.shape import Shape
from ganatomy.data.images import ImageSet, pair
from ganatomy.data.unpaired import Unpaired
from ganatomy.engine.engine import Engine
from ganatomy.experiments.build import build_engine
from ganatomy.experiments.train import prepared
from ganatomy.objectives.adversarial import Hinge, Relativistic, Wasserstein
from ganatomy.testing import CHANNELS, random_domains, random_images

OWN_SHAPES = {"digits": Shape(1, 8, 8), "mnist": Shape(1, 28, 28), "fashion-mnist": Shape(1, 28, 28)}
ANY_SHAPE = Shape(3, 32, 32)
BATCH, CLASSES, IMAGES = 4, 10, 40
ONLY_DIFFERENCES = (Wasserstein, Relativistic, Hinge)
"""Losses to which a number added to every score is nothing; to the hinge, as long as scores are within its margins."""


def tiny(name: str) -> Recipe:
    """A recipe at a tenth of its width and with one residual block, four images at a time."""
    there = recipes[name]()
    small = {"width": 0.1, "blocks": 1}
    players = {k: p.replace(**{n: v for n, v in small.items() if n in p.settings}) for k, p in there.players.items()}
    return there.replace(players=players, batch=BATCH, accumulate=1, precision="float32")


def stand_in(recipe: Recipe) -> ImageSet:
    """Random images of the recipe's shape, so that its data need not be here."""
    settings = recipe.data.settings
    shape = OWN_SHAPES.get(settings["source"], ANY_SHAPE)
    shape = Shape(CHANNELS.get(settings["channels"], shape.channels), *(pair(settings["size"]) or shape[1:]))
    return random_domains(shape) if recipe.data.part is Unpaired else random_images(shape, CLASSES, IMAGES)


@pytest.fixture(scope="module", params=list(recipes))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return tiny(request.param)


@pytest.fixture(scope="module")
def engine(recipe: Recipe) -> Engine:
    """For all tests of its recipe, one after another."""
    return build_engine(recipe, stand_in(recipe), torch.device("cpu"))


def test_two_rounds_play_and_every_parameter_gets_a_gradient(engine):
    gradients: dict[str, list[torch.Tensor | None]] = {}

    def spied(player: str) -> None:
        optimizer = engine.torch_optimizers[player]
        step = optimizer.step

        def record() -> None:
            for name, parameter in engine.players[player].named_parameters():
                gradients.setdefault(f"{player}.{name}", []).append(
                    None if parameter.grad is None else parameter.grad.clone()
                )
            step()

        optimizer.step = record

    before = {name: value.clone() for name, value in engine.game.named_parameters() if value.requires_grad}
    for player in engine.players:
        spied(player)
    for _ in range(2):
        engine.play_round()
    assert set(gradients) == set(before)
    for name, seen in gradients.items():
        assert all(g is not None and g.isfinite().all() for g in seen), name
        if name == "D.score.bias" and isinstance(engine.game.loss, ONLY_DIFFERENCES):
            before.pop(name)
            continue
        assert any(g.count_nonzero() for g in seen if g is not None), f"{name} only ever gets zeros"
    after = dict(engine.game.named_parameters())
    for name, value in before.items():
        assert not torch.equal(value, after[name]), f"{name} did not move"
    figures = engine.ledger.means()
    assert figures
    assert all(np.isfinite(value) for value in figures.values())


def test_players_take_and_give_the_shapes_of_their_kind(recipe, engine):
    x, y = engine.feed.batch(0, BATCH)
    engine.game.eval()
    for name, player in engine.players.items():
        if isinstance(player, Generator):
            images = player(player.prior.sample(0, 0, BATCH), y if player.classes else None)
            assert images.shape == x.shape, name
            assert images.abs().max() <= 1
        elif isinstance(player, Discriminator):
            assert player(x, y if player.classes else None).shape == (BATCH,), name
        elif isinstance(player, Encoder):
            assert player(x).shape == (BATCH, engine.players["G"].prior.size), name
        elif isinstance(player, Translator):
            assert player(x).shape == x.shape, name
            assert player(x).abs().max() <= 1
        elif isinstance(player, PatchDiscriminator):
            assert player(x).shape[0] == BATCH and player(x).dim() == 3, name
        elif isinstance(player, PairDiscriminator):
            z = engine.players["G"].prior.sample(0, 0, BATCH)
            assert player(x, z).shape == (BATCH,), name
        else:
            assert player(x).shape == (BATCH, CLASSES), name
    engine.game.train()


def test_held_out_figures_change_nothing(engine):
    engine.play_round()
    before = {name: value.clone() for name, value in engine.game.state_dict().items()}
    assert engine.on_held_out()
    assert all(torch.equal(value, before[name]) for name, value in engine.game.state_dict().items())
    assert engine.game.training


def commands(said: str) -> Iterator[Recipe]:
    """What each `ganatomy train` of a docstring would train; a command ends with its clause or its line."""
    train = get_command(app).commands["train"]
    for line in re.findall(r"^ganatomy train (.+)$", said, re.MULTILINE):
        words = re.split(r"[.,:;](?:\s|$)", line)[0].split()
        asked = train.make_context("train", words).params
        yield prepared(asked["recipe"], asked["assignments"] or (), data=asked["data"], images=None, seed=None)


@pytest.mark.parametrize("name", recipes)
def test_a_recipe_says_what_it_is(name):
    there = recipes[name]()
    said = inspect.getdoc(recipes[name]) or ""
    assert there.name == name
    assert any(found.name == name for found in commands(said)), "its command, with overrides that it has"
    unknown = " ".join(re.findall(r"(Score|Time|Score and time):\s+not\s+measured", said)).lower()
    assert ("score" in unknown) == (there.expected == "not measured")
    assert ("time" in unknown) == (there.time == "not measured")
    papers, reports = re.findall(r"[^;]+ \(\d{4}\)", there.paper), re.findall(r"report, '(.+?)'", there.paper)
    text = " ".join(re.sub(r"`.*?`|ganatomy train \S+", "", said).split())
    sources = [*(paper.strip() for paper in papers), *(f"{report} report" for report in reports)]
    assert not sources or any(source in text for source in sources), "a source"
    if re.search(r"\b[Rr]eport", text):
        assert any(f"{report} report" in text for report in reports), "which report"


@pytest.mark.parametrize("name", recipes)
def test_a_recipe_is_made_anew_each_time_and_always_the_same(name):
    assert recipes[name]() == recipes[name]()
