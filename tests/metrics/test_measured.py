"""Statistics and scores under any extractor: a generator that collapsed, and what is kept of images."""

import numpy as np
import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.metrics import measured as room
from ganatomy.metrics.extractors import Extractor, Look
from ganatomy.metrics.inception_score import inception_score_of_splits
from ganatomy.metrics.measured import METRICS, measure, statistics_of
from ganatomy.metrics.moments import Array

PROTOTYPES = np.random.default_rng(0).integers(80, 176, (10, 2, 2, 3))


def pictures(count: int, spread: float, seed: int) -> Array:
    """Of ten classes in turn, each around its own picture."""
    around = np.random.default_rng(seed).normal(0, spread, (count, 2, 2, 3))
    return np.clip(PROTOTYPES[np.arange(count) % 10] + around, 0, 255).astype(np.uint8)


class Nearness(Extractor):
    """Pixels, and how near they are to the picture of each class."""

    def look(self, images: Array) -> Look:
        x, known = ((y.reshape(len(y), -1) - 128.0) / 16 for y in (images, PROTOTYPES))
        p = np.exp(-((x[:, None] - known) ** 2).sum(axis=2) / 4)
        return Look(x, p / p.sum(axis=1, keepdims=True))

    def facts(self) -> dict[str, str]:
        return {"extractor": "nearness"}


def test_one_picture_per_class_is_ranked_first_by_inception_score_and_accuracy_and_last_by_the_others() -> None:
    looker = Nearness()
    reference = statistics_of([pictures(400, 24, 1)], looker)
    shown = {"real": pictures(400, 24, 2), "mediocre": pictures(400, 28, 3), "collapsed": pictures(400, 0, 4)}
    seen = {name: statistics_of([images], looker) for name, images in shown.items()}
    real, mediocre, collapsed = (measure(reference, one, tuple(METRICS)) for one in seen.values())
    right = [float((one.probabilities.argmax(1) == np.arange(400) % 10).mean()) for one in seen.values()]
    assert mediocre["is"] < real["is"] < collapsed["is"]
    assert right[1] < right[0] < right[2] == 1
    assert collapsed["precision"] == 1, "so precision crowns it, too"
    for name in ("fid", "kid"):
        assert max(real[name], mediocre[name]) + 3 * mediocre.get(f"{name}_error", 0) < collapsed[name], name
    for name in ("recall", "coverage"):
        assert min(real[name], mediocre[name]) > collapsed[name] + 0.05, name


def test_probabilities_are_kept_where_they_are_wanted_and_change_no_score() -> None:
    images = np.array_split(pictures(103, 24, 5), 4)
    kept, dropped = (statistics_of(images, Nearness(), metrics) for metrics in (("fid", "is"), ("fid", "kid")))
    assert dropped.probabilities is None and kept.probabilities.dtype == np.float32
    exact = inception_score_of_splits(Nearness().look(np.concatenate(images)).probabilities, 10)
    found = measure(dropped, kept, ("is",))
    assert (found["is"], found["is_deviation"]) == pytest.approx(exact, rel=1e-6)
    with pytest.raises(GanatomyError, match="or none were kept"):
        measure(kept, dropped, ("is",))


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_probabilities_merge_too_so_the_inception_score_is_of_all(parts: int) -> None:
    images = pictures(103, 24, 5)
    whole = statistics_of([images], Nearness())
    merged, *others = (statistics_of([part], Nearness()) for part in np.array_split(images, parts))
    for other in others:
        merged.merge(other)
    assert np.array_equal(merged.probabilities, whole.probabilities)
    assert measure(whole, merged, ("is",)) == measure(whole, whole, ("is",))


def test_no_more_than_the_first_features_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "KEPT", 30)
    images = pictures(50, 24, 5)
    found = statistics_of(np.array_split(images, 4), Nearness())
    assert found.count == 50
    assert np.array_equal(found.features, Nearness().look(images).features[:30].astype(np.float32))
