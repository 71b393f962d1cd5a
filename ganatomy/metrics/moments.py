"""Mean and covariance of features, accumulated over batches.

Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample variances", equation 2.1.
"""

from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError

Array = np.ndarray[Any, np.dtype[Any]]
ROWS = 4096  # rows per update


class Moments:
    """Count, mean [d] and covariance [d, d] of rows, in float64 and O(d^2) memory. Parts can be merged.

    >>> moments = Moments(2)
    >>> moments.update(np.array([[0.0, 0.0], [2.0, 4.0]]))
    >>> moments.count, moments.mean.tolist(), moments.covariance.tolist()
    (2, [1.0, 2.0], [[2.0, 4.0], [4.0, 8.0]])
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean = np.zeros(size)
        self.scatter = np.zeros((size, size))  # sum of (x - mean)(x - mean)^T

    @classmethod
    def of(cls, features: Array) -> "Moments":
        """The moments of the rows of one array [N, d]."""
        moments = cls(features.shape[1])
        moments.update(features)
        return moments

    @classmethod
    def known(cls, mean: Array, covariance: Array, count: int) -> "Moments":
        """Moments from a mean [d], an unbiased covariance [d, d] and a count of rows, at least 2.

        Raises GanatomyError if these cannot be moments.
        """
        mean, covariance = np.asarray(mean), np.asarray(covariance)
        if mean.ndim != 1 or covariance.shape != mean.shape * 2:
            shapes = f"{list(mean.shape)} and {list(covariance.shape)}"
            raise GanatomyError(f"mu must be [d] and sigma [d, d]; these are {shapes}.")
        if np.iscomplexobj(mean) or np.iscomplexobj(covariance):
            raise GanatomyError("mu and sigma must be real; these are complex.")
        mean, covariance = mean.astype(np.float64), covariance.astype(np.float64)
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise GanatomyError("mu and sigma must be finite; there are NaN or infinite ones.")
        largest = np.abs(covariance).max(initial=0.0)
        if np.abs(covariance - covariance.T).max(initial=0.0) > 1e-4 * largest or (covariance.diagonal() < 0).any():
            raise GanatomyError("sigma is no covariance: it must be symmetric, and no variance below 0.")
        if count < 2:
            raise GanatomyError(f"A covariance needs two rows or more; this is said to be of {count}.")
        moments = cls(len(mean))
        moments.count, moments.mean, moments.scatter = count, mean, covariance * (count - 1)
        return moments

    @property
    def covariance(self) -> Array:
        """[d, d], unbiased (divided by N - 1)."""
        if self.count < 2:
            raise GanatomyError(f"A covariance needs two rows or more; there are {self.count}.")
        return self.scatter / (self.count - 1)

    def update(self, features: Array) -> None:
        """Add rows [N, d]. Raises GanatomyError for another size, or numbers that are not finite."""
        features = np.asarray(features)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise GanatomyError(f"Features must be [N, {len(self.mean)}]; these are {list(features.shape)}.")
        for start in range(0, len(features), ROWS):
            rows = features[start : start + ROWS].astype(np.float64)
            if not np.isfinite(rows).all():
                raise GanatomyError("Features must be finite; there are NaN or infinite ones.")
            mean = rows.mean(axis=0)
            centered = rows - mean
            self._add(len(rows), mean, centered.T @ centered)

    def merge(self, other: "Moments") -> None:
        """Add the rows that `other` holds."""
        if other.mean.shape != self.mean.shape:
            raise GanatomyError(f"Moments of {len(other.mean)} features do not go with those of {len(self.mean)}.")
        self._add(other.count, other.mean, other.scatter)

    def _add(self, count: int, mean: Array, scatter: Array) -> None:
        if count == 0:
            return
        total = self.count + count
        apart = mean - self.mean
        self.scatter = self.scatter + scatter + np.outer(apart, apart) * (self.count * count / total)
        self.mean = self.mean + apart * (count / total)
        self.count = total
