"""Whether a generator repeats its training images.

The distance from each generated image to the nearest training image, beside that of held-out real images, which nobody
trained on: a generator that learned the distribution is as far as they are, one that learned images by heart is nearer.
"""

from dataclasses import dataclass

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.coverage import NUMBERS, squared_distances
from ganatomy.metrics.moments import Array

BLOCK = 4096  # training images compared with at a time


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
    return memorized(nearest_distances(training, generated), honest_distances(training, held_out))


def honest_distances(training: Array, held_out: Array) -> tuple[Array, Array]:
    """How far held-out images are from the nearest training image, and which that is: [H] each."""
    refuse_few(len(held_out))
    return nearest_distances(training, held_out)


def refuse_few(held_out: int) -> None:
    """So few held-out images that one percent of them is none."""
    if held_out < 100:
        raise GanatomyError(f"{held_out} held-out images are too few to say what is suspiciously near: take 100.")


def memorized(generated: tuple[Array, Array], held_out: tuple[Array, Array]) -> Memorization:
    """Of the nearest distances of generated images beside those of held-out ones, both as `nearest_distances` gives."""
    (distances, nearest), (honest, _) = generated, held_out
    return Memorization(
        float(np.median(distances)),
        float(np.median(honest)),
        float((distances < np.quantile(honest, 0.01)).mean()),
        tuple(int(row) for row in nearest),
    )


def nearest_distances(training: Array, rows: Array) -> tuple[Array, Array]:
    """Of each row [M, d], its distance to the nearest of [N, d], and which that is; both in blocks, so [N, d] may lie
    in a mapped file."""
    rows = np.asarray(rows, np.float64)
    if training.ndim != 2 or training.shape[1:] != rows.shape[1:]:
        raise GanatomyError(f"Features must be [N, d] and [M, d]; these are {training.shape} and {rows.shape}.")
    squares, nearest = np.full(len(rows), np.inf), np.zeros(len(rows), np.int64)
    for begin in range(0, len(training), BLOCK):
        block = np.asarray(training[begin : begin + BLOCK], np.float64)
        step = max(1, NUMBERS // len(block))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            found = squared_distances(rows[part], block)
            closest = found.argmin(axis=1)
            least = found[np.arange(len(found)), closest]
            nearer = least < squares[part]
            nearest[part] = np.where(nearer, begin + closest, nearest[part])
            squares[part] = np.where(nearer, least, squares[part])
    return np.sqrt(squares), nearest
