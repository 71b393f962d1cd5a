"""Pupils taught with real and generated images: end to end at tiny size, and against what is known."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel

from benchmarks.metrics import stand_in_for_torchvision
from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images, ImageSet
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import Stopped, train
from ganatomy.runs.files import read_json
from ganatomy.studies import labelled, pupil, retrain
from ganatomy.studies.labelled import LabelledData
from ganatomy.studies.pupil import Lesson, School, accuracy, bordered, hash_of, lesson_of, teach
from ganatomy.studies.retrain import judged, portion, repeated
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY as RUN_TINY
from tests.conftest import Program

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


def test_shifts_continue_the_border_and_the_classical_school_flips_as_the_data_does(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((3, 8, 8, 1), np.uint8)
    images[:, :, 4:] = 200
    assert set(np.unique(bordered(images))) == {0, 200}, "no gray is moved in"
    assert bordered(images).shape == (3, 10, 10, 1)
    spec = Spec(Images, source="digits", flip=True)
    data, seen = spec.build().open(), []
    lesson = Lesson(*(part[:20] for part in (lesson_of(data, data.train).images, lesson_of(data, data.train).labels)))
    kept = pupil.build_engine

    def looking(recipe: Recipe, taught_with: ImageSet, device: torch.device) -> object:
        seen.append(taught_with)
        return kept(recipe, taught_with, device)

    monkeypatch.setattr(pupil, "build_engine", looking)
    teach(data, spec, lesson, School(shown=128, shifted=True, flipped=True))
    teach(data, spec, lesson, School(shown=128))
    assert [one.flip for one in seen] == [True, False]
    assert seen[0].train.images.shape[1:3] == (10, 10) and seen[1].train.images.shape[1:3] == (8, 8)


def test_a_gain_is_beyond_the_seeds_and_beyond_choosing_the_best() -> None:
    def of(*best: float) -> dict[str, list[float]]:
        return {
            retrain.CLASSICAL: [0.80, 0.82, 0.81][: len(best)],
            "generated": [0.5] * len(best),
            "real and generated": list(best),
        }

    assert judged(of(0.99))["verdict"] == "one seed: no spread to judge by"
    assert judged(of(0.90, 0.93, 0.911))["verdict"] == "a gain"
    assert judged(of(0.85, 0.80, 0.86))["verdict"] == "no gain beyond the seeds' spread"
    assert judged(of(0.80, 0.82, 0.81))["p"] == 1.0
    found = judged(of(0.85, 0.86, 0.86))
    one_sided = ttest_rel([0.85, 0.86, 0.86], [0.80, 0.82, 0.81], alternative="greater").pvalue
    assert found["p"] == pytest.approx(2 * one_sided), "two ways were tried"


def test_retrain_is_checked_before_anything_is_trained(
    conditional: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("teach", "train"):
        monkeypatch.setattr(retrain, name, lambda *a, **k: pytest.fail("trained"))
    for words, said in (
        (["shares=0,1"], "greater than 0"),
        (["shares=0.5,1.5"], "less than or equal to 1"),
        (["generated=0,-1"], "greater than or equal to 0"),
        (["generated=[]"], "no share"),
        (["seeds=1,1"], "named twice"),
        (["few_recipe=digits-dcgan"], "not conditional"),
        (["few_recipe=digits-cdcgan", "few_overrides=data.size=16"], "or their shape"),
        (["few_overrides=data.per_class=50"], "is said by the setting few"),
        (["few_overrides=seed=3"], "few_overrides: seed=3 is said by the setting seeds"),
        (["few_overrides=images=3"], "is said by the setting few_images"),
    ):
        with pytest.raises(GanatomyError, match=said):
            carry_out(declared("retrain", [f"run={conditional.path}", *words]), tmp_path / "retrain")


def test_no_generated_images_are_real_ones_only(conditional: Run, tmp_path: Path) -> None:
    words = [f"run={conditional.path}", "shares=0.2", "generated=0,1", "shown=256", "few=0"]
    grid = read_json(carry_out(declared("retrain", words), tmp_path / "grid") / "result.json")["result"]["grid"]
    data = conditional.data()
    real = portion(lesson_of(data, data.train), 0.2)
    taught = teach(data, conditional.recipe.data, real, School(shown=256))
    assert grid[0]["generated"] == 0 and grid[0]["images"] == len(real) < grid[1]["images"]
    assert grid[0]["on_real"] == accuracy(taught, lesson_of(data, data.held_out))


def test_a_study_knows_the_checkpoint_it_began_with(copied: Callable[[], Path], tmp_path: Path) -> None:
    run = copied()
    study = declared("interpolate", [f"run={run}", "pairs=1", "steps=3"])
    carry_out(study, tmp_path / "walk")
    carry_out(study, tmp_path / "walk")
    train("digits-dcgan", *RUN_TINY, images=1_200, out=run)
    with pytest.raises(GanatomyError, match=r"another study \(checkpoint_of_run: round"):
        carry_out(study, tmp_path / "walk")


def test_labelled_data_refuses_what_it_says_itself_and_knows_a_class_called_none(cache: Path, tmp_path: Path) -> None:
    for word, said in (("data.portion=0.5", "portions"), ("data.only=3", "one class"), ("images=3", "images")):
        with pytest.raises(GanatomyError, match=said):
            carry_out(declared("labelled-data", ["data=digits", f"overrides={word}"]), tmp_path / "labelled")
    study = declared("labelled-data", ["data=digits", "recipe=digits-dcgan"])
    assert isinstance(study, LabelledData)
    assert study._recipe(0.4, 0, 64, "none").data.settings["only"] == "none"


def test_a_missing_network_is_told_before_a_gan_is_trained(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(labelled, "train", lambda *a, **k: pytest.fail("trained"))
    words = ["data=digits", "recipe=digits-cdcgan", "network=efficientnet-b0"]
    with pytest.raises(GanatomyError, match=r"ganatomy\[efficientnet\]"):
        carry_out(declared("labelled-data", words), tmp_path / "labelled")


def test_a_stopped_study_says_how_to_go_on(
    ganatomy_says: Program, trained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(*given: object, **how: object) -> None:
        raise Stopped(2, trained)

    monkeypatch.setattr("ganatomy.studies.study.carry_out", stopping)
    ran = ganatomy_says("study", "interpolate", f"run={trained.path}")
    assert ran.code == 130 and "Stopped by SIGINT. Continue with the same command." in ran.err


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
    protocol = read_json(folder / "result.json")["result"]["protocol"]
    assert protocol["recipe"] == recipe and len(protocol["rounds"]["0.4-seed0"]) == (
        1 if recipe == "digits-cdcgan" else 10
    )
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
    assert one["result"]["few"]["verdict"] == "one seed: no spread to judge by"
    assert {"content", "weights", "samples_seed", "few_recipe"} <= set(one["result"]["protocol"])
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
    other = EfficientNetClassifier(Shape(1, 8, 8), 10, weights=None, size=32, hidden=8, width=0.1)
    assert hash_of(network) == hash_of(network) != hash_of(other), "the hash is of the weights"
    with pytest.raises(GanatomyError, match="could not be downloaded"):
        EfficientNetClassifier(Shape(1, 8, 8), 10, weights="/nowhere/efficientnet")


def test_efficientnet_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganatomy.networks.efficientnet import EfficientNetClassifier

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(GanatomyError, match=r"pip install 'ganatomy\[efficientnet\]'"):
        EfficientNetClassifier(Shape(1, 8, 8), 10)
