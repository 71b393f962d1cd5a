"""Structural similarity against its formula, and as a meter of collapse; memorization of training images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.memorization import memorization, nearest_distances
from ganatomy.metrics.similarity import multiscale_similarity, similarity_of_pairs

DRAW = np.random.default_rng(0)
SMOOTH = gaussian_filter(DRAW.uniform(0, 255, (40, 32, 32, 1)), (0, 2, 2, 0)) * 4 - 380
IMAGES = np.clip(SMOOTH, 0, 255).astype(np.uint8)


def test_one_scale_is_the_formula() -> None:
    """Wang et al. (2004), equation 13, at the one place where an 11 x 11 window fits."""
    a, b = IMAGES[:1, :11, :11], IMAGES[1:2, :11, :11]
    place = np.arange(11) - 5
    window = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2))
    window /= window.sum()
    x, y = a[0, :, :, 0].astype(float), b[0, :, :, 0].astype(float)
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * x * x).sum() - mx**2, (window * y * y).sum() - my**2
    cov = (window * x * y).sum() - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    wanted = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert multiscale_similarity(a, b)[0] == pytest.approx(max(wanted, 0))


def test_three_scales_are_the_formula() -> None:
    """Wang et al. (2003), equation 7, at 48 pixels, window by window: luminance at the coarsest scale alone."""
    noise = np.random.default_rng(1).uniform(-60, 60, (2, 48, 48))
    x, y = (128 + 0.6 * noise[0]).round(), (140 + 0.5 * noise[0] + 0.5 * noise[1]).round()
    wanted, weights = 1.0, np.array([0.0448, 0.2856, 0.3001])
    a, b = (z[None, :, :, None].astype(np.uint8) for z in (x, y))
    for scale, weight in enumerate(weights / weights.sum()):
        luminance, structure = windows_compared(x, y)
        wanted *= np.mean(luminance * structure if scale == 2 else structure) ** weight
        x, y = (z.reshape(len(z) // 2, 2, len(z) // 2, 2).mean((1, 3)) for z in (x, y))
    assert multiscale_similarity(a, b)[0] == pytest.approx(wanted, abs=1e-9)


def windows_compared(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luminance, and contrast times structure, of every 11 x 11 window."""
    place = np.arange(11) - 5
    window = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    u, v = (np.lib.stride_tricks.sliding_window_view(z, (11, 11)) for z in (x, y))
    mu, mv = ((window * z).sum((2, 3)) for z in (u, v))
    vu, vv = ((window * z * z).sum((2, 3)) - m**2 for z, m in ((u, mu), (v, mv)))
    covariance = (window * u * v).sum((2, 3)) - mu * mv
    return (2 * mu * mv + c1) / (mu**2 + mv**2 + c1), (2 * covariance + c2) / (vu + vv + c2)


def test_it_is_one_for_equals_symmetric_and_falls_with_noise() -> None:
    assert np.allclose(multiscale_similarity(IMAGES, IMAGES), 1)
    assert np.allclose(multiscale_similarity(IMAGES, IMAGES[::-1]), multiscale_similarity(IMAGES[::-1], IMAGES))
    noisy = [np.clip(IMAGES + DRAW.normal(0, s, IMAGES.shape), 0, 255).astype(np.uint8) for s in (5, 20, 80)]
    means = [multiscale_similarity(IMAGES, x).mean() for x in noisy]
    assert 1 > means[0] > means[1] > means[2] > 0


def test_collapsed_images_are_more_alike_than_real_ones() -> None:
    labels = np.arange(40) % 2
    collapsed = np.clip(IMAGES[labels] + DRAW.normal(0, 4, IMAGES.shape), 0, 255).astype(np.uint8)
    real, fake = (similarity_of_pairs(x, labels, pairs=60) for x in (IMAGES, collapsed))
    assert fake.mean > 0.8 > 0.6 > real.mean
    assert fake.per_class is not None and min(fake.per_class) > 0.8
    assert similarity_of_pairs(IMAGES, pairs=60).mean < similarity_of_pairs(collapsed, pairs=60).mean


def test_a_class_of_one_image_has_no_pair() -> None:
    labels = np.array([0] * 39 + [2])
    assert similarity_of_pairs(IMAGES, labels, pairs=20).per_class[1:] == (None, None)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [(IMAGES, IMAGES[:3], "of one shape"), (IMAGES[:, :8], IMAGES[:, :8], "windows of 11 pixels; these images have 8")],
)
def test_what_cannot_be_compared_is_one_line(a: np.ndarray, b: np.ndarray, said: str) -> None:
    with pytest.raises(GanatomyError, match=said):
        multiscale_similarity(a, b)


def test_copies_are_found_and_honest_images_are_not() -> None:
    training, held_out, honest = (DRAW.normal(size=(n, 6)) for n in (1000, 500, 500))
    copied = training[:200] + DRAW.normal(0, 0.01, (200, 6))
    found = memorization(training, copied, held_out)
    assert found.copies == 1.0 and found.median < found.held_out_median / 10
    assert found.nearest == tuple(range(200))
    assert memorization(training, honest, held_out).copies < 0.05
    half = memorization(training, np.vstack([copied, honest[:200]]), held_out)
    assert 0.45 < half.copies < 0.55


def test_nearest_distances_are_distances() -> None:
    distances, nearest = nearest_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[3.0, 0.0], [3.0, 5.0]]))
    assert distances.tolist() == [3.0, 1.0] and nearest.tolist() == [0, 1]


def test_few_held_out_images_are_refused() -> None:
    with pytest.raises(GanatomyError, match="99 held-out images are too few"):
        memorization(np.zeros((9, 2)), np.zeros((9, 2)), np.zeros((99, 2)))
