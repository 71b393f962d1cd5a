"""Pupils taught with real and generated images: end to end at tiny size, and against what is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.metrics import stand_in_for_torchvision
from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images
from ganatomy.experiments.run import Run
from ganatomy.runs.files import read_json
from ganatomy.studies import retrain
from ganatomy.studies.pupil import Lesson, School, accuracy, lesson_of, teach
from ganatomy.studies.retrain import portion, repeated
from ganatomy.studies.study import carry_out, declared

TINY = "overrides=players.G.width=0.1,players.D.width=0.1,watch.tensorboard=false,precision=float32,watch.grid=0"


def test_a_pupil_learns_the_digits_and_more_lessons_of_nothing_change_nothing(cache: Path) -> None:
    spec = Spec(Images, source="digits")
    data = spec.build().open()
    real, exam = lesson_of(data, data.train), lesson_of(data, data.held_out)
    none = Lesson(real.images[:0], real.labels[:0])
    school = School(shown=6_000)
    pupil, same = (teach(data, spec, lesson, school) for lesson in (real, real + none))
    assert accuracy(pupil, exam) > 0.9
    for name, value in pupil.state_dict().items():
        assert torch.equal(value, same.state_dict()[name]), "0 generated is real only"
    wrong = Lesson(real.images, (real.labels + 1) % 10)
    assert accuracy(teach(data, spec, wrong, school), exam) < 0.1


def test_portions_lie_within_larger_ones() -> None:
    lesson = Lesson(np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1), np.arange(100))
    tenth, half = (set(portion(lesson, share).labels) for share in (0.1, 0.5))
    assert tenth < half and len(tenth) == 10 and len(half) == 50
    assert len(repeated(lesson, 250)) == 250 and set(repeated(lesson, 50).labels) == set(range(100))


@pytest.mark.parametrize("recipe", ["digits-cdcgan", "digits-dcgan"])
def test_labelled_data_from_one_gan_or_one_for_each_class(cache: Path, tmp_path: Path, recipe: str) -> None:
    words = ["data=digits", f"recipe={recipe}", "portions=0.4", "images=640", "per_label=8", "shown=512", TINY]
    folder = carry_out(declared("labelled-data", words), tmp_path / "labelled")
    result = read_json(folder / "result.json")["result"]["accuracy"]
    assert set(result) == {"40% generated", "40% real", "40% real, turned", "40% real and generated"}
    assert len(list((folder / "runs").iterdir())) == (1 if recipe == "digits-cdcgan" else 10)
    assert (folder / "accuracy.png").exists() and (folder / "accuracy.csv").read_text().count("\n") == 5


def test_retrain_from_end_to_end_and_killed_in_the_middle(
    conditional: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"run={conditional.path}", "shares=0.1,1", "shown=256", "few=2", "few_images=128"]
    words += ["few_recipe=digits-cdcgan", TINY.replace("overrides", "few_overrides", 1)]
    study = declared("retrain", words)
    whole = carry_out(study, tmp_path / "whole")
    taught: list[int] = []
    kept = retrain.teach

    def dying(*given: object, **how: object) -> object:
        taught.append(1)
        if len(taught) == 3:
            raise KeyboardInterrupt
        return kept(*given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(retrain, "teach", dying)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    assert not (tmp_path / "killed" / "result.json").exists()
    monkeypatch.setattr(retrain, "teach", kept)
    carry_out(study, tmp_path / "killed")
    one, other = (read_json(path / "result.json") for path in (whole, tmp_path / "killed"))
    assert one == other and len(one["result"]["grid"]) == 4
    assert one["result"]["few"]["verdict"] in ("a gain", "no gain beyond the seeds' spread")
    assert (whole / "on_real.png").exists() and (whole / "few.png").exists()


def test_an_unconditional_run_teaches_nothing(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="no labels to teach"):
        carry_out(declared("retrain", [f"run={trained.path}"]), tmp_path / "retrain")


def test_efficientnet_sees_small_gray_images() -> None:
    pytest.importorskip("transformers")
    operators = stand_in_for_torchvision()  # transformers imports torchvision where it is installed
    from ganatomy.networks.efficientnet import EfficientNetClassifier

    network = EfficientNetClassifier(Shape(1, 8, 8), 10, weights=None, size=32, hidden=8, width=0.1)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert operators
    with pytest.raises(GanatomyError, match="could not be downloaded"):
        EfficientNetClassifier(Shape(1, 8, 8), 10, weights="/nowhere/efficientnet")


def test_efficientnet_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from ganatomy.networks.efficientnet import EfficientNetClassifier

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(GanatomyError, match=r"pip install 'ganatomy\[efficientnet\]'"):
        EfficientNetClassifier(Shape(1, 8, 8), 10)
