"""What the reports' own functions read: real results of every study they name, made small, and a real translation."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ganatomy.experiments import judging
from ganatomy.experiments.run import Run, load
from ganatomy.experiments.train import train
from ganatomy.report.comparison import Outcome, outcome_of
from ganatomy.reproduce import animal_faces, cifar10_architectures, dcgan_representation, mnist_conditional
from ganatomy.reproduce import unpaired_translation as translation
from ganatomy.reproduce.claims import Studying, Training
from ganatomy.reproduce.fate import is_collapsed
from ganatomy.reproduce.readings import at, distance, late
from ganatomy.reproduce.scoring import scored
from ganatomy.runs.files import read_json, write_bytes
from ganatomy.runs.folder import RunFolder
from ganatomy.studies import arithmetic
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY
from tests.experiments.test_translation import TINY as TINY_TRANSLATOR
from tests.report.made import png
from tests.studies.test_arithmetic import halves
from tests.studies.test_teaching import TINY as WORDS


def result(folder: Path, study: str, *words: str) -> Mapping[str, Any]:
    carried: Mapping[str, Any] = read_json(carry_out(declared(study, words), folder / study) / "result.json")["result"]
    return carried


def text_of(look: Callable[[Mapping[str, Any]], Any], found: Mapping[str, Any]) -> str:
    seen = look(found)
    text = seen if isinstance(seen, str) else seen[0]
    assert text and (isinstance(seen, str) or seen[1] in (True, False, None))
    return text


def test_modes(trained: Run, conditional: Run, tmp_path: Path) -> None:
    found = result(tmp_path, "modes", f"run={trained.path}", f"against={conditional.path}", "count=64")
    assert "classes in effect" in text_of(mnist_conditional.missing_told, found)
    assert "virtual" in text_of(mnist_conditional.mates_seen, found)
    assert "of real images" in text_of(cifar10_architectures.alike_told, found)


def test_interpolate_and_embedding(conditional: Run, tmp_path: Path) -> None:
    walk = result(tmp_path, "interpolate", f"run={conditional.path}", "pairs=1", "steps=3")
    assert "between classes" in text_of(animal_faces.walk_seen, walk)
    points = result(tmp_path, "embedding", f"run={conditional.path}", "count=20")
    assert "same origin" in text_of(mnist_conditional.embedding_told, points)
    assert 0 < at(points, "confidence", "generated", "mean") <= 1


def test_retrain(conditional: Run, tmp_path: Path) -> None:
    words = [f"run={conditional.path}", "shares=0.1,1", "shown=256", "few=2", "few_images=128"]
    words += ["few_recipe=digits-cdcgan", WORDS.replace("overrides", "few_overrides", 1)]
    found = result(tmp_path, "retrain", *words)
    assert text_of(mnist_conditional.grid_told, found).count(" of each: ") == 2
    assert "beyond classical augmentation" in text_of(mnist_conditional.few_told, found)
    assert "generated first, then real" in text_of(mnist_conditional.strategies_told, found)


def test_labelled_data(cache: Path, tmp_path: Path) -> None:
    words = ["data=digits", "recipe=digits-cdcgan", "images=64", "per_label=2", "shown=256", WORDS]
    found = result(tmp_path, "labelled-data", *words, "portions=[0.4,0.6,0.8,1.0]")
    for look in ("order_seen", "rises_with_portion", "both_seen"):
        assert "%" in text_of(getattr(dcgan_representation, look), found)
    for portion in dcgan_representation.PORTIONS:
        assert 0 <= at(found, "accuracy", f"{portion}% generated", "mean") <= 1


def test_features(trained: Run, tmp_path: Path) -> None:
    found = result(tmp_path, "features", f"run={trained.path}", "labels=[all]", "against=[]", "strengths=0.1")
    assert "numbers" in text_of(dcgan_representation.size_seen, found)
    assert 0 < at(found, *dcgan_representation.ALL) <= 1


def test_probe_and_pca(trained: Run, tmp_path: Path) -> None:
    words = ("encoder_images=64", "linear_images=200", "svm_images=200", "nearest_images=200")
    found = result(tmp_path, "probe", f"run={trained.path}", *words)
    assert "SVM" in text_of(animal_faces.probe_seen, found) and 0 < at(found, "pca", "svm") <= 1
    found = result(tmp_path, "pca", f"run={trained.path}", "components=4", "inverted=2", "steps=2", "starts=1")
    assert "frechet: " in text_of(mnist_conditional.pca_told, found)


def test_arithmetic(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "attribute_judge", halves)
    monkeypatch.setattr(arithmetic, "attribute_data", lambda images, attribute: None)
    words = ("attribute=above", "other=left", "pool=200", "trials=5")
    found = result(tmp_path, "arithmetic", f"run={trained.path}", *words)
    assert text_of(dcgan_representation.smile_seen, found).startswith("above appears in ")
    works, fails = (getattr(dcgan_representation, name)(found)[1] for name in ("smile_seen", "glasses_seen"))
    assert works != fails


class Only:
    """One training's outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def runs(self, training: Training) -> list[Outcome]:
        return [self.outcome]

    def ended(self, training: Training) -> list[Outcome]:
        return [self.outcome]

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        return []


def test_a_translator_is_measured_once_both_ways(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "FEWEST", 1_000)
    monkeypatch.setattr(judging, "MOST", 1_000)
    run = train("digits-cyclegan", *TINY_TRANSLATOR, images=64, out=tmp_path / "cycle")
    for _ in range(2):
        scored(run)
    assert len(run.folder.measurements.read()) == 1
    ours = run.folder.measurements.read()[0]
    run.folder.measurements.append({**ours, "protocol": {**ours["protocol"], "extractor": "inception"}})
    ways = {name: {"columns": {"translated": {"kid": 1.0}}} for name in ours["directions"]}
    run.folder.measurements.append({**ours, "directions": ways})
    done, training = Only(outcome_of(run.folder)), Training(recipe="digits-cyclegan")
    measures = (
        translation.of_ways(training),
        translation.of_ways(training, lambda there, back: min(there) > 0),
        translation.between_columns(training),
        translation.no_better(training, training),
        translation.failures(training),
        translation.resembles(training),
    )
    for measure in measures:
        found = measure.read(done)
        assert "digits to digits-inverted-bold" in found.seen and (isinstance(found.holds, bool) or found.why)
    assert "under inception" in measures[2].read(done).protocol, "as in the report, where its weights are"
    assert measures[3].read(done).holds is not False, "nothing is better than itself"
    found = translation.goes_farther(training, training).read(done)
    assert not found.holds and "Held-out pictures" in found.protocol
    for names in (translation.ADVERSARIAL, translation.CRITICS):
        assert late(*names)(done.outcome) > 0


def test_a_run_without_labels_is_measured_in_random_features(cache: Path, tmp_path: Path) -> None:
    for number in range(40):
        write_bytes(tmp_path / "pictures" / f"{number}.png", png(number))
    words = (*TINY, "data.size=8", "data.channels=gray", "watch.score=0")
    run = train("digits-dcgan", *words, data=tmp_path / "pictures", images=128, out=tmp_path / "run")
    scored(run)
    outcome = outcome_of(RunFolder(run.path))
    assert not outcome.records and distance(outcome) > 0 and isinstance(is_collapsed(outcome), bool)
    assert load(run.path).folder.measurements.read()[0]["protocol"]["extractor"].startswith("random")
