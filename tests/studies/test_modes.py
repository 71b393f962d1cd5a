"""Collapse as numbers: on made-up features whose modes are known, and on a run."""

from pathlib import Path

import numpy as np
import pytest

from ganatomy.experiments.run import Run
from ganatomy.runs.files import read_json
from ganatomy.studies.modes import batch_mates, birthday, diversity, histogram, missing
from ganatomy.studies.study import carry_out, declared


def test_the_entropy_counts_classes() -> None:
    assert histogram(np.repeat([0, 1], [50, 50]), 10)["classes_in_effect"] == pytest.approx(2.0)
    assert histogram(np.zeros(5, int), 3)["classes_in_effect"] == 1.0
    assert missing([0.5, 0.5, 0.0, 0.01], [0.25] * 4, "abcd") == ["c", "d"]


def test_one_picture_per_class_has_no_diversity() -> None:
    features = np.repeat(np.eye(3), 20, axis=0)
    seen = np.repeat(np.arange(3), 20)
    assert diversity(features, seen) == pytest.approx(0.0, abs=1e-6)
    spread = features + np.random.default_rng(0).normal(size=features.shape)
    assert diversity(spread, seen) > 1


@pytest.mark.parametrize("modes", [16, 64])
def test_the_birthday_test_finds_how_many_images_there_are(modes: int) -> None:
    draw = np.random.default_rng(0)
    real, centres = draw.normal(size=(600, 8)), draw.normal(size=(modes, 8))
    made = centres[draw.integers(modes, size=600)] + draw.normal(size=(600, 8)) * 1e-4
    _, found = birthday(made, real, seed=0)
    assert modes / 4 <= found["images_in_effect"] <= modes * 8
    _, honest = birthday(draw.normal(size=(600, 8)) * 2, real, seed=0)
    assert honest["images_in_effect"] is None or honest["images_in_effect"] >= 256**2


def test_batch_norm_ties_batch_mates_together(trained: Run) -> None:
    found = batch_mates(trained, trained.sampler(), seed=0)
    assert found["changed_by_mates"] > 1e-3


def test_from_end_to_end_beside_another_run(trained: Run, conditional: Run, tmp_path: Path) -> None:
    study = declared("modes", [f"run={trained.path}", f"against={conditional.path}", "count=200"])
    folder = carry_out(study, tmp_path / "modes")
    result = read_json(folder / "result.json")["result"]
    assert set(result) == {"run", "against", "protocol"}
    for side in ("run", "against"):
        assert 1 <= result[side]["generated"]["classes_in_effect"] <= 10
        assert result[side]["real"]["classes_in_effect"] > 9
        assert result[side]["real"]["diversity"] > 0 and (folder / f"closest-{side}.png").exists()
    assert result["protocol"]["count"] == 200
