"""The Inception Score: high if a classifier is certain about each image, and predicts all classes equally often.

Salimans et al. (2016), "Improved techniques for training GANs", section 4, arXiv:1606.03498. A generator of
one picture per class gets the best score of all, so never report it without a Fréchet distance and a coverage.
"""

import numpy as np
from scipy.special import rel_entr

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.moments import Array


def inception_score(probabilities: Array) -> float:
    """Salimans et al. (2016), section 4: exp(E_x KL(p(y|x) || p(y))), from 1 to K.

    probabilities: [N, K], whose rows sum to 1. Raises GanatomyError otherwise.

    >>> inception_score(np.eye(4))
    4.0
    """
    p = _checked(probabilities)
    # rel_entr(0, q) is 0, and q is 0 only where every p is
    return float(np.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean()))


def inception_score_of_splits(probabilities: Array, splits: int = 10) -> tuple[float, float]:
    """Mean and standard deviation over equal splits, taken in order, as papers report it.

    probabilities: [N, K], N >= splits. A split of n images scores at most n, so smaller splits lower the mean.
    """
    if not 1 <= splits <= len(probabilities):
        raise GanatomyError(f"{len(probabilities)} images cannot be split into {splits} parts.")
    scores = [inception_score(part) for part in np.array_split(np.asarray(probabilities), splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _checked(probabilities: Array) -> Array:
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or p.size == 0:
        raise GanatomyError(f"Probabilities must be [N, K]; these are {list(p.shape)}.")
    totals = p.sum(axis=1, keepdims=True)
    if not (p >= 0).all() or not np.allclose(totals, 1, atol=1e-2):  # bfloat16 has three digits; NaN fails both
        raise GanatomyError(
            "Probabilities must be at least 0 and sum to 1 in every row: were these scores, not softmax?"
        )
    normalized: Array = p / totals
    return normalized
