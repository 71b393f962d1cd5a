"""The judges that are shipped: what they are, and whom they crown."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from ganatomy.core.spec import Spec
from ganatomy.data.images import Images, ImageSet
from ganatomy.experiments.judging import Bench, find_judge, shipped_judges
from ganatomy.metrics.judged import JudgeScores
from ganatomy.metrics.scores import Scores


def bench(source: str) -> Bench:
    spec = Spec(Images, source=source)
    data: ImageSet = spec.build().open()

    def refuse(text: str) -> None:
        raise AssertionError(f"no judge is shipped for these pixels: {text}")

    return Bench(data, find_judge(data, spec, refuse), JudgeScores())


def one_picture_per_class(on: Bench) -> Scores:
    """What a collapsed generator scores: it draws the same recognizable picture whenever a class is asked for."""
    labels = np.asarray(on.data.held_out.labels)
    classes = len(on.data.classes or ())
    sure = on.judge.see(on.data.held_out.images)[1]
    pictures = [max(np.flatnonzero(labels == k), key=lambda i, k=k: sure[i, k]) for k in range(classes)]
    asked = np.arange(on.how.count) % classes
    return on._scores(*on.judge.see(on.data.held_out.images[pictures][asked]), asked)


def test_the_shipped_judges_are_small_and_whole() -> None:
    size = 0
    for file in shipped_judges():
        facts, weights = json.loads(file.read_text()), file.with_suffix(".safetensors").read_bytes()
        assert facts["sha256"] == hashlib.sha256(weights).hexdigest()
        assert facts["command"].startswith("ganatomy train ")
        size += len(weights)
    assert {file.stem for file in shipped_judges()} == {"digits", "mnist"}
    assert size < 1_000_000


def test_the_judge_of_digits_knows_digits_and_does_not_crown_a_collapsed_generator() -> None:
    on = bench("digits")
    real, collapsed = on.floor, one_picture_per_class(on)
    assert real.accuracy is not None
    assert real.accuracy > 0.97
    assert real.accuracy == pytest.approx(on.judge.facts["accuracy"])
    assert_the_collapsed_one_wins_what_it_wins_and_loses_what_is_shown(real, collapsed)


@pytest.mark.data
def test_the_judge_of_mnist_knows_mnist_and_does_not_crown_a_collapsed_generator(real_data: Path) -> None:
    on = bench(str(real_data / "mnist"))
    assert on.judge.facts["trained_on"] == "training images 0-29999"
    assert on.protocol(seed=0, weights="average", checkpoint="last")["reference"] == "training images 30000-59999"
    assert on.how.count == 10_000
    real, collapsed = on.floor, one_picture_per_class(on)
    assert real.accuracy is not None
    assert real.accuracy >= 0.985
    assert_the_collapsed_one_wins_what_it_wins_and_loses_what_is_shown(real, collapsed)


def assert_the_collapsed_one_wins_what_it_wins_and_loses_what_is_shown(real: Scores, collapsed: Scores) -> None:
    assert collapsed.classifier_score > real.classifier_score
    assert collapsed.accuracy == 1.0
    assert collapsed.frechet > 20 * real.frechet
    assert collapsed.coverage is not None
    assert real.coverage is not None
    assert collapsed.coverage < 0.2 * real.coverage
