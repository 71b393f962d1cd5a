"""The kernel distance between two sets of features: KID, where they are Inception's.

Binkowski et al. (2018), "Demystifying MMD GANs", arXiv:1801.01401, section 4: the squared maximum mean discrepancy
(Gretton et al., 2012, equation 3) under a cubic kernel. Unlike the Fréchet distance's its estimate is unbiased, so
different numbers of images can be compared; a value a little below 0 says that nothing tells the two apart.

Published values are means over a hundred random subsets of 1,000 rows. The estimate from all rows is their expectation,
for the same work, without the chance of the draw.
"""

from typing import NamedTuple

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.moments import Array

ROWS = 512  # of a kernel matrix held at a time


class KernelDistance(NamedTuple):
    """The unbiased estimate, and its standard error."""

    value: float
    error: float


def kernel_distance(a: Array, b: Array) -> KernelDistance:
    """From all rows; a: [N, d], b: [M, d], at least three each.

    The error is the jackknife's (Efron & Stein, 1981): how far the estimate moves without one row, then without
    another. Where nothing tells the sets apart it is too large, by the root of 2; never too small on average.

    >>> line = np.array([[0.0], [0.0], [3.0]])
    >>> kernel_distance(line, line).value
    -222.0
    """
    a, b = _checked(a, b)
    n, m = len(a), len(b)
    within_a, within_b = (_kernel_sums(x, x)[0] - _kernel_diagonal(x) for x in (a, b))
    across_a, across_b = _kernel_sums(a, b)

    def estimate(within_a: Array, n: int, within_b: Array, m: int, across: Array) -> Array:
        return within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - 2 * across / (n * m)

    sums = within_a.sum(), within_b.sum(), across_a.sum()
    without_a = estimate(sums[0] - 2 * within_a, n - 1, sums[1], m, sums[2] - across_a)
    without_b = estimate(sums[0], n, sums[1] - 2 * within_b, m - 1, sums[2] - across_b)
    variance = sum(np.var(one) * (len(one) - 1) for one in (without_a, without_b))
    return KernelDistance(float(estimate(sums[0], n, sums[1], m, sums[2])), float(variance**0.5))


def _kernel_sums(a: Array, b: Array) -> tuple[Array, Array]:
    """(x . y / d + 1)^3 of each row of one with all rows of the other, summed: [N] and [M]."""
    of_a, of_b = np.empty(len(a)), np.zeros(len(b))
    for start in range(0, len(a), ROWS):
        part = a[start : start + ROWS] @ b.T
        part /= a.shape[1]
        part += 1
        part *= part * part
        of_a[start : start + ROWS] = part.sum(axis=1)
        of_b += part.sum(axis=0)
    return of_a, of_b


def _kernel_diagonal(x: Array) -> Array:
    """(x . x / d + 1)^3 of each row."""
    diagonal: Array = (np.sum(x * x, axis=1) / x.shape[1] + 1) ** 3
    return diagonal


def _checked(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise GanatomyError(f"Features must be [N, d] and [M, d]; these are {list(a.shape)} and {list(b.shape)}.")
    if min(len(a), len(b)) < 3:
        raise GanatomyError(
            f"A kernel distance and its error need three rows of each; there are {len(a)} and {len(b)}."
        )
    return a, b
