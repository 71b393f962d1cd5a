"""Moments in batches, and the Fréchet distance between them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.statistics import read_statistics
from ganatomy.metrics.frechet import frechet_distance, trace_of_root
from ganatomy.metrics.moments import Moments


def features(rows, size, seed=0, offset=1e4):
    """Far from 0, where one-pass sums of squares lose everything."""
    return np.random.default_rng(seed).normal(size=(rows, size)) * np.linspace(0.1, 3, size) + offset


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_shards_merge_to_the_moments_of_all_rows(shards):
    x = features(1001, 6)
    total = Moments(6)
    for part in np.array_split(x, shards):
        total.merge(Moments.of(part))
    assert total.count == 1001
    np.testing.assert_allclose(total.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(total.covariance, np.cov(x, rowvar=False), atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(0, 1000))
def test_no_batch_sizes_change_the_moments(sizes, seed):
    x = features(sum(sizes) + 2, 3, seed)
    streamed = Moments(3)
    for part in np.split(x, np.cumsum(sizes)):
        streamed.update(part)
    np.testing.assert_allclose(streamed.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(streamed.covariance, np.cov(x, rowvar=False), atol=1e-9)


def test_float32_features_are_summed_in_float64():
    x = features(9000, 4, offset=100).astype(np.float32)
    np.testing.assert_allclose(Moments.of(x).covariance, np.cov(x.astype(np.float64), rowvar=False), atol=1e-10)


def test_known_moments_can_be_added_to():
    x = features(50, 3)
    restored = Moments.known(x[:20].mean(axis=0), np.cov(x[:20], rowvar=False), 20)
    restored.update(x[20:])
    np.testing.assert_allclose(restored.covariance, np.cov(x, rowvar=False), atol=1e-10)


def test_features_that_cannot_be_summed_are_refused():
    for bad in (np.zeros((3, 5)), np.zeros(4), np.array([[0.0, 0, 0, np.nan]])):
        with pytest.raises(GanatomyError, match="Features must be"):
            Moments(4).update(bad)
    with pytest.raises(GanatomyError, match="needs two rows"):
        _ = Moments.of(np.zeros((1, 4))).covariance
    with pytest.raises(GanatomyError, match="do not go with"):
        Moments(4).merge(Moments(5))


@pytest.mark.parametrize(
    ("sigma", "said"),
    [
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "must be finite"),
        (np.array([[1.0, 0.0], [0.0, np.inf]]), "must be finite"),
        (np.eye(2) + 0j, "must be real"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "must be symmetric"),
        (-np.eye(2), "no variance below 0"),
        (np.eye(3), r"these are \[2\] and \[3, 3\]"),
    ],
)
def test_what_is_no_covariance_is_refused_by_itself_and_in_a_file(sigma, said, tmp_path):
    with pytest.raises(GanatomyError, match=said):
        Moments.known(np.zeros(2), sigma, 10)
    np.savez(tmp_path / "odd.npz", mu=np.zeros(2), sigma=sigma)
    with pytest.raises(GanatomyError, match=rf"odd\.npz: .*{said}"):
        read_statistics(tmp_path / "odd.npz")


def test_means_are_checked_too_and_rounding_is_no_asymmetry():
    for mean, said in (([0.0, np.nan], "must be finite"), ([0.0, 1j], "must be real"), ([[0.0]], "must be")):
        with pytest.raises(GanatomyError, match=said):
            Moments.known(np.array(mean), np.eye(2), 10)
    with pytest.raises(GanatomyError, match="said to be of 1"):
        Moments.known(np.zeros(2), np.eye(2), 1)
    rounded = np.array([[4.0, 1.0], [1.00001, 4.0]])
    assert frechet_distance(Moments.known(np.zeros(2), rounded, 10), gaussian([0, 0], rounded)) < 1e-4


def test_the_distance_swallows_no_nan():
    for part in ("mean", "scatter"):
        broken = gaussian([0, 0], np.eye(2))
        getattr(broken, part)[-1] = np.nan
        with pytest.raises(GanatomyError, match="there are NaN"):
            frechet_distance(broken, gaussian([0, 0], np.eye(2)))
    with pytest.raises(np.linalg.LinAlgError):
        trace_of_root(np.eye(2), np.full((2, 2), np.nan))


def gaussian(mean, covariance):
    return Moments.known(np.asarray(mean, np.float64), np.asarray(covariance, np.float64), 1000)


def test_the_distance_of_diagonal_gaussians_is_the_closed_form():
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 0.25])
    expected = 3 * 4.0 + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)
    assert frechet_distance(gaussian([0, 0, 0], np.diag(a)), gaussian([2, 2, 2], np.diag(b))) == pytest.approx(expected)


def test_the_distance_does_not_depend_on_the_axes():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    a, b = np.diag([1.0, 2, 3, 4, 5]), np.diag([5.0, 1, 1, 2, 9])
    plain = frechet_distance(gaussian(np.zeros(5), a), gaussian(np.ones(5), b))
    turned = frechet_distance(gaussian(np.zeros(5), turn @ a @ turn.T), gaussian(turn @ np.ones(5), turn @ b @ turn.T))
    assert plain == pytest.approx(turned, rel=1e-12)


def test_the_trace_is_that_of_the_general_matrix_root():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    a, b = (np.cov(rng.normal(size=(40, 8)), rowvar=False) for _ in range(2))
    assert trace_of_root(a, b) == pytest.approx(np.trace(sqrtm(a @ b)).real, rel=1e-10)


@pytest.mark.parametrize(("rows", "size"), [(20, 64), (100, 256), (2, 16)])
def test_fewer_rows_than_features_give_a_finite_exact_distance(rows, size):
    x = np.random.default_rng(0).normal(size=(rows, size))
    a, shifted = Moments.of(x), Moments.of(x + 0.5)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, shifted) == pytest.approx(size / 4, abs=1e-9)
    other = Moments.of(np.random.default_rng(1).normal(size=(rows, size)))
    assert frechet_distance(a, other) == pytest.approx(frechet_distance(other, a), rel=1e-9)


def test_a_constant_feature_and_a_single_picture_are_fine():
    x = np.random.default_rng(0).normal(size=(100, 4))
    one = np.ones((100, 4))
    assert frechet_distance(Moments.of(one), Moments.of(one)) == 0
    expected = np.sum((x.mean(axis=0) - 1) ** 2) + np.trace(np.cov(x, rowvar=False))
    assert frechet_distance(Moments.of(x), Moments.of(one)) == pytest.approx(expected)


@pytest.mark.parametrize("lowest", [1e-6, 1e-8, 1e-10])
def test_small_eigenvalues_count(lowest):
    """Of 512 features over many decades: a set is as far from itself as nothing."""
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(512, 512)))[0]
    one = Moments.known(np.zeros(512), (turned * np.geomspace(10, lowest, 512)) @ turned.T, 9)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_a_covariance_with_negative_eigenvalues_is_refused():
    proper, wrong = (Moments.known(np.zeros(2), np.array([[1.0, x], [x, 1.0]]), 9) for x in (0.0, 5.0))
    for one, other in ((proper, wrong), (wrong, proper)):
        with pytest.raises(GanatomyError, match="no negative eigenvalues"):
            frechet_distance(one, other)


def test_distances_between_different_features_are_refused():
    with pytest.raises(GanatomyError, match="cannot be compared"):
        frechet_distance(Moments(3), Moments(4))
