"""Multi-scale structural similarity (MS-SSIM) of pairs of images, as a measure of mode collapse.

Wang, Simoncelli and Bovik (2003), "Multiscale structural similarity for image quality assessment", equations 6 and 7;
of random pairs of one class, after Odena et al. (2017), arXiv:1610.09585, section 4.2: if pairs of generated images are
more similar than pairs of real ones, the generator has collapsed.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ganatomy.core.errors import GanatomyError
from ganatomy.core.randomness import keyed
from ganatomy.metrics.moments import Array

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SIGMA, RADIUS = 1.5, 5  # pixels: a Gaussian window of 11 x 11
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Similarity:
    """The mean similarity of pairs; of each class, too, if pairs were drawn within classes."""

    mean: float
    per_class: tuple[float | None, ...] | None = None


def multiscale_similarity(a: Array, b: Array) -> Array:
    """MS-SSIM of pairs of images a, b: uint8 [N, H, W, C], to [N], at most 1 (for equal images).

    Small images allow fewer than the paper's five scales, each of which needs 11 pixels; the weights are rescaled to
    sum to 1.

    >>> image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    >>> multiscale_similarity(image, image).tolist()
    [1.0]
    """
    if a.shape != b.shape or a.ndim != 4:
        shapes = f"{list(a.shape)} and {list(b.shape)}"
        raise GanatomyError(f"Pairs of images must be [N, H, W, C] and of one shape; these are {shapes}.")
    height, width = a.shape[1:3]
    refuse_small(height, width)
    smallest, scales = min(height, width), 1
    while scales < len(SCALE_WEIGHTS) and smallest >> scales >= 2 * RADIUS + 1:
        scales += 1
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    x, y = a.astype(np.float64), b.astype(np.float64)
    result = np.ones(len(a))
    for scale, weight in enumerate(weights):
        similarity, structure = _compared(x, y)
        result *= np.maximum(similarity if scale == scales - 1 else structure, 0.0) ** weight
        x, y = _halved(x), _halved(y)
    return result


def refuse_small(height: int, width: int) -> None:
    """Raise GanatomyError for images smaller than a window."""
    if (smallest := min(height, width)) < 2 * RADIUS + 1:
        raise GanatomyError(f"Structural similarity looks through windows of 11 pixels; these images have {smallest}.")


def similarity_of_pairs(images: Array, labels: Array | None = None, *, pairs: int = 1000, seed: int = 0) -> Similarity:
    """The mean MS-SSIM of random pairs of images, uint8 [N, H, W, C]; within each class if labels [N] are given.

    Raises GanatomyError if there are no two images to compare.
    """
    if labels is None:
        return Similarity(_mean_of_pairs(images, pairs, seed, "all"))
    labels = np.asarray(labels)
    found = []
    for number in range(int(labels.max()) + 1):
        own = images[labels == number]
        found.append(_mean_of_pairs(own, pairs, seed, str(number)) if len(own) > 1 else None)
    known = [value for value in found if value is not None]
    if not known:
        raise GanatomyError("No class has two images to compare.")
    return Similarity(float(np.mean(known)), tuple(found))


def _mean_of_pairs(images: Array, pairs: int, seed: int, which: str) -> float:
    if len(images) < 2:
        raise GanatomyError("A pair needs two images.")
    draw = keyed(seed, "similar pairs", which)
    first = draw.integers(len(images), size=pairs)
    second = (first + 1 + draw.integers(len(images) - 1, size=pairs)) % len(images)
    parts = [multiscale_similarity(images[a], images[b]) for a, b in _parts(first, second)]
    return float(np.concatenate(parts).mean())


def _parts(first: Array, second: Array, size: int = 256) -> list[tuple[Array, Array]]:
    return [(first[i : i + size], second[i : i + size]) for i in range(0, len(first), size)]


def _compared(x: Array, y: Array) -> tuple[Array, Array]:
    """At one scale, means over the picture: SSIM, and its contrast-structure factor alone; [N] each."""

    def smooth(z: Array) -> Array:
        blurred = gaussian_filter(z, (0, SIGMA, SIGMA, 0), truncate=RADIUS / SIGMA)
        inner: Array = blurred[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
        return inner

    mean_x, mean_y = smooth(x), smooth(y)
    variances = smooth(x * x) - mean_x**2 + smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    structure = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * structure).mean((1, 2, 3)), structure.mean((1, 2, 3))


def _halved(x: Array) -> Array:
    """Average pooling of 2 x 2 pixels."""
    height, width = (size // 2 * 2 for size in x.shape[1:3])
    cut = x[:, :height, :width]
    halved: Array = (cut[:, ::2, ::2] + cut[:, 1::2, ::2] + cut[:, ::2, 1::2] + cut[:, 1::2, 1::2]) / 4
    return halved
