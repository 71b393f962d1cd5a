"""Precision and recall on sets one can count, and what fools them."""

import numpy as np
import pytest

from ganatomy.metrics.precision_recall import precision, recall

LINE = np.arange(6.0)[:, None]


def test_a_set_is_precise_and_complete_beside_itself() -> None:
    assert precision(LINE, LINE) == recall(LINE, LINE) == 1.0


def test_one_picture_is_precise_and_recalls_what_it_reaches() -> None:
    one = np.repeat(LINE[2:3], 5, axis=0)
    assert precision(LINE, one) == 1.0
    assert recall(LINE, one) == pytest.approx(1 / 6), "its own neighborhoods reach nowhere"


def test_noise_is_neither() -> None:
    far = LINE + 100
    assert precision(LINE, far) == recall(LINE, far) == 0.0


def test_a_hand_computed_example() -> None:
    """With k=1 each of 0..5 reaches 1 far: 5.9, -0.9 and 2.2 are inside, 6.5 is not."""
    generated = np.array([[5.9], [-0.9], [6.5], [2.2]])
    assert precision(LINE, generated, k=1) == 0.75
    # reaches of 5.9, -0.9, 6.5, 2.2 to the nearest other: 0.6, 3.1, 0.6, 3.1: they hold 0..5
    assert recall(LINE, generated, k=1) == 1.0


def test_an_outlier_makes_noise_precise() -> None:
    outlier = np.vstack([LINE, [[1000.0]]])
    assert precision(LINE, np.array([[500.0]])) == 0.0
    assert precision(outlier, np.array([[500.0]])) == 1.0
