"""The kernel distance against its definition, that it is unbiased, and that its error is the one it has."""

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics import kernel_distance as room
from ganatomy.metrics.kernel_distance import kernel_distance

DRAW = np.random.default_rng(0)


def by_definition(a: np.ndarray, b: np.ndarray) -> float:
    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / len(x) + 1) ** 3

    def within(x: np.ndarray) -> float:
        n = len(x)
        return sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    return within(a) + within(b) - 2 * np.mean([k(x, y) for x in a for y in b])


def test_it_is_its_definition_for_sets_of_any_size() -> None:
    a, b = DRAW.normal(size=(7, 5)), DRAW.normal(1, 2, size=(11, 5))
    assert kernel_distance(a, b).value == pytest.approx(by_definition(a, b), rel=1e-12)
    assert kernel_distance(a, b) == pytest.approx(kernel_distance(b, a), rel=1e-12)


def test_its_error_is_the_jackknifes() -> None:
    a, b = DRAW.normal(size=(7, 5)), DRAW.normal(1, 2, size=(5, 5))
    without = [[by_definition(np.delete(a, i, 0), b) for i in range(7)]]
    without.append([by_definition(a, np.delete(b, i, 0)) for i in range(5)])
    wanted = sum(np.var(found) * (len(found) - 1) for found in without) ** 0.5
    assert kernel_distance(a, b).error == pytest.approx(wanted, rel=1e-10)


def test_parts_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = DRAW.normal(size=(30, 5)), DRAW.normal(size=(20, 5))
    whole = kernel_distance(a, b)
    monkeypatch.setattr(room, "ROWS", 7)
    assert kernel_distance(a, b) == pytest.approx(whole, rel=1e-12)


def test_two_samples_of_one_distribution_are_0_within_the_error() -> None:
    found = kernel_distance(DRAW.normal(size=(500, 8)), DRAW.normal(size=(500, 8)))
    assert abs(found.value) < 3 * found.error < 0.1


@pytest.mark.parametrize("rows", [(20, 20), (20, 100), (150, 60)])
@pytest.mark.parametrize(("shift", "most"), [(0.0, 2.0**0.5), (0.5, 1.1)])
def test_the_error_is_the_spread_between_samples(rows: tuple[int, int], shift: float, most: float) -> None:
    draw = np.random.default_rng(0)
    found = [kernel_distance(draw.normal(size=(rows[0], 8)), draw.normal(shift, 1, (rows[1], 8))) for _ in range(400)]
    claimed = np.mean([one.error**2 for one in found]) ** 0.5
    assert 0.85 < claimed / np.std([one.value for one in found]) < 1.2 * most


def test_the_estimate_is_unbiased_where_the_frechet_distance_is_not() -> None:
    few = [kernel_distance(DRAW.normal(size=(10, 4)), DRAW.normal(size=(10, 4))).value for _ in range(400)]
    assert abs(np.mean(few)) < 4 * np.std(few) / 20


def test_a_shift_is_seen_and_grows() -> None:
    a, b = DRAW.normal(size=(500, 6)), DRAW.normal(size=(500, 6))
    found = [kernel_distance(a, b + shift).value for shift in (0.0, 0.5, 1.0)]
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (np.zeros((5, 3)), np.zeros((5, 2)), r"\[5, 3\] and \[5, 2\]"),
        (np.zeros((2, 3)), np.zeros((5, 3)), "need three rows of each; there are 2 and 5"),
    ],
)
def test_what_cannot_be_compared_is_one_line(a: np.ndarray, b: np.ndarray, said: str) -> None:
    with pytest.raises(GanatomyError, match=said):
        kernel_distance(a, b)
