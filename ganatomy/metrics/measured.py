"""Images -> statistics -> scores, of any two sets of images and any extractor.

The three stages are usable apart: what an extractor saw of a set is computed once, kept, merged from parts, compared
with many others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.metrics.coverage import coverage, density
from ganatomy.metrics.extractors import Extractor
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.inception_score import inception_score_of_splits
from ganatomy.metrics.kernel_distance import kernel_distance_of_subsets
from ganatomy.metrics.moments import Array, Moments
from ganatomy.metrics.precision_recall import precision, recall

KEPT = 10_000  # rows whose features are kept for the scores that compare rows with rows
SPLITS = 10  # of the Inception Score


@dataclass
class Statistics:
    """What an extractor saw of a set of images.

    moments: of all rows. features: [<= KEPT, d], the first rows, and probabilities of all [N, K] where it classifies;
    None where only moments were read from a file.
    """

    moments: Moments
    facts: Mapping[str, Any]
    features: Array | None = None
    probabilities: Array | None = None

    @property
    def count(self) -> int:
        return self.moments.count

    def merge(self, other: "Statistics") -> None:
        """Add what was seen of further images, as if one had looked at all of them."""
        if dict(other.facts) != dict(self.facts):
            raise GanatomyError(f"Statistics of {self.facts['extractor']} and {other.facts['extractor']} do not merge.")
        self.moments.merge(other.moments)
        self.features = _joined(self.features, other.features, KEPT)
        self.probabilities = _joined(self.probabilities, other.probabilities, None)


def statistics_of(parts: Iterable[Array], extractor: Extractor) -> Statistics:
    """What an extractor sees of images that come in parts, uint8 [n, H, W, C]; no more than a part is held."""
    found: Statistics | None = None
    for images in parts:
        seen = extractor.look(images)
        own = Statistics(
            Moments.of(seen.features), extractor.facts(), seen.features[:KEPT].astype(np.float32), seen.probabilities
        )
        if found is None:
            found = own
        else:
            found.merge(own)
    if found is None:
        raise GanatomyError("There are no images to look at.")
    return found


Metric = Callable[[Statistics, Statistics], dict[str, float]]


def _fid(real: Statistics, fake: Statistics) -> dict[str, float]:
    return {"fid": frechet_distance(real.moments, fake.moments)}


def _kid(real: Statistics, fake: Statistics) -> dict[str, float]:
    a, b = _features(real, "kid"), _features(fake, "kid")
    found = kernel_distance_of_subsets(a, b, size=min(1000, len(a), len(b)))
    return {"kid": found.mean, "kid_error": found.error}


def _is(real: Statistics, fake: Statistics) -> dict[str, float]:
    if fake.probabilities is None:
        raise GanatomyError(f"{fake.facts['extractor']} does not classify, so it has no Inception Score; leave out is.")
    mean, deviation = inception_score_of_splits(fake.probabilities, min(SPLITS, len(fake.probabilities)))
    return {"is": mean, "is_deviation": deviation}


def _prdc(real: Statistics, fake: Statistics) -> dict[str, float]:
    a, b = _features(real, "prdc"), _features(fake, "prdc")
    return {
        "precision": precision(a, b, 3),
        "recall": recall(a, b, 3),
        "density": density(a, b, 5),
        "coverage": coverage(a, b, 5),
    }


METRICS: dict[str, Metric] = {"fid": _fid, "kid": _kid, "is": _is, "prdc": _prdc}


def measure(real: Statistics, fake: Statistics, metrics: Sequence[str] = ("fid", "kid", "prdc")) -> dict[str, float]:
    """Scores by name: fid, kid and its error, is and its deviation, precision, recall, density, coverage."""
    different = [name for name in real.facts if real.facts[name] != fake.facts.get(name)]
    if different:
        raise GanatomyError(
            "Not of one protocol: "
            + ", ".join(f"{name} is {real.facts[name]} and {fake.facts.get(name)}" for name in different)
        )
    scores: dict[str, float] = {}
    for name in metrics:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
        scores |= METRICS[name](real, fake)
    return scores


def remarks(real: Statistics, fake: Statistics, metrics: Sequence[str]) -> list[str]:
    """What one should know of these scores."""
    size, fewest, said = len(real.moments.mean), min(real.count, fake.count), []
    if "fid" in metrics and fewest <= size:
        said.append(
            f"fid of {fewest:,} images, no more than its {size} features: the covariance has not full rank, and the "
            "distance is far too large; compare it only at equal counts, or use kid"
        )
    elif "fid" in metrics and fewest < 10_000:
        said.append(f"fid of {fewest:,} images is biased upwards; compare it only at equal counts")
    if "is" in metrics and not {"prdc", "fid", "kid"} & set(metrics):
        said.append("the Inception Score crowns a generator of one picture per class; ask for fid or prdc, too")
    if "prdc" in metrics and max(real.count, fake.count) > KEPT:
        said.append(f"precision, recall, density and coverage are of the first {KEPT:,} images of each")
    if "nearest" in metrics and real.count > KEPT:
        said.append(f"nearest looks at the first {KEPT:,} training images; a copy of another is not seen")
    return said


def _features(one: Statistics, metric: str) -> Array:
    if one.features is None:
        raise GanatomyError(f"{metric} compares images with images, and of one set only moments are kept; ask for fid.")
    return one.features


def _joined(a: Array | None, b: Array | None, most: int | None) -> Array | None:
    if a is None or b is None:
        return None
    return np.concatenate([a, b])[:most]
