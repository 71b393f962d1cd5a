"""Whether a generator repeats its training images.

The distance from each generated image to the nearest training image, beside that of held-out real images, which nobody
trained on: a generator that learned the distribution is as far as they are, one that learned images by heart is nearer.
"""

from dataclasses import dataclass

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.coverage import NUMBERS, squared_distances
from ganatomy.metrics.moments import Array


@dataclass(frozen=True)
class Memorization:
    """Distances to the nearest training image: medians, and how many generated ones are suspiciously near.

    copies: the share of generated images nearer to a training image than 99 % of the held-out ones are; 0.01 is what
    honest images have.
    """

    median: float
    held_out_median: float
    copies: float
    nearest: tuple[int, ...]  # of each generated image, the row of its nearest training image


def memorization(training: Array, generated: Array, held_out: Array) -> Memorization:
    """Features [N, d], [M, d] and [H, d]; H of a hundred or more, so that one percent of them is something.

    >>> draw = np.random.default_rng(0)
    >>> training, held_out = draw.normal(size=(300, 4)), draw.normal(size=(200, 4))
    >>> memorization(training, training[:50], held_out).copies
    1.0
    """
    if len(held_out) < 100:
        raise GanatomyError(f"{len(held_out)} held-out images are too few to say what is suspiciously near: take 100.")
    distances, nearest = nearest_distances(training, generated)
    honest, _ = nearest_distances(training, held_out)
    edge = np.quantile(honest, 0.01)
    return Memorization(
        float(np.median(distances)),
        float(np.median(honest)),
        float((distances < edge).mean()),
        tuple(int(row) for row in nearest),
    )


def nearest_distances(training: Array, rows: Array) -> tuple[Array, Array]:
    """Of each row [M, d], its distance to the nearest of [N, d], and which that is."""
    training, rows = np.asarray(training, np.float64), np.asarray(rows, np.float64)
    if training.ndim != 2 or training.shape[1:] != rows.shape[1:]:
        raise GanatomyError(f"Features must be [N, d] and [M, d]; these are {training.shape} and {rows.shape}.")
    distances, nearest = np.empty(len(rows)), np.empty(len(rows), np.int64)
    step = max(1, NUMBERS // len(training))
    for start in range(0, len(rows), step):
        squares = squared_distances(rows[start : start + step], training)
        nearest[start : start + step] = squares.argmin(axis=1)
        distances[start : start + step] = np.sqrt(squares.min(axis=1))
    return distances, nearest
