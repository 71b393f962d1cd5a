"""Replayed turns give the same bits as eager ones. CUDA captures graphs; here, a stand-in does."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ganatomy.core.game import Play
from ganatomy.core.randomness import Draws
from ganatomy.engine.cuda_graphs import WARM_UP, Figures, NotCapturableError, StaticDraws, TracedDraws
from ganatomy.engine.engine import Engine
from ganatomy.engine.optimizers import Adam
from ganatomy.networks.normalization import Normalization
from ganatomy.objectives.augment import DiffAugment, InstanceNoise
from ganatomy.objectives.penalties import R1, Consistency, GradientPenalty
from tests.laws.test_engine import conv_players, engine, largest_difference, weights

ROUNDS = 16
MIDDLE = {"penalties": (GradientPenalty(), Consistency(on="both", shift=1)), "augment": (DiffAugment(),)}


class Again:
    """Captures a function by doing it once, undone, and replays it by doing it again."""

    def __init__(self, played: Engine) -> None:
        self.played, self.recorded, self.replayed = played, 0, 0

    def __call__(self, function: Callable[[], Figures]) -> tuple[Callable[[], None], Figures]:
        state = list(self.played.game.state_dict().values())
        for optimizer in self.played.torch_optimizers.values():
            state += [value for own in optimizer.state.values() for value in own.values()]
        before, chance = [value.clone() for value in state], torch.get_rng_state()
        try:
            figures = function()
        finally:
            torch.set_rng_state(chance)
            with torch.no_grad():
                for value, old in zip(state, before, strict=True):
                    value.copy_(old)
        self.recorded += 1

        def replay() -> None:
            self.replayed += 1
            figures.values.copy_(function().values)

        return replay, figures


def both_ways(rules: dict[str, Any]) -> tuple[Engine, Engine, Again]:
    """The same rounds played eagerly and from captured graphs."""
    norm: Normalization = "layer" if "penalties" in rules else "batch"
    plain, recorded = (
        engine(conv_players(norm), Adam(), precision="float32", rules=copy.deepcopy(rules)) for _ in "ab"
    )
    recorded.capture = again = Again(recorded)
    for _ in range(ROUNDS):
        plain.play_round()
        recorded.play_round()
    return plain, recorded, again


def assert_equal(plain: Engine, recorded: Engine) -> None:
    assert largest_difference(weights(plain.game), weights(recorded.game)) == 0
    for name, value in plain.game.state_dict().items():
        assert torch.equal(value, recorded.game.state_dict()[name]), name
    assert plain.ledger.means() == recorded.ledger.means()


def test_replayed_turns_equal_eager_ones() -> None:
    plain, recorded, again = both_ways({"d_steps": 2})
    assert again.recorded == 2
    assert again.replayed == 3 * ROUNDS - 2 * WARM_UP
    assert_equal(plain, recorded)


def test_every_set_of_lazy_penalties_has_its_own_capture() -> None:
    plain, recorded, again = both_ways({"penalties": (R1(every=2), GradientPenalty(every=3))})
    assert_equal(plain, recorded)
    answers = recorded.graphed[0, ("D",)].captured
    assert {(True, False), (False, False)} <= set(answers)
    assert again.replayed > ROUNDS


def test_numbers_drawn_in_the_middle_of_a_turn_are_those_of_its_round() -> None:
    plain, recorded, again = both_ways(MIDDLE)
    assert_equal(plain, recorded)
    assert again.replayed == 2 * (ROUNDS - WARM_UP)


def test_a_turn_that_asks_for_the_clock_says_so_and_is_played_eagerly() -> None:
    with pytest.warns(UserWarning, match=r"without a CUDA graph, and slower: it reads play\.images"):
        plain, recorded, again = both_ways({"augment": (InstanceNoise(sigma=0.1, until=10**6),)})
    assert_equal(plain, recorded)
    assert again.replayed == 0
    assert all(graphed.refused for graphed in recorded.graphed.values())


def test_a_turn_that_cannot_be_captured_says_so_once_and_is_played_eagerly() -> None:
    plain, recorded = (engine(conv_players(), Adam(), precision="float32") for _ in "ab")

    def fails(function: Callable[[], Figures]) -> tuple[Callable[[], None], Figures]:
        raise RuntimeError("operation not permitted here\nand more")

    recorded.capture = fails
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(ROUNDS):
            plain.play_round()
            recorded.play_round()
    said = [str(warning.message) for warning in caught]
    line = "A turn is played without a CUDA graph, and slower: operation not permitted here"
    assert said == [line] * 2  # D's and G's
    assert_equal(plain, recorded)


def test_turns_are_captured_anew_after_a_restart() -> None:
    plain, recorded, _ = both_ways({})
    recorded.restore(*plain.state())
    assert not recorded.graphed
    for _ in range(ROUNDS):
        plain.play_round()
        recorded.play_round()
    assert_equal(plain, recorded)


def test_static_draws_are_those_of_the_turn_they_were_put_for() -> None:
    asked: list[Callable[[Draws], Tensor]] = [
        lambda draws: draws.normal("z", 3),
        lambda draws: draws.uniform("share", 1, low=-1.0),
        lambda draws: draws.integers("place", 7),
    ]
    traced = TracedDraws(Draws((0, 1), slice(2, 6), 8))
    for ask in asked:
        ask(traced)
    static = StaticDraws(traced, traced.drawn)
    with pytest.raises(NotCapturableError):
        static.normal("another", 3)
    later = Draws((0, 2), slice(2, 6), 8)
    static.put(later)
    for ask in asked:
        assert torch.equal(ask(static), ask(later))


def test_what_is_due_is_due_once_in_so_many_rounds() -> None:
    due = [Play(round, 0, Draws((0,), slice(0, 1), 1)).due(3) for round in range(6)]
    assert due == [True, False, False, True, False, False]
