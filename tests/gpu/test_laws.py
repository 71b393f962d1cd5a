"""The engine's laws on a GPU: the same tests, on another device."""

import warnings

import numpy as np
import pytest
import torch

import ganatomy.recipes
from ganatomy.core.recipe import find_recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images, ImageSet, Split
from ganatomy.engine.engine import Engine
from ganatomy.engine.optimizers import RMSprop
from ganatomy.engine.schedules import Linear
from ganatomy.experiments.build import build_engine
from ganatomy.experiments.judging import find_judge
from ganatomy.objectives.penalties import R1
from tests.laws import test_engine as laws
from tests.laws.test_cuda_graphs import MIDDLE
from tests.laws.test_engine import (  # noqa: F401 (collected here, too)
    test_accumulating_equals_one_batch,
    test_accumulating_equals_one_batch_in_simultaneous_play,
    test_bfloat16_stays_near_float32,
    test_clipping_bounds_the_gradient,
    test_frozen_players_keep_their_weights_and_optimizer_state,
    test_movers_move_exactly_as_often_as_the_order_says,
    test_no_state_is_given_away_with_weights_that_are_not_finite,
    test_simultaneous_gradients_equal_alternating_ones_at_the_same_weights,
    test_the_average_follows_its_formula,
    test_watching_changes_nothing,
)

assert ganatomy.recipes
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same arithmetic in every run: no TF32, no convolution that adds up in an order of its own."""
    monkeypatch.setattr(laws, "DEVICE", torch.device("cuda"))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


ROUNDS = 16  # of which most are recorded


def test_restoring_equals_never_stopping() -> None:
    straight, first, second = (laws.engine(laws.conv_players(), laws.Adam(), precision="float32") for _ in range(3))
    play(straight, 2 * ROUNDS)
    play(first, ROUNDS)
    second.restore(*first.state())
    play(second, ROUNDS)
    assert laws.largest_difference(laws.weights(straight.game), laws.weights(second.game)) == 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_replayed_turns_equal_eager_ones(precision: str) -> None:
    """With dropout, noise, a penalty that is due in one round of three, and rates that change."""
    rules = {"d_steps": 2, "penalties": (R1(every=3),)}
    how = laws.Adam(schedule=Linear(after=64, until=1_000))
    plain, recorded = (laws.engine(laws.conv_players("layer"), how, precision=precision, rules=rules) for _ in "ab")
    plain.capture = None
    play(plain, ROUNDS)
    play(recorded, ROUNDS)
    assert sum(len(graphed.captured) for graphed in recorded.graphed.values()) == 3
    assert laws.largest_difference(laws.weights(plain.game), laws.weights(recorded.game)) == 0
    assert plain.ledger.means() == recorded.ledger.means()


def test_numbers_drawn_in_the_middle_of_a_turn_are_those_of_its_round() -> None:
    """Their places share no memory with what the turn lets go of before it asks for them."""
    layered = [laws.conv_players("layer") for _ in "ab"]
    plain, recorded = (laws.engine(players, laws.Adam(), precision="float32", rules=MIDDLE) for players in layered)
    plain.capture = None
    play(plain, ROUNDS)
    play(recorded, ROUNDS)
    assert all(graphed.captured for graphed in recorded.graphed.values())
    assert laws.largest_difference(laws.weights(plain.game), laws.weights(recorded.game)) == 0


@pytest.mark.parametrize("how", [laws.SGD(lr=0.1, momentum=0.5), RMSprop(lr=1e-3), laws.Adam(clip=0.1)])
def test_every_optimizer_steps_within_a_capture(how: laws.Optimizer) -> None:
    plain, recorded = (laws.engine(laws.conv_players(), how, precision="float32") for _ in "ab")
    plain.capture = None
    play(plain, ROUNDS)
    play(recorded, ROUNDS)
    assert all(graphed.captured for graphed in recorded.graphed.values())
    assert laws.largest_difference(laws.weights(plain.game), laws.weights(recorded.game)) == 0


@pytest.mark.parametrize(
    "name", ["digits-cdcgan", "mnist-cdcgan-vb-ls", "cifar10-biggan", "cifar10-reacgan", "mnist-bigan"]
)
def test_recipes_are_played_from_cuda_graphs(name: str) -> None:
    """Nothing in them waits for the host."""
    recipe = find_recipe(name)
    size = recipe.data.settings["size"]
    data = random_images(Shape(3 if name.startswith("cifar") else 1, size, size))
    engine = build_engine(recipe.replace(batch=8), data, torch.device("cuda"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(engine, 8)
    engine.check_finite()
    assert all(graphed.captured for graphed in engine.graphed.values())


def random_images(shape: Shape) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (512, *shape[1:], shape[0])).astype(np.uint8)
    split = Split(pixels, np.arange(512) % 10)
    return ImageSet(split, split.first(64), tuple("0123456789"), shape, "random", "random")


def play(engine: Engine, rounds: int) -> None:
    for _ in range(rounds):
        engine.play_round()


def test_a_judge_sees_the_same_on_a_gpu() -> None:
    spec = Spec(Images, source="digits")
    data = spec.build().open()
    judge = find_judge(data, spec)
    here = judge.see(data.held_out.images)
    there = judge.on(torch.device("cuda")).see(data.held_out.images)
    assert next(judge.network.parameters()).is_cuda
    for ours, theirs in zip(here, there, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
