"""What a judge says of samples: its features and probabilities in, every score out, none of them alone.

The classifier score and the accuracy crown a generator of one picture per class; the Fréchet distance and the coverage
within classes see it. So they are computed together, and are to be shown together.
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

REPEATED = ("frechet", "coverage", "classifier_score", "accuracy")  # scores that have a deviation between draws


@dataclass(frozen=True)
class Scores:
    """Scores of `count` samples."""

    classifier_score: float  # the Inception Score's formula on the judge's probabilities, 1 to K
    frechet: float  # distance to the reference in the judge's features
    coverage: float | None  # mean over classes; None where no class has enough reference rows
    class_shares: tuple[float, ...]  # of the classes the judge sees, also where others were asked for
    accuracy: float | None  # share that the judge recognizes as the class asked for; None where none was
    count: int
    coverage_per_class: tuple[float | None, ...] = ()
    accuracy_per_class: tuple[float | None, ...] | None = None  # None for a class that was not asked for


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
    """Every score of samples against a reference.

    reference_features: [R, d], reference_labels: [R], for coverage; reference_moments: for the Fréchet distance, of as
    many rows as one likes; features: [N, d]; probabilities: [N, K]; asked: [N], the classes asked of a conditional
    generator. Coverage is within the class asked for, or else within the class the judge sees.
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
    """Means over repeated draws of as many samples."""

    def mean(name: str) -> Any:
        return mean_of([getattr(one, name) for one in draws])

    return Scores(
        **{field.name: mean(field.name) for field in fields(Scores) if field.name != "count"}, count=draws[0].count
    )


def mean_of(values: Sequence[Any]) -> Any:
    """Of numbers, or of tuples place by place; None where one of them is None."""
    if any(value is None for value in values):
        return None
    if isinstance(values[0], tuple):
        return tuple(mean_of(place) for place in zip(*values, strict=True))
    return float(np.mean(values))


def deviations(draws: Sequence[Scores]) -> dict[str, float]:
    """Between two repeated draws or more, of each score that all of them have."""
    values = {name: [getattr(one, name) for one in draws] for name in REPEATED}
    return {name: float(np.std(found, ddof=1)) for name, found in values.items() if None not in found}


def recognized(seen: Array, asked: Array, classes: int) -> tuple[float | None, ...]:
    """Of each class, how much of what was asked for is seen as it; None where nothing was.

    >>> recognized(np.array([0, 1, 1]), np.array([0, 0, 1]), classes=3)
    (0.5, 1.0, None)
    """
    right = [seen[asked == number] == number for number in range(classes)]
    return tuple(float(np.mean(found)) if len(found) else None for found in right)


def times_floor(record: Mapping[str, Any]) -> float:
    """The Fréchet distance of a written score as a multiple of its floor; infinite where the floor is zero."""
    floor = record["floor"]["frechet"]
    return float(record["scores"]["frechet"] / floor) if floor else math.inf


def shown_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Scores as they may be shown: those that a collapsed generator wins only beside a coverage that it loses."""
    if scores.get("coverage") is not None or "classifier_score" not in scores:
        return dict(scores)
    return {**scores, "classifier_score": None, "accuracy": None}


def drawn_scores(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a written score as they may be drawn, a Fréchet distance also as a multiple of its floor."""
    found = {name: value for name, value in shown_scores(record["scores"]).items() if isinstance(value, (int, float))}
    return {**found, "frechet_x_floor": times_floor(record)} if "frechet" in found else found
