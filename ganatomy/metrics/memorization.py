"""A memorization check: whether a generator repeats its training images.

The distance from each generated image to the nearest training image is compared with that of held-out real images. A
generator that has learned the distribution is as far away as those; one that has memorized images is nearer.
"""

from dataclasses import dataclass

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.coverage import NUMBERS, squared_distances
from ganatomy.metrics.moments import Array

BLOCK = 4096  # training images per block


@dataclass(frozen=True)
class Memorization:
    """Distances to the nearest training image.

    median, held_out_median: of generated and of held-out images.
    copies: the share of generated images that are nearer than 99 % of the held-out images; 0.01 is expected without
        memorization.
    nearest: for each generated image, the row of its nearest training image.
    """

    median: float
    held_out_median: float
    copies: float
    nearest: tuple[int, ...]


def memorization(training: Array, generated: Array, held_out: Array) -> Memorization:
    """Compare features of training images [N, d], generated images [M, d] and held-out images [H, d], H >= 100.

    >>> draw = np.random.default_rng(0)
    >>> training, held_out = draw.normal(size=(300, 4)), draw.normal(size=(200, 4))
    >>> memorization(training, training[:50], held_out).copies
    1.0
    """
    return memorized(nearest_distances(training, generated), honest_distances(training, held_out))


def honest_distances(training: Array, held_out: Array) -> tuple[Array, Array]:
    """`nearest_distances` of held-out images [H, d], H >= 100: what to expect without memorization."""
    refuse_few(len(held_out))
    return nearest_distances(training, held_out)


def refuse_few(held_out: int) -> None:
    """Raise GanatomyError for fewer than 100 held-out images, of which 1 % is less than one."""
    if held_out < 100:
        raise GanatomyError(f"{held_out} held-out images are too few to say what is suspiciously near: take 100.")


def memorized(generated: tuple[Array, Array], held_out: tuple[Array, Array]) -> Memorization:
    """As `memorization`, from the `nearest_distances` of generated and of held-out images."""
    (distances, nearest), (honest, _) = generated, held_out
    return Memorization(
        float(np.median(distances)),
        float(np.median(honest)),
        float((distances < np.quantile(honest, 0.01)).mean()),
        tuple(int(row) for row in nearest),
    )


def nearest_distances(training: Array, rows: Array) -> tuple[Array, Array]:
    """The distance of each row [M, d] to its nearest training row, and that row's number: [M] each.

    training: [N, d], read in blocks, so it may be a memory-mapped file.
    """
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
