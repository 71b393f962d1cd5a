"""Classifier score, coverage, shares, and all of them together on a generator that collapsed."""

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics import coverage as room
from ganatomy.metrics.coverage import coverage, coverage_within_class, density
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.inception_score import inception_score, inception_score_of_splits
from ganatomy.metrics.moments import Moments
from ganatomy.metrics.scores import judge_scores
from ganatomy.metrics.shares import class_shares, entropy, missing_classes


def test_the_inception_score_is_k_for_sure_and_even_and_1_for_unsure_or_uneven():
    assert inception_score(np.tile(np.eye(10), (20, 1))) == pytest.approx(10, rel=1e-12)
    assert inception_score(np.full((50, 10), 0.1)) == pytest.approx(1, rel=1e-12)
    assert inception_score(np.tile(np.eye(10)[3], (50, 1))) == 1


def test_the_inception_score_is_the_formula_and_safe_at_zeros():
    p = np.array([[0.5, 0.5, 0.0], [0.25, 0.0, 0.75], [1.0, 0.0, 0.0]])
    q = p.mean(axis=0)
    divergences = [sum(a * np.log(a / b) for a, b in zip(row, q, strict=True) if a > 0) for row in p]
    assert inception_score(p) == pytest.approx(np.exp(np.mean(divergences)), rel=1e-12)


def test_splits_are_scored_apart():
    p = np.vstack((np.eye(4), np.full((4, 4), 0.25)))
    assert inception_score_of_splits(p, 2) == pytest.approx((2.5, 1.5))
    assert inception_score_of_splits(p, 1) == pytest.approx((inception_score(p), 0))
    for splits in (0, 9):
        with pytest.raises(GanatomyError, match="cannot be split"):
            inception_score_of_splits(p, splits)


@pytest.mark.parametrize("splits", [1, 2, 10])
def test_one_hot_and_even_in_every_split_scores_the_number_of_classes(splits):
    assert inception_score_of_splits(np.tile(np.eye(7), (20, 1)), splits) == pytest.approx((7, 0), abs=1e-12)


@pytest.mark.parametrize("shape", [(2, 10), (5, 7)])
def test_what_is_sure_and_even_only_in_the_whole_scores_less_in_splits(shape):
    """In order, each part of one class: its score is 1, where that of the whole is their number."""
    sizes, classes = shape
    p = np.repeat(np.eye(classes), sizes, axis=0)
    assert inception_score_of_splits(p, classes) == pytest.approx((1, 0))
    assert inception_score_of_splits(p, 1) == pytest.approx((classes, 0))


@pytest.mark.parametrize(
    "bad", [np.ones((3, 4)), np.array([[1.5, -0.5]]), np.array([[np.nan, 1]]), np.zeros((0, 3)), np.ones(3)]
)
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(GanatomyError, match="Probabilities must"):
        inception_score(bad)


def test_coverage_and_density_by_hand():
    # Reference at 0, 1, 3, 7; the second nearest others are 3, 2, 3, 6 away. Generated at 1.5 and 100.
    reference, generated = np.array([[0.0], [1], [3], [7]]), np.array([[1.5], [100.0]])
    # 1.5 is 1.5, 0.5, 1.5, 5.5 away: inside all four.
    assert coverage(reference, generated, k=2) == 1.0
    assert density(reference, generated, k=2) == 4 / (2 * 2)
    # 9.5 is 9.5, 8.5, 6.5, 2.5 away: inside the last alone. Nearest others are 1, 1, 2, 4 away.
    assert coverage(reference, np.array([[9.5]]), k=1) == 1 / 4
    assert density(reference, np.array([[9.5]]), k=1) == 1.0


def test_what_lies_on_the_edge_is_outside_as_in_the_authors_code():
    assert coverage(np.array([[0.0], [2.0]]), np.array([[4.0]]), k=1) == 0
    assert coverage(np.array([[0.0], [2.0]]), np.array([[3.75]]), k=1) == 1 / 2


def test_identical_sets_of_distinct_points_are_covered():
    x = np.random.default_rng(0).normal(size=(300, 8))
    assert coverage(x, x) == 1
    assert density(x, x) == pytest.approx(1)


def test_one_repeated_point_covers_little_and_none_covers_nothing():
    x = np.random.default_rng(0).normal(size=(500, 8))
    assert coverage(x, np.repeat(x[:1], 500, axis=0)) < 0.05
    assert coverage(x, np.zeros((0, 8))) == 0
    with pytest.raises(GanatomyError, match="there is none"):
        density(x, np.zeros((0, 8)))


def test_chunks_do_not_change_coverage_and_density(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 5)), rng.normal(size=(90, 5)) * 0.7
    whole = coverage(x, y), density(x, y)
    monkeypatch.setattr(room, "NUMBERS", 250)
    assert (coverage(x, y), density(x, y)) == whole


def test_coverage_agrees_with_distances_computed_one_by_one():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 4)) + 1000, rng.normal(size=(50, 4)) + 1000.5
    radii = [np.sort(np.linalg.norm(x - row, axis=1))[5] for row in x]
    inside = [[np.linalg.norm(row - fake) < radius for fake in y] for row, radius in zip(x, radii, strict=True)]
    assert coverage(x, y) == np.mean(np.any(inside, axis=1))
    assert density(x, y) == pytest.approx(np.sum(inside) / (5 * 50))


def test_too_few_or_mismatched_rows_are_refused():
    with pytest.raises(GanatomyError, match="too few for neighborhoods of k=5"):
        coverage(np.zeros((5, 2)), np.zeros((5, 2)))
    with pytest.raises(GanatomyError, match=r"these are \[9, 2\] and \[9, 3\]"):
        coverage(np.zeros((9, 2)), np.zeros((9, 3)))


def test_coverage_within_classes_leaves_out_what_it_cannot_measure_and_counts_what_is_missing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(45, 3))
    labels = np.array([0] * 20 + [1] * 20 + [2] * 5)
    only_zero = coverage_within_class(x, labels, x[:20], labels[:20], classes=4)
    assert only_zero.per_class == (1.0, 0.0, None, None)
    assert only_zero.mean == 0.5
    assert coverage_within_class(x, labels, x, labels, classes=1, k=30).mean is None


def test_only_the_first_rows_of_each_class_count():
    x = np.random.default_rng(0).normal(size=(40, 3))
    labels = np.arange(40) % 2
    first = coverage_within_class(x, labels, x, labels, classes=2, per_class=8)
    assert first == coverage_within_class(x[:16], labels[:16], x[:16], labels[:16], classes=2)
    moved = np.where(np.arange(40)[:, None] < 16, 1e6, x)
    assert coverage_within_class(x, labels, moved, labels, classes=2, per_class=8).mean == 0


def test_shares_and_their_entropy():
    shares = class_shares(np.array([0, 0, 1, 3]), classes=4)
    assert shares.tolist() == [0.5, 0.25, 0, 0.25]
    assert missing_classes(shares) == (2,)
    assert entropy(shares) == pytest.approx(1.5)
    assert entropy(shares, "nats") == pytest.approx(1.5 * np.log(2))
    for bad, classes in ((np.array([4]), 4), (np.array([-1]), 4), (np.array([], int), 4)):
        with pytest.raises(GanatomyError):
            class_shares(bad, classes)


CLASSES, EACH, SIZE = 10, 300, 16


def world(seed):
    """Features around a center per class, with some images between two classes, and the centers."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(size=(CLASSES, SIZE)) * 3
    labels = np.repeat(np.arange(CLASSES), EACH)
    return centers[labels] + rng.normal(size=(len(labels), SIZE)) * 2.5, labels, centers


def judged(features, centers):
    """Softmax of closeness to each center."""
    logits = -((features[:, None] - centers) ** 2).sum(axis=2) / 8
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def scored(features, labels, asked=True):
    reference, reference_labels, centers = world(0)
    return judge_scores(
        *(reference, reference_labels, Moments.of(reference), features, judged(features, centers)),
        asked=labels if asked else None,
    )


def test_one_picture_per_class_is_ranked_first_by_score_and_accuracy_and_last_by_distance_and_coverage():
    real_features, labels, centers = world(1)
    blurred = centers[labels] + np.random.default_rng(2).normal(size=real_features.shape) * 3
    real, mediocre, collapsed = (scored(x, labels) for x in (real_features, blurred, centers[labels]))
    assert mediocre.classifier_score < real.classifier_score < 9.9 < collapsed.classifier_score
    assert mediocre.accuracy < real.accuracy < collapsed.accuracy == 1
    assert 20 * real.frechet < collapsed.frechet > 10 * mediocre.frechet
    assert collapsed.coverage < 0.5 * mediocre.coverage < 0.5 * real.coverage


def test_without_classes_asked_for_the_judge_names_them():
    features, labels, centers = world(1)
    free = scored(features, labels, asked=False)
    assert free.accuracy is None
    assert free.count == CLASSES * EACH
    seen = judged(features, centers).argmax(axis=1)
    reference, reference_labels, _ = world(0)
    assert free.coverage == coverage_within_class(reference, reference_labels, features, seen, CLASSES).mean
    assert free.frechet == frechet_distance(Moments.of(reference), Moments.of(features))


def test_shares_are_of_what_the_judge_sees_whatever_was_asked():
    _, labels, centers = world(1)
    stubborn = scored(centers[np.zeros_like(labels)], labels)
    assert stubborn.class_shares == (1.0, *[0.0] * 9)
    assert stubborn.accuracy == pytest.approx(0.1)


def test_counts_that_differ_are_refused():
    features, labels, _ = world(1)
    with pytest.raises(GanatomyError, match="differ in number"):
        scored(features, labels[:-1])
