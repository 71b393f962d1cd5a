"""The kernel distance between two sets of features: KID, where they are Inception's.

Binkowski et al. (2018), "Demystifying MMD GANs", arXiv:1801.01401, section 4: the squared maximum mean discrepancy
(Gretton et al., 2012, equation 3) under a cubic kernel. Unlike the Fréchet distance's its estimate is unbiased, so
different numbers of images can be compared; a value a little below 0 says that nothing tells the two apart.
"""

from typing import NamedTuple

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.metrics.moments import Array

ROWS = 2048  # of a kernel matrix held at a time


class KernelDistance(NamedTuple):
    """The mean over subsets, the deviation between them, and the error of the mean."""

    mean: float
    deviation: float
    error: float


def kernel_distance(a: Array, b: Array) -> float:
    """The unbiased estimate from all rows; a: [N, d], b: [M, d], at least two each.

    >>> line = np.array([[0.0], [1.0]])
    >>> kernel_distance(line, line)
    -3.5
    """
    a, b = _checked(a, b)
    within = [(_kernel_sum(x, x) - float(np.sum(_kernel_diagonal(x)))) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return within[0] + within[1] - 2 * _kernel_sum(a, b) / (len(a) * len(b))


def kernel_distance_of_subsets(
    a: Array, b: Array, *, subsets: int = 100, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """As it is published: the mean of estimates from `subsets` random subsets of `size` rows each.

    The subsets share rows, so the error is not their deviation over the root of their number. The variance of such an
    estimate falls at least as 1 / N, so it is their deviation times the root of `size` over the fewer of N and M.
    """
    a, b = _checked(a, b)
    fewest = min(len(a), len(b))
    if not 2 <= size <= fewest:
        raise GanatomyError(f"Subsets of {size} rows cannot be drawn from {fewest}: take fewer, at least 2.")
    estimates = []
    for number in range(subsets):
        draw = keyed(seed, "kernel distance", number)
        estimates.append(kernel_distance(*(x[draw.choice(len(x), size, replace=False)] for x in (a, b))))
    deviation = float(np.std(estimates))
    return KernelDistance(float(np.mean(estimates)), deviation, deviation * (size / fewest) ** 0.5)


def _kernel_sum(a: Array, b: Array) -> float:
    total = 0.0
    for start in range(0, len(a), ROWS):
        part = a[start : start + ROWS] @ b.T
        part /= a.shape[1]
        part += 1
        total += float(np.sum(part * part * part))
    return total


def _kernel_diagonal(x: Array) -> Array:
    """(x . x / d + 1)^3 of each row."""
    diagonal: Array = (np.sum(x * x, axis=1) / x.shape[1] + 1) ** 3
    return diagonal


def _checked(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise GanatomyError(f"Features must be [N, d] and [M, d]; these are {list(a.shape)} and {list(b.shape)}.")
    if min(len(a), len(b)) < 2:
        raise GanatomyError(f"A kernel distance needs two rows of each; there are {len(a)} and {len(b)}.")
    return a, b
