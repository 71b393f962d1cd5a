"""The engine's laws on a GPU: the same tests, on another device."""

import pytest
import torch

from tests.laws import test_engine as laws
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


def test_restoring_equals_never_stopping() -> None:
    straight, first, second = (laws.engine(laws.conv_players(), laws.Adam(), precision="float32") for _ in range(3))
    for _ in range(4):
        straight.play_round()
    for _ in range(2):
        first.play_round()
    second.restore(*first.state())
    for _ in range(2):
        second.play_round()
    assert laws.largest_difference(laws.weights(straight.game), laws.weights(second.game)) == 0
