"""How samples are distributed over the classes."""

from typing import Literal

import numpy as np
from scipy.special import entr

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.moments import Array


def class_shares(labels: Array, classes: int) -> Array:
    """The share of each class, [classes], summing to 1. labels: class numbers [N], N > 0.

    >>> class_shares(np.array([0, 0, 2, 2]), classes=3).tolist()
    [0.5, 0.0, 0.5]
    """
    labels = np.asarray(labels)
    if len(labels) == 0:
        raise GanatomyError("Class shares need a label; there is none.")
    if labels.min() < 0 or labels.max() >= classes:
        raise GanatomyError(f"Labels must be 0 .. {classes - 1}; these are {labels.min()} .. {labels.max()}.")
    return np.bincount(labels, minlength=classes) / len(labels)


def entropy(shares: Array, unit: Literal["bits", "nats"] = "bits") -> float:
    """Shannon (1948): -sum p log p, from 0 (one class) to log K (equal shares). shares: [K], summing to 1.

    >>> entropy(np.array([0.5, 0.0, 0.5]))
    1.0
    """
    nats = float(entr(np.asarray(shares, np.float64)).sum())
    return nats / float(np.log(2)) if unit == "bits" else nats


def missing_classes(shares: Array) -> tuple[int, ...]:
    """The classes whose share is 0.

    >>> missing_classes(np.array([0.5, 0.0, 0.5]))
    (1,)
    """
    return tuple(int(number) for number in np.flatnonzero(np.asarray(shares) == 0))
