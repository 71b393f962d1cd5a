"""Scores of samples by a data set's judge, from its features and probabilities.

All scores are computed together and are to be reported together. Classifier score and accuracy are highest for a
generator of one picture per class; the Fréchet distance and the coverage within classes expose it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics.coverage import coverage_within_class
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.inception_score import inception_score
from ganatomy.metrics.moments import Array, Moments
from ganatomy.metrics.shares import class_shares

REPEATED = ("frechet", "coverage", "classifier_score", "accuracy")  # scores whose deviation between draws is reported


@dataclass(frozen=True)
class Scores:
    """Scores of `count` samples.

    classifier_score: the Inception Score's formula on the judge's probabilities, from 1 to K.
    frechet: the Fréchet distance to the reference in the judge's features.
    coverage: the mean of `coverage_per_class`; None if no class has enough reference images.
    class_shares: how often the judge predicts each class.
    accuracy: the share of samples classified as the class asked for; None if none was.
    accuracy_per_class: None for classes that were not asked for.
    """

    classifier_score: float
    frechet: float
    coverage: float | None
    class_shares: tuple[float, ...]
    accuracy: float | None
    count: int
    coverage_per_class: tuple[float | None, ...] = ()
    accuracy_per_class: tuple[float | None, ...] | None = None


def judge_scores(
    reference_features: Array,
    reference_labels: Array,
    reference_moments: Moments,
    features: Array,
    probabilities: Array,
    asked: Array | None = None,
    *,
    k: int = 5,
    per_class: int = 1000,
) -> Scores:
    """Score samples against a reference.

    reference_features, reference_labels: [R, d] and [R], for the coverage.
    reference_moments: for the Fréchet distance; they may be of more images.
    features, probabilities: of the samples, [N, d] and [N, K].
    asked: the classes asked of a conditional generator, [N]; None: coverage is within the predicted classes.
    """
    features, probabilities = np.asarray(features), np.asarray(probabilities)
    asked = None if asked is None else np.asarray(asked)
    counts = {len(features), len(probabilities), len(features) if asked is None else len(asked)}
    if len(counts) > 1:
        raise GanatomyError(f"Features, probabilities and classes asked for differ in number: {sorted(counts)}.")
    classes = probabilities.shape[1]
    seen = probabilities.argmax(axis=1)
    labels = seen if asked is None else asked
    covered = coverage_within_class(
        reference_features, reference_labels, features, labels, classes, k=k, per_class=per_class
    )
    return Scores(
        classifier_score=inception_score(probabilities),
        frechet=frechet_distance(reference_moments, Moments.of(features)),
        coverage=covered.mean,
        class_shares=tuple(class_shares(seen, classes).tolist()),
        accuracy=None if asked is None else float(np.mean(seen == asked)),
        count=len(features),
        coverage_per_class=covered.per_class,
        accuracy_per_class=None if asked is None else recognized(seen, asked, classes),
    )


def averaged(draws: Sequence[Scores]) -> Scores:
    """The means of repeated draws, all of the same count."""

    def mean(name: str) -> Any:
        return mean_of([getattr(one, name) for one in draws])

    return Scores(
        **{field.name: mean(field.name) for field in fields(Scores) if field.name != "count"}, count=draws[0].count
    )


def mean_of(values: Sequence[Any]) -> Any:
    """The mean of numbers, or of tuples element by element; None if any of them is None."""
    if any(value is None for value in values):
        return None
    if isinstance(values[0], tuple):
        return tuple(mean_of(place) for place in zip(*values, strict=True))
    return float(np.mean(values))


def deviations(draws: Sequence[Scores]) -> dict[str, float]:
    """The standard deviation between draws, two or more, of each score that all of them have."""
    values = {name: [getattr(one, name) for one in draws] for name in REPEATED}
    return {name: float(np.std(found, ddof=1)) for name, found in values.items() if None not in found}


def recognized(seen: Array, asked: Array, classes: int) -> tuple[float | None, ...]:
    """The accuracy of each class, None for those not asked for. seen: predicted classes [N]; asked: [N].

    >>> recognized(np.array([0, 1, 1]), np.array([0, 0, 1]), classes=3)
    (0.5, 1.0, None)
    """
    right = [seen[asked == number] == number for number in range(classes)]
    return tuple(float(np.mean(found)) if len(found) else None for found in right)


def times_floor(record: Mapping[str, Any]) -> float:
    """The Fréchet distance of a score record as a multiple of its floor; infinite if the floor is zero."""
    floor = record["floor"]["frechet"]
    return float(record["scores"]["frechet"] / floor) if floor else math.inf


def shown_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Scores to show people: without a coverage, which exposes collapse, those that reward collapse are left out."""
    if scores.get("coverage") is not None or "classifier_score" not in scores:
        return dict(scores)
    return {**scores, "classifier_score": None, "accuracy": None}


def drawn_scores(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a score record to plot, with the Fréchet distance as a multiple of its floor, too."""
    found = {name: value for name, value in shown_scores(record["scores"]).items() if isinstance(value, (int, float))}
    return {**found, "frechet_x_floor": times_floor(record)} if "frechet" in found else found
