"""Improved precision and recall: how many generated images look real, how many real ones could be generated.

Kynkaanniemi et al. (2019), "Improved precision and recall metric for assessing generative models", arXiv:1904.06991.
One outlier among the real images makes a large neighbourhood and many generated ones precise; density and coverage
(Naeem et al., 2020) mend that and stand beside them.
"""

from ganatomy.metrics.coverage import neighbourhoods
from ganatomy.metrics.moments import Array


def precision(reference: Array, generated: Array, k: int = 3) -> float:
    """Equation 1 and 2: the share of generated rows within the reach of a reference row, to its k-th nearest other.

    reference: [N, d], N > k; generated: [M, d]. What lies exactly on an edge is inside, as in the authors' code.

    >>> import numpy as np
    >>> precision(np.arange(5.0)[:, None], np.array([[0.5], [9.0]]), k=1)
    0.5
    """
    inside = None
    for distances, radii in neighbourhoods(reference, generated, k):
        reached = (distances <= radii[:, None]).any(axis=0)
        inside = reached if inside is None else inside | reached
    assert inside is not None
    return float(inside.mean())


def recall(reference: Array, generated: Array, k: int = 3) -> float:
    """The share of reference rows within the reach of a generated row: precision with the roles changed."""
    return precision(generated, reference, k)
