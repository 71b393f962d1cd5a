"""Images -> statistics -> scores, for any two sets of images and any extractor.

The three stages can be used separately: statistics of a set are computed once, stored, merged from parts, and compared
with those of many other sets.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.metrics.coverage import coverage, density
from ganatomy.metrics.extractors import Extractor
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.inception_score import inception_score_of_splits
from ganatomy.metrics.kernel_distance import kernel_distance
from ganatomy.metrics.moments import Array, Moments
from ganatomy.metrics.precision_recall import precision, recall

KEPT = 10_000  # rows whose features are stored, for scores that compare images with images (kid, prdc, nearest)
PAIRED = 2_000  # images from which ssim draws its pairs
MANY = 10_000  # images from which on biased scores hardly depend on their number
SPLITS = 10  # of the Inception Score
NEIGHBORS = (3, 5)  # k of precision and recall, and of density and coverage


@dataclass
class Statistics:
    """An extractor's statistics of a set of images.

    moments: of the features of all images.
    facts: of the extractor; statistics with different facts are not compared.
    features: of the first KEPT images, [<= KEPT, d], float32; None if a file has only moments.
    probabilities: of all images, [N, K], float32; None if the extractor does not classify, or nobody asked for them.
    counted: whether `count` is known, which some files do not say.
    """

    moments: Moments
    facts: Mapping[str, Any]
    features: Array | None = None
    probabilities: Array | None = None
    counted: bool = True

    @property
    def count(self) -> int:
        return self.moments.count

    def merge(self, other: "Statistics") -> None:
        """Add the statistics of further images. Raises GanatomyError for those of another extractor."""
        if dict(other.facts) != dict(self.facts):
            raise GanatomyError(f"Statistics of {self.facts['extractor']} and {other.facts['extractor']} do not merge.")
        self.moments.merge(other.moments)
        self.features = _joined(self.features, other.features, KEPT)
        self.probabilities = _joined(self.probabilities, other.probabilities, None)

    def part(self, rows: slice) -> "Statistics":
        """Statistics of some of the images whose features are stored."""
        assert self.features is not None
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        return Statistics(Moments.of(self.features[rows]), self.facts, self.features[rows], probabilities)


def statistics_of(
    parts: Iterable[Array], extractor: Extractor, metrics: Collection[str] = ("fid", "kid", "is", "prdc")
) -> Statistics:
    """An extractor's statistics of images that come in parts, uint8 [n, H, W, C], with one part in memory at a time.

    metrics: what will be measured. For "is" the probabilities of all images are stored, O(N K) numbers; the others need
        O(d^2), and the features of KEPT images.
    """
    moments: Moments | None = None
    features: list[Array] = []
    probabilities: list[Array] = []
    for images in parts:
        seen = extractor.look(images)
        moments = moments or Moments(seen.features.shape[1])
        features.append(seen.features[: max(0, KEPT - moments.count)].astype(np.float32))
        moments.update(seen.features)
        if "is" in metrics and seen.probabilities is not None:
            probabilities.append(seen.probabilities.astype(np.float32))
    if moments is None:
        raise GanatomyError("There are no images to look at.")
    kept = np.concatenate(probabilities) if probabilities else None
    return Statistics(moments, extractor.facts(), np.concatenate(features), kept)


Metric = Callable[[Statistics, Statistics], dict[str, float]]


def _fid(real: Statistics, fake: Statistics) -> dict[str, float]:
    return {"fid": frechet_distance(real.moments, fake.moments)}


def _kid(real: Statistics, fake: Statistics) -> dict[str, float]:
    found = kernel_distance(_features(real, "kid"), _features(fake, "kid"))
    return {"kid": found.value, "kid_error": found.error}


def _is(real: Statistics, fake: Statistics) -> dict[str, float]:
    if fake.probabilities is None:
        raise GanatomyError(
            f"There are no probabilities: {fake.facts['extractor']} does not classify, or none were kept; leave out is."
        )
    mean, deviation = inception_score_of_splits(fake.probabilities, min(SPLITS, len(fake.probabilities)))
    return {"is": mean, "is_deviation": deviation}


def _prdc(real: Statistics, fake: Statistics) -> dict[str, float]:
    a, b = _features(real, "prdc"), _features(fake, "prdc")
    return {
        "precision": precision(a, b, NEIGHBORS[0]),
        "recall": recall(a, b, NEIGHBORS[0]),
        "density": density(a, b, NEIGHBORS[1]),
        "coverage": coverage(a, b, NEIGHBORS[1]),
    }


METRICS: dict[str, Metric] = {"fid": _fid, "kid": _kid, "is": _is, "prdc": _prdc}


def measure(real: Statistics, fake: Statistics, metrics: Sequence[str] = ("fid", "kid", "prdc")) -> dict[str, float]:
    """Scores by name: fid, kid, kid_error, is, is_deviation, precision, recall, density, coverage.

    Raises GanatomyError if the statistics are of different extractors, or lack what a metric needs.
    """
    different = [name for name in {**real.facts, **fake.facts} if real.facts.get(name) != fake.facts.get(name)]
    if different:
        raise GanatomyError(
            "Not of one protocol: "
            + ", ".join(f"{name} is {real.facts.get(name)} and {fake.facts.get(name)}" for name in different)
        )
    scores: dict[str, float] = {}
    for name in metrics:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
        scores |= METRICS[name](real, fake)
    return scores


def parameters(metrics: Sequence[str], count: int | None) -> dict[str, Any]:
    """The parameters of these metrics for `count` images, as part of the protocol."""
    found: dict[str, Any] = {}
    if "kid" in metrics:
        found["kid_estimate"] = "unbiased, of all rows compared"
    if "is" in metrics:
        found["is_splits"] = min(SPLITS, count or SPLITS)
    if "prdc" in metrics:
        found |= {"k_precision_recall": NEIGHBORS[0], "k_density_coverage": NEIGHBORS[1]}
    if "ssim" in metrics:
        found["ssim_images"] = f"the first {min(PAIRED, count or PAIRED):,}"
    if {"kid", "prdc", "nearest"} & {*metrics}:
        found["rows_compared"] = f"the first {KEPT:,}"
    return found


def remarks(real: Statistics, fake: Statistics, metrics: Sequence[str]) -> list[str]:
    """What to know before relying on these scores, a line each."""
    size, counts = len(real.moments.mean), [one.count for one in (real, fake) if one.counted]
    said = few_images(metrics, size, min(counts), fake.count if fake.counted else MANY) if counts else []
    if "is" in metrics and not {"prdc", "fid", "kid"} & set(metrics):
        said.append("the Inception Score crowns a generator of one picture per class; ask for fid or prdc, too")
    compared = {"kid": "the kernel distance", "prdc": "precision, recall, density and coverage"}
    if max(counts, default=0) > KEPT:
        said += [
            f"{title}: of {KEPT:,} images of each at most, the first of a fixed shuffle of the real ones"
            for name, title in compared.items()
            if name in metrics
        ]
    if "nearest" in metrics and fake.count > KEPT:
        said.append(f"nearest is of the first {KEPT:,} samples, against all images to train on")
    return said


def few_images(metrics: Sequence[str], size: int, fewest: int, generated: int) -> list[str]:
    """Remarks on scores of few images.

    size: of the features; fewest: images in the smaller set; generated: images in the generated one.
    """
    said = []
    if "fid" in metrics and fewest <= size:
        said.append(
            f"fid of {fewest:,} images, no more than its {size} features: the covariance has not full rank, and the "
            "distance is far too large; compare it only at equal counts, or use kid"
        )
    elif "fid" in metrics and fewest < MANY:
        said.append(f"fid of {fewest:,} images is biased upwards; compare it only at equal counts")
    if "is" in metrics and generated < MANY:
        part = generated // min(SPLITS, generated)
        said.append(
            f"is of {generated:,} images, {part:,} in a part, is biased downwards (a part scores at most as many as it "
            "has); compare it only at equal counts"
        )
    if "prdc" in metrics and fewest < MANY:
        said.append(f"precision, recall, density and coverage of {fewest:,} images depend on how many they are, too")
    return said


def _features(one: Statistics, metric: str) -> Array:
    if one.features is None:
        raise GanatomyError(f"{metric} compares images with images, and of one set only moments are kept; ask for fid.")
    return one.features


def _joined(a: Array | None, b: Array | None, most: int | None) -> Array | None:
    if a is None or b is None:
        return None
    return np.concatenate([a, b])[:most]
