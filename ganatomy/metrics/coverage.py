"""Density and coverage of generated images.

Naeem et al. (2020), "Reliable fidelity and diversity metrics for generative models", section 3, arXiv:2002.09797.

A real row's neighborhood is the ball around it that reaches to its k-th nearest other real row. Rows exactly on its
surface are outside, as in the authors' code (MIT license, clovaai/generative-evaluation-prdc); float64 rounding
decides ties.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.moments import Array

NUMBERS = 1 << 22  # distances in memory at a time: 32 MiB


@dataclass(frozen=True)
class Coverage:
    """Coverage of every class, None if the reference has too few rows of it, and the mean of those that have one."""

    per_class: tuple[float | None, ...]
    mean: float | None


def coverage(reference: Array, generated: Array, k: int = 5) -> float:
    """The share of reference rows that have a generated row in their neighborhood, from 0 to 1.

    reference: features [N, d], N > k; generated: features [M, d]. Two identical sets of distinct rows have coverage 1.

    >>> line = np.arange(10.0)[:, None]
    >>> coverage(line, line), coverage(line, line[:1], k=2)
    (1.0, 0.1)
    """
    covered = 0
    for distances, radii in neighborhoods(reference, generated, k):
        covered += int((distances.min(axis=1, initial=np.inf) < radii).sum())
    return covered / len(reference)


def density(reference: Array, generated: Array, k: int = 5) -> float:
    """The mean number of neighborhoods that a generated row lies in, divided by k: about 1 for real data, unbounded.

    reference: features [N, d], N > k; generated: features [M, d], M > 0.

    >>> line = np.arange(10.0)[:, None]
    >>> density(line, line[4:5] + 0.25, k=2)
    1.0
    """
    if len(generated) == 0:
        raise GanatomyError("Density needs a generated row; there is none.")
    inside = 0
    for distances, radii in neighborhoods(reference, generated, k):
        inside += int((distances < radii[:, None]).sum())
    return inside / (k * len(generated))


def coverage_within_class(
    reference: Array,
    reference_labels: Array,
    generated: Array,
    generated_labels: Array,
    classes: int,
    k: int = 5,
    per_class: int = 1000,
) -> Coverage:
    """Coverage within each class, of its first `per_class` reference rows by its first `per_class` generated rows.

    reference: features [N, d]; generated: features [M, d]; labels: class numbers [N] and [M]. A class without generated
    rows has coverage 0; one with fewer than k + 1 reference rows has None. Coverage grows with the number of generated
    rows, so compare at equal counts, and with the coverage of as many real images.

    >>> line = np.arange(8.0)[:, None]
    >>> labels = np.array([0] * 6 + [1] * 2)
    >>> coverage_within_class(line, labels, line, labels, classes=2)
    Coverage(per_class=(1.0, None), mean=1.0)
    """
    found = []
    for number in range(classes):
        real = np.asarray(reference)[np.asarray(reference_labels) == number][:per_class]
        fake = np.asarray(generated)[np.asarray(generated_labels) == number][:per_class]
        found.append(coverage(real, fake, k) if len(real) > k else None)
    known = [value for value in found if value is not None]
    return Coverage(tuple(found), float(np.mean(known)) if known else None)


def neighborhoods(reference: Array, generated: Array, k: int) -> Iterator[tuple[Array, Array]]:
    """Blocks of n reference rows: their squared distances to generated rows [n, M], and their squared radii [n]."""
    reference, generated = np.asarray(reference, np.float64), np.asarray(generated, np.float64)
    if not 1 <= k < len(reference):
        raise GanatomyError(f"{len(reference)} reference rows are too few for neighborhoods of k={k} other rows.")
    if reference.shape[1:] != generated.shape[1:] or reference.ndim != 2:
        shapes = f"{list(reference.shape)} and {list(generated.shape)}"
        raise GanatomyError(f"Reference and generated features must be [N, d] and [M, d]; these are {shapes}.")
    center = reference.mean(axis=0)  # rounding errors are smaller near the origin
    reference, generated = reference - center, generated - center
    rows = max(1, NUMBERS // max(len(reference), len(generated)))
    for start in range(0, len(reference), rows):
        part = reference[start : start + rows]
        radii = np.partition(squared_distances(part, reference), k, axis=1)[:, k]  # the row itself is at 0
        yield squared_distances(part, generated), radii


def squared_distances(a: Array, b: Array) -> Array:
    """Between rows of a [n, d] and of b [m, d]: [n, m]."""
    squares: Array = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * (a @ b.T)
    return np.maximum(squares, 0.0, out=squares)
