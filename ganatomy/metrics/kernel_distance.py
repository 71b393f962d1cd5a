"""The kernel distance between two sets of features; KID, if they are Inception's.

Binkowski et al. (2018), "Demystifying MMD GANs", arXiv:1801.01401, section 4: the squared maximum mean discrepancy
(Gretton et al., 2012, equation 3) under a cubic kernel. Unlike the Fréchet distance's, its estimate is unbiased, so
scores of different numbers of images can be compared. A value slightly below 0 means that the sets do not differ.

Published values are means over a hundred random subsets of 1,000 rows. The estimate from all rows, used here, is their
expectation, at the same cost and without random subsets.
"""

from typing import NamedTuple

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.moments import Array

ROWS = 512  # rows of the kernel matrix in memory at a time


class KernelDistance(NamedTuple):
    """The unbiased estimate, and its standard error."""

    value: float
    error: float


def kernel_distance(a: Array, b: Array) -> KernelDistance:
    """The unbiased estimate of the squared MMD, with a standard error. a: features [N, d]; b: [M, d]; N, M >= 3.

    The standard error is the jackknife's (Efron and Stein, 1981), from estimates that leave out one row each. It is not
    too small on average; for sets from one distribution it is too large, by a factor of the square root of 2.

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
    """Row and column sums, [N] and [M], of the kernel matrix (x . y / d + 1)^3."""
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
    """The kernel of each row with itself, [N]."""
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
