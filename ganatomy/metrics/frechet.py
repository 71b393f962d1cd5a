"""The Fréchet distance between two normal distributions.

Dowson & Landau (1982), "The Fréchet distance between multivariate normal distributions"; between the features of real
and of generated images: Heusel et al. (2017), "GANs trained by a two time-scale update rule converge to a local Nash
equilibrium", equation 6, arXiv:1706.08500.
"""

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.moments import Array, Moments


def frechet_distance(a: Moments, b: Moments) -> float:
    """Heusel et al. (2017), equation 6: |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), at least 0.

    It is FID if the features are Inception's. Few rows bias it upwards: compare at equal counts, and with the distance
    of as many real images. Raises GanatomyError if sizes differ or moments are not finite.

    >>> line = np.array([[-1.0], [1.0]])
    >>> frechet_distance(Moments.of(line), Moments.of(line + 3))
    9.0
    """
    if a.mean.shape != b.mean.shape:
        raise GanatomyError(f"Moments of {len(a.mean)} and of {len(b.mean)} features cannot be compared.")
    covariance_a, covariance_b = a.covariance, b.covariance
    if not all(np.isfinite(part).all() for part in (a.mean, b.mean, covariance_a, covariance_b)):
        raise GanatomyError("Moments must be finite; there are NaN or infinite ones: were the features too large?")
    means = float(np.sum((a.mean - b.mean) ** 2))
    spreads = float(np.trace(covariance_a) + np.trace(covariance_b))
    return float(np.maximum(0.0, means + spreads - 2 * trace_of_root(covariance_a, covariance_b)))  # NaN stays NaN


def trace_of_root(a: Array, b: Array) -> float:
    """tr((a b)^(1/2)) of two covariances [d, d]: the sum of the singular values of r^T s, where a = r r^T, b = s s^T.

    It is never complex. Eigenvalues are not squared on the way, which would lose those below 1e-8 of the largest.
    """
    return float(np.linalg.svd(_root(a).T @ _root(b), compute_uv=False).sum())


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    root: Array = vectors * np.sqrt(_positive(values))
    return root


def has_negative(eigenvalues: Array) -> bool:
    """Whether an eigenvalue is negative by more than rounding errors."""
    return bool(np.min(eigenvalues, initial=0.0) < -1e-6 * np.max(np.abs(eigenvalues), initial=0.0))


def _positive(values: Array) -> Array:
    """Eigenvalues with rounding errors set to 0: the square root of 1e-16 would add 1e-8 for every missing rank."""
    if has_negative(values):
        raise GanatomyError("A covariance has no negative eigenvalues, and one of these two does: is it damaged?")
    noise = len(values) * np.finfo(np.float64).eps * np.max(values, initial=0.0)
    return np.where(values <= noise, 0.0, values)
