"""Collapse as numbers: on made-up features whose modes are known, and on a run."""

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.runs.files import read_json
from ganatomy.studies import modes
from ganatomy.studies.modes import batch_mates, birthday, closest, distinct, diversity, histogram, missing
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY
from tests.studies.conftest import Dies, files_in, promised


class ClassAlone(torch.nn.Module):
    """The same picture for every latent of a class."""

    def forward(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        pictures = torch.randn(10, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        return pictures[y]


def test_the_entropy_counts_classes() -> None:
    two = histogram(np.repeat([0, 1], [50, 50]), 10)
    assert two["classes_in_effect"] == pytest.approx(2.0) and two["entropy"] == pytest.approx(np.log(2), abs=1e-6)
    assert histogram(np.zeros(5, int), 3)["classes_in_effect"] == 1.0
    assert missing([0.5, 0.5, 0.0, 0.01], [0.25] * 4, "abcd") == ["c", "d"]


def test_a_class_that_is_not_in_the_real_images_is_not_missed() -> None:
    assert missing([0.0, 1.0], [0.0, 1.0], "ab") == []


def test_the_closest_pair_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).normal(size=(50, 3))
    whole = closest(features)
    monkeypatch.setattr(modes, "BLOCK", 7)
    distance, pair = closest(features)
    assert pair == whole[1] and distance == pytest.approx(whole[0])
    assert distance == pytest.approx(np.linalg.norm(features[pair[0]] - features[pair[1]]))


def test_copies_among_real_images_are_no_edge() -> None:
    images = np.random.default_rng(0).integers(256, size=(6, 2, 2, 1), dtype=np.uint8)
    assert distinct(images[[0, 1, 1, 2, 0, 5]]).tolist() == [0, 1, 3, 5]
    line = np.arange(64.0)[:, None]
    _, found = birthday(line, line, seed=0)
    assert max(found["chance_of_a_duplicate"].values()) >= 0.5, "a pair at the edge is a duplicate"


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


@pytest.mark.parametrize(("count", "largest"), [(7, None), (8, 8), (15, 8), (100, 64)])
def test_images_are_more_than_the_square_of_the_largest_batch_that_was_tried(count: int, largest: int | None) -> None:
    apart, near = np.arange(count)[:, None] * 2.0, np.arange(50.0)[:, None]
    _, found = birthday(apart, near, seed=0)
    assert list(found["chance_of_a_duplicate"].values()) == [0.0] * len(found["chance_of_a_duplicate"])
    assert found["images_in_effect"] is None and found["more_than"] == (largest and largest**2)


def test_batch_norm_ties_batch_mates_together(trained: Run) -> None:
    found = batch_mates(trained, trained.sampler(), seed=0)
    assert found["changed_by_mates"] > 1e-3


def test_virtual_batch_norm_unties_them(cache: Path, tmp_path: Path) -> None:
    words = [*TINY, "players.G.normalization=virtual", "players.G.reference=8"]
    run = train("digits-cdcgan", *words, images=256, out=tmp_path / "virtual")
    found = batch_mates(run, run.sampler(), seed=0)
    assert found["changed_by_mates"] == pytest.approx(0, abs=1e-6)


class OffsetOfItsBatch(torch.nn.Module):
    """Noise of variance 1, and the same noise of variance 1 for all images of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = torch.Generator().manual_seed(0)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + torch.randn(z.shape[1], generator=self.draws)


def test_a_correlation_within_batches_that_is_known_is_found() -> None:
    """Of two images of a batch 1 / (1 + 1), of different ones 0; other mates change an image by the root of 2."""

    def sample(seed: int, start: int, stop: int) -> torch.Tensor:
        return torch.randn(stop - start, 4_096, generator=torch.Generator().manual_seed(start))

    prior = SimpleNamespace(sample=sample)
    run = SimpleNamespace(player=lambda name: OffsetOfItsBatch())
    found = batch_mates(run, SimpleNamespace(prior=prior, classes=None), seed=0)  # type: ignore[arg-type]
    assert found["correlation"] == pytest.approx(0.5, abs=0.03)
    assert found["changed_by_mates"] == pytest.approx(1.0, abs=0.03)
    assert 0 < found["correlation_deviation"] < 0.05


def test_images_that_depend_on_their_class_alone_are_not_alike_within_a_batch(conditional: Run) -> None:
    """Two batches ask for the same classes, so that the pairs of both have a class in common as often."""
    G, sampler = ClassAlone(), conditional.sampler()
    changed, correlation = modes.mates_of(G, sampler, 0, 0)
    assert changed == 0 and correlation == pytest.approx(0, abs=1e-9)


def test_from_end_to_end_beside_another_run_and_killed_between_the_two(
    trained: Run, conditional: Run, tmp_path: Path, dies: Dies
) -> None:
    study = declared("modes", [f"run={trained.path}", f"against={conditional.path}", "count=200"])
    folder = carry_out(study, tmp_path / "modes")
    result = read_json(folder / "result.json")["result"]
    assert set(result) == {"run", "against", "protocol"}
    for side in ("run", "against"):
        assert 1 <= result[side]["generated"]["classes_in_effect"] <= 10
        assert result[side]["real"]["classes_in_effect"] > 9
        assert result[side]["real"]["diversity"] > 0 and (folder / f"closest-{side}.png").exists()
        assert result[side]["extractor_sha256"] and result[side]["content"] and result[side]["count"] == 200
        assert (folder / f"classes-{side}.png").exists()
    assert promised("modes") <= files_in(folder)
    assert result["protocol"]["count"] == 200
    shares = list(csv.DictReader((folder / "classes.csv").open()))
    assert len(shares) == 20 and sum(float(row["real"]) for row in shares) == pytest.approx(2)
    chances = list(csv.DictReader((folder / "birthday.csv").open()))
    assert {row["run"] for row in chances} == {"run", "against"} and chances[0]["batch"] == "8"
    mates = {row["run"]: float(row["correlation"]) for row in csv.DictReader((folder / "mates.csv").open())}
    assert mates == {side: result[side]["batch_mates"]["correlation"] for side in ("run", "against")}

    calls = dies(modes, "birthday", 2)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert len(calls) == 3, "the first run is not looked at again"
    assert (tmp_path / "killed" / "result.json").read_bytes() == (folder / "result.json").read_bytes()


def test_without_labels_duplicates_are_told_in_random_features(unlabelled: Run, trained: Run, tmp_path: Path) -> None:
    study = declared("modes", [f"run={unlabelled.path}", f"against={trained.path}", "count=200"])
    folder = carry_out(study, tmp_path / "modes")
    result = read_json(folder / "result.json")["result"]
    held_out = len(unlabelled.data().held_out)
    assert held_out < 200 and result["protocol"]["count"] == {"run": held_out, "against": 200}
    assert result["protocol"]["extractor"] == {"run": "random (no trained weights)", "against": "judge"}
    assert not {"classes", "generated", "real"} & set(result["run"]), "there are no classes to count"
    assert result["run"]["birthday"]["chance_of_a_duplicate"] and result["run"]["batch_mates"]["changed_by_mates"] > 0
    assert (folder / "closest-run.png").exists() and not (folder / "classes-run.png").exists()
    assert {row["run"] for row in csv.DictReader((folder / "classes.csv").open())} == {"against"}
    alone = carry_out(declared("modes", [f"run={unlabelled.path}"]), tmp_path / "alone")
    assert not (alone / "classes.csv").exists()
    assert read_json(alone / "result.json")["result"]["protocol"]["extractor"] == "random (no trained weights)"
