"""Improved precision and recall: the shares of generated images that look real, and of real ones that are covered.

Kynkaanniemi et al. (2019), "Improved precision and recall metric for assessing generative models", arXiv:1904.06991.
One outlier among the real images has a large neighborhood, which makes many generated images precise. Density and
coverage (Naeem et al., 2020) correct that, and are reported together with these.
"""

from ganatomy.metrics.coverage import neighborhoods
from ganatomy.metrics.moments import Array


def precision(reference: Array, generated: Array, k: int = 3) -> float:
    """Equations 1 and 2: the share of generated rows that lie in the neighborhood of any reference row.

    reference: features [N, d], N > k; generated: features [M, d]. A neighborhood reaches to the k-th nearest other
    row; rows exactly on its surface are inside, as in the authors' code.

    >>> import numpy as np
    >>> precision(np.arange(5.0)[:, None], np.array([[0.5], [9.0]]), k=1)
    0.5
    """
    inside = None
    for distances, radii in neighborhoods(reference, generated, k):
        reached = (distances <= radii[:, None]).any(axis=0)
        inside = reached if inside is None else inside | reached
    assert inside is not None
    return float(inside.mean())


def recall(reference: Array, generated: Array, k: int = 3) -> float:
    """The share of reference rows that lie in the neighborhood of any generated row: precision with roles swapped."""
    return precision(generated, reference, k)
