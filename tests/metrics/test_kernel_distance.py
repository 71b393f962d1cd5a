"""The kernel distance against its definition, and that it is unbiased."""

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.kernel_distance import kernel_distance, kernel_distance_of_subsets

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
    assert kernel_distance(a, b) == pytest.approx(by_definition(a, b), rel=1e-12)
    assert kernel_distance(a, b) == pytest.approx(kernel_distance(b, a), rel=1e-12)


def test_two_samples_of_one_distribution_are_0_within_the_error() -> None:
    a, b = DRAW.normal(size=(2000, 8)), DRAW.normal(size=(2000, 8))
    found = kernel_distance_of_subsets(a, b, subsets=50, size=400)
    assert abs(found.mean) < 3 * found.error
    assert found.error < found.deviation


def test_the_estimate_is_unbiased_where_the_frechet_distance_is_not() -> None:
    few = [kernel_distance(DRAW.normal(size=(10, 4)), DRAW.normal(size=(10, 4))) for _ in range(400)]
    assert abs(np.mean(few)) < 4 * np.std(few) / 20


def test_a_shift_is_seen_and_grows() -> None:
    a, b = DRAW.normal(size=(500, 6)), DRAW.normal(size=(500, 6))
    found = [kernel_distance(a, b + shift) for shift in (0.0, 0.5, 1.0)]
    assert found[0] < found[1] < found[2]


def test_subsets_of_all_rows_are_the_whole() -> None:
    a, b = DRAW.normal(size=(40, 3)), DRAW.normal(1, 1, size=(40, 3))
    found = kernel_distance_of_subsets(a, b, subsets=3, size=40)
    assert found.mean == pytest.approx(kernel_distance(a, b))
    assert found.deviation == pytest.approx(0, abs=1e-12)


def test_subsets_depend_on_the_seed_alone() -> None:
    a, b = DRAW.normal(size=(60, 3)), DRAW.normal(size=(60, 3))
    one, same, other = (kernel_distance_of_subsets(a, b, subsets=4, size=20, seed=s) for s in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (np.zeros((5, 3)), np.zeros((5, 2)), r"\[5, 3\] and \[5, 2\]"),
        (np.zeros((1, 3)), np.zeros((5, 3)), "there are 1 and 5"),
    ],
)
def test_what_cannot_be_compared_is_one_line(a: np.ndarray, b: np.ndarray, said: str) -> None:
    with pytest.raises(GanatomyError, match=said):
        kernel_distance(a, b)


def test_subsets_larger_than_the_set_are_one_line() -> None:
    with pytest.raises(GanatomyError, match="Subsets of 1000 rows cannot be drawn from 5"):
        kernel_distance_of_subsets(np.zeros((5, 3)), np.zeros((9, 3)))
