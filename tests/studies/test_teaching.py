"""Pupils taught with real and generated images: end to end at tiny size, and against what is known."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
from ganatomy.engine.engine import Engine
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import Stopped, train
from ganatomy.runs.files import read_json
from ganatomy.studies import labelled, pupil, retrain
from ganatomy.studies.labelled import LabelledData
from ganatomy.studies.pupil import (
    Lesson,
    School,
    accuracy,
    balanced,
    bordered,
    classical,
    hash_of,
    lesson_of,
    repeated,
    teach,
)
from ganatomy.studies.retrain import CLASSICAL, CONFIDENT_ONLY, Retrain, judged, portion
from ganatomy.studies.study import StudyFolder, carry_out, declared
from tests.conftest import TINY as RUN_TINY
from tests.conftest import Program
from tests.studies.conftest import Dies, files_in, promised

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
    assert set(np.unique(bordered(images, 1 / 8))) == {0, 200}, "no gray is moved in"
    assert bordered(images, 1 / 8).shape == (3, 10, 10, 1)
    spec = Spec(Images, source="digits", flip=True)
    data, seen = spec.build().open(), []
    lesson = Lesson(*(part[:20] for part in (lesson_of(data, data.train).images, lesson_of(data, data.train).labels)))
    kept = pupil.build_engine

    def looking(recipe: Recipe, taught_with: ImageSet, device: torch.device) -> object:
        seen.append(taught_with)
        return kept(recipe, taught_with, device)

    monkeypatch.setattr(pupil, "build_engine", looking)
    teach(data, spec, lesson, School(shown=128, shifted=1 / 8, flipped=True))
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
    plain = judged({**of(0.90, 0.93, 0.911), "real": [0.91, 0.93, 0.92]})
    assert plain["verdict"] == "no gain beyond the seeds' spread" and plain["best_without"] == "real"
    assert plain["gain"] < 0 < plain["gain_beyond_classical"], "augmentation harms here, and is no bar"
    found = judged(of(0.85, 0.86, 0.86))
    one_sided = ttest_rel([0.85, 0.86, 0.86], [0.80, 0.82, 0.81], alternative="greater").pvalue
    assert found["p"] == pytest.approx(2 * one_sided), "two ways were tried"


def test_retrain_is_checked_before_anything_is_trained(
    conditional: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain, "teach", lambda *a, **k: pytest.fail("taught"))
    monkeypatch.setattr(StudyFolder, "run", lambda *a: pytest.fail("trained"))
    for words, said in (
        (["shares=0,1"], "greater than 0"),
        (["shares=0.5,1.5"], "less than or equal to 1"),
        (["generated=0,-1"], "greater than or equal to 0"),
        (["generated=[]"], "names nothing"),
        (["seeds=1,1"], "named twice"),
        (["shares=0.2,0.2"], "shares=0.2,0.2: 0.2 is named twice"),
        (["few_recipe=digits-dcgan"], "not conditional"),
        (["few_recipe=digits-cdcgan", "few_overrides=data.size=16"], "or their shape"),
        (["few_overrides=data.per_class=50"], "is said by the setting few"),
        (["few_overrides=data.draw=3"], "is said by the setting seeds"),
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


def test_queries_are_samples_that_nobody_learned_from(
    conditional: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, drawn = Teacher(), list[tuple[int, int]]()

    def samples_of(run: Run, count: int, seed: int, device: torch.device) -> Lesson:
        drawn.append((count, seed))
        return black(np.arange(count) % 10)

    monkeypatch.setattr(retrain, "samples_of", samples_of)
    monkeypatch.setattr(retrain, "teach", teacher.teach)
    monkeypatch.setattr(retrain, "accuracy", teacher.accuracy)
    words = [f"run={conditional.path}", "shares=1", "generated=1", "few=0"]
    carry_out(declared("retrain", words), tmp_path / "grid")
    data = conditional.data()
    seeds = dict(drawn)
    assert set(seeds) == {len(data.train), retrain.QUERIES} and len(set(seeds.values())) == len(drawn) == 2
    on_generated, teacher.exams = teacher.exams[1::2], teacher.exams[::2]
    assert teacher.examined_on(lesson_of(data, data.held_out)) and len(on_generated) == 3
    assert all(len(exam) == retrain.QUERIES and not exam.images.any() for exam in on_generated)


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
    with pytest.raises(GanatomyError, match="shown=100 and epochs=2 say the same twice"):
        carry_out(declared("labelled-data", ["data=digits", "shown=100", "epochs=2"]), tmp_path / "labelled")
    with pytest.raises(GanatomyError, match="weights=there is for network=efficientnet-b0"):
        carry_out(declared("labelled-data", ["data=digits", "weights=there"]), tmp_path / "labelled")
    study = declared("labelled-data", ["data=digits", "recipe=digits-dcgan"])
    assert isinstance(study, LabelledData)
    assert study._recipe(0.4, 0, 64, "none").data.settings["only"] == "none"


def test_a_gan_learns_from_the_portion_that_its_pupils_learn_from(cache: Path) -> None:
    study = LabelledData(data="digits", recipe="digits-cdcgan")
    of_gan = study._recipe(0.5, 3, 64, None).data.build().open()
    of_pupils, _ = study._opened(0.5, 3)
    assert of_gan.content == of_pupils.content != study._opened(0.5, 0)[0].content
    assert np.array_equal(of_gan.train.images, of_pupils.train.images)


def test_a_missing_network_is_told_before_a_gan_is_trained(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(StudyFolder, "run", lambda *a: pytest.fail("trained"))
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
    assert set(portion(lesson, 0.1, seed=1).labels) != tenth, "a seed has its own choice"
    assert len(repeated(lesson, 250)) == 250 and set(repeated(lesson, 50).labels) == set(range(100))


def test_of_two_lessons_each_is_half() -> None:
    some, few = (Lesson(np.full((n, 1, 1, 1), n, np.uint8), np.full(n, n)) for n in (7, 3))
    for both in (balanced(some, few), balanced(few, some)):
        assert Counter(both.labels.tolist()) == {7: 7, 3: 7}
    assert len(balanced(some, few.chosen(np.arange(0)))) == 7


@dataclass
class Teacher:
    """Writes down every lesson in the place of teaching it. What is black is generated, for no digit is."""

    lessons: list[tuple[Lesson, School]] = field(default_factory=list)
    starts: list[Any] = field(default_factory=list)
    exams: list[Lesson] = field(default_factory=list)

    def teach(self, data: ImageSet, spec: Spec, lesson: Lesson, school: School, **how: Any) -> Any:
        self.lessons.append((lesson, school))
        self.starts.append(how.get("start"))
        number = len(self.lessons)
        return SimpleNamespace(number=number, state_dict=lambda: f"weights of {number}")

    def accuracy(self, pupil: Any, exam: Lesson) -> float:
        self.exams.append(exam)
        return float(pupil.number) / 100

    def examined_on(self, lesson: Lesson) -> bool:
        """Whether every exam was this one."""
        return all(
            np.array_equal(exam.images, lesson.images) and np.array_equal(exam.labels, lesson.labels)
            for exam in self.exams
        )

    def black(self, number: int) -> list[bool]:
        """Which images of a lesson are generated."""
        found: list[bool] = (self.lessons[number][0].images.max((1, 2, 3)) == 0).tolist()
        return found


def black(labels: Sequence[int]) -> Lesson:
    return Lesson(np.zeros((len(labels), 8, 8, 1), np.uint8), np.array(labels))


def test_labelled_data_teaches_what_it_says(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = Teacher()
    run = SimpleNamespace(checkpoint=lambda: SimpleNamespace(round=1))
    monkeypatch.setattr(StudyFolder, "run", lambda *a: run)
    monkeypatch.setattr(labelled, "drawn", lambda runs, data, each, device: black(np.repeat(np.arange(10), each)))
    monkeypatch.setattr(labelled, "teach", teacher.teach)
    monkeypatch.setattr(labelled, "accuracy", teacher.accuracy)
    words = ["data=digits", "recipe=digits-cdcgan", "portions=0.5", "per_label=100", "epochs=2", "seeds=0,3"]
    folder = carry_out(declared("labelled-data", words), tmp_path / "labelled")
    real = len(Images(source="digits", portion=0.5).open().train)
    assert [Counter(teacher.black(number)) for number in range(6)] == [
        {True: 1000},
        {True: 1000},
        {False: real},
        {False: real},
        {False: real},
        {False: 1000, True: 1000},
    ]
    assert [school.rotate for _, school in teacher.lessons[:6]] == [0, 10, 0, 10, 30, 0]
    assert [school.shifted for _, school in teacher.lessons[:6]] == [0, 1 / 14, 0, 1 / 14, 0, 0]
    assert [school.shown for _, school in teacher.lessons[:6]] == [2000, 2000, 2 * real, 2 * real, 2 * real, 4000]
    one, other = ({image.tobytes() for image in teacher.lessons[number][0].images} for number in (2, 8))
    assert one != other, "a seed has its own portion"
    digits = Images(source="digits").open()
    assert teacher.examined_on(lesson_of(digits, digits.held_out)) and len(teacher.exams) == 12
    lines = (folder / "accuracy.csv").read_text().splitlines()
    assert lines[6] == f"0.5,real and generated,0,{1000 + real},0.5,4000,0.06"
    result = read_json(folder / "result.json")["result"]["accuracy"]
    assert result["50% generated"]["mean"] == pytest.approx((0.01 + 0.07) / 2)
    assert result["50% real and generated"]["mean"] == pytest.approx((0.06 + 0.12) / 2)


@pytest.mark.parametrize("sure", [200, 0])
def test_strategies_of_few_labels_teach_what_they_say(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sure: int
) -> None:
    """Two real images of each class; of 10,000 generated ones the classifier is sure of the first 200."""
    teacher = Teacher()
    monkeypatch.setattr(retrain, "load", lambda path: None)
    monkeypatch.setattr(retrain, "samples_of", lambda run, count, seed, device: black(np.arange(count) % 10))
    monkeypatch.setattr(retrain, "teach", teacher.teach)
    monkeypatch.setattr(retrain, "accuracy", teacher.accuracy)

    def probabilities(pupil: Any, images: np.ndarray) -> np.ndarray:
        assert pupil.number == 2, "the one that saw the real ones, augmented"
        found = np.full((len(images), 10), 0.1)
        found[np.arange(sure), np.arange(sure) % 10] = 0.95
        return found

    monkeypatch.setattr(retrain, "probabilities", probabilities)
    spec = Spec(Images, source="digits", per_class=2)
    found = Retrain(run="", shown=1_000)._strategies(StudyFolder(tmp_path), spec.build().open(), spec, "runs/few", 3)
    digits = spec.build().open()
    assert teacher.examined_on(lesson_of(digits, digits.held_out)) and len(teacher.exams) >= 6
    by_name = {row["strategy"]: row for row in found}
    plain, augmented, half = School(shown=1_000), classical(1_000), classical(500)
    assert (augmented.rotate, augmented.shifted, augmented.flipped) == (15, 1 / 8, True)
    expected = [
        ({False: 20}, plain),
        ({False: 20}, augmented),
        ({True: 10_000}, plain),
        ({True: 10_000}, augmented),
        ({False: 10_000, True: 10_000}, augmented),
        ({True: 10_000}, half),
        ({False: 20}, half),
        *([({False: sure, True: sure}, augmented)] if sure else []),
    ]
    assert [(Counter(teacher.black(number)), school) for number, (_, school) in enumerate(teacher.lessons)] == expected
    assert teacher.starts[6] == "weights of 6" and set(teacher.starts[:6]) == {None}
    assert [row["accuracy"] for row in found] == [0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.08 if sure else None]
    assert by_name[CLASSICAL]["real_share"] == 1 and by_name["generated"]["real_share"] == 0
    assert by_name[CONFIDENT_ONLY]["generated"] == sure and by_name[CONFIDENT_ONLY]["real"] == 20


def test_seeds_vary_the_labels_that_are_known(conditional: Run) -> None:
    study = Retrain(run=str(conditional.path), few=3, few_recipe="digits-cdcgan", few_overrides=(), seeds=(0, 1))
    (_, one), (_, other) = study._few_labels(conditional.recipe.data)
    assert one.content == conditional.recipe.data.replace(per_class=3).build().open().content
    assert not np.array_equal(one.train.images, other.train.images)


def test_labelled_data_killed_and_moved_ends_the_same(
    cache: Path, tmp_path: Path, dies: Dies, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["data=digits", "recipe=digits-cdcgan", "portions=0.4", "images=640", "per_label=8", "shown=256", TINY]
    study, said = declared("labelled-data", words), list[str]()
    whole = carry_out(study, tmp_path / "whole", said.append)
    assert said.index("step 1: gan-0.4-seed0") < said.index("step 2: pupil-0.4-seed0-generated")
    assert any("640 of 640 images" in line for line in said), "how far the GAN is"
    taught = dies(labelled, "teach", 2)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    monkeypatch.setattr(StudyFolder, "run", lambda *a: pytest.fail("trained again"))
    moved = (tmp_path / "killed").rename(tmp_path / "moved")
    carry_out(study, moved)
    assert len(taught) == len(labelled.LESSONS) + 1
    assert (moved / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_killed_within_a_gans_training_or_a_pupils_it_goes_on_there(cache: Path, tmp_path: Path, dies: Dies) -> None:
    words = ["data=digits", "recipe=digits-cdcgan", "portions=0.4", "images=320", "per_label=8", "shown=512"]
    study, said = declared("labelled-data", [*words, f"{TINY},watch.checkpoint=64"]), list[str]()
    played = dies(Engine, "play_round", 10_000)
    whole = carry_out(study, tmp_path / "whole", said.append)
    in_all, of_gan = len(played), 320 // 64
    assert in_all == of_gan + len(labelled.LESSONS) * 512 // 128
    assert any("512 of 512 images" in line for line in said), "how far a pupil is"
    for number, killed_at in enumerate((of_gan - 2, of_gan + 3, in_all - 1)):
        calls = dies(Engine, "play_round", killed_at)
        with pytest.raises(KeyboardInterrupt):
            carry_out(study, tmp_path / str(number))
        assert (tmp_path / str(number) / "unfinished").exists() == (killed_at > of_gan)
        carry_out(study, tmp_path / str(number))
        assert len(calls) == in_all + 1, "no round was played twice but the one that was killed"
        assert (tmp_path / str(number) / "result.json").read_bytes() == (whole / "result.json").read_bytes()
        assert not (tmp_path / str(number) / "unfinished").exists()


@pytest.mark.parametrize("recipe", ["digits-cdcgan", "digits-dcgan"])
def test_labelled_data_from_one_gan_or_one_for_each_class(cache: Path, tmp_path: Path, recipe: str) -> None:
    words = ["data=digits", f"recipe={recipe}", "portions=0.4", "images=640", "per_label=8", "shown=512", TINY]
    folder = carry_out(declared("labelled-data", words), tmp_path / "labelled")
    result = read_json(folder / "result.json")["result"]["accuracy"]
    assert set(result) == {f"40% {lesson}" for lesson in labelled.LESSONS}
    protocol = read_json(folder / "result.json")["result"]["protocol"]
    assert 0.1 < protocol["largest_class"] < 0.12 and protocol["recipe"] == recipe
    assert len(protocol["rounds"]["0.4-seed0"]) == (1 if recipe == "digits-cdcgan" else 10)
    assert len(list((folder / "runs").iterdir())) == (1 if recipe == "digits-cdcgan" else 10)
    assert promised("labelled-data") <= files_in(folder) and (folder / "accuracy.csv").read_text().count("\n") == 7


def test_retrain_from_end_to_end_and_killed_in_the_middle(conditional: Run, tmp_path: Path, dies: Dies) -> None:
    words = [f"run={conditional.path}", "shares=0.1,1", "shown=256", "few=2", "few_images=128"]
    words += ["few_recipe=digits-cdcgan", TINY.replace("overrides", "few_overrides", 1)]
    study = declared("retrain", words)
    whole = carry_out(study, tmp_path / "whole")
    dies(retrain, "teach", 3)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    assert not (tmp_path / "killed" / "result.json").exists()
    carry_out(study, tmp_path / "killed")
    one, other = (read_json(path / "result.json") for path in (whole, tmp_path / "killed"))
    assert one == other and len(one["result"]["grid"]) == 8
    assert [row["augmentation"] for row in one["result"]["grid"]] == ["none", "none", "none", "classical"] * 2
    assert [row["generated"] for row in one["result"]["grid"]] == [0, 0.1, 1, 0] * 2, "real ones alone, too"
    assert len(one["result"]["few"]["kept"]) == 1 and "real_share" in (whole / "few.csv").read_text()
    assert len(list((whole / "steps").glob("few-pupil*"))) == len(one["result"]["few"]["accuracy"])
    assert one["result"]["few"]["verdict"] == "one seed: no spread to judge by"
    assert {"content", "weights", "samples_seed", "few_recipe", "held_out", "largest_class"} <= set(
        one["result"]["protocol"]
    )
    assert promised("retrain") <= files_in(whole)


def test_a_pupil_taught_twice_goes_on_in_the_lesson_in_which_it_was_killed(
    conditional: Run, tmp_path: Path, dies: Dies
) -> None:
    words = [f"run={conditional.path}", "shares=1", "generated=0", "shown=256", "few=2", "few_images=64"]
    words += ["few_recipe=digits-cdcgan", TINY.replace("overrides", "few_overrides", 1)]
    study = declared("retrain", words)
    played = dies(Engine, "play_round", 10_000)
    whole = carry_out(study, tmp_path / "whole")
    in_all = len(played)
    calls = dies(Engine, "play_round", in_all - 2)  # after it comes the rest of the last way, which is of two rounds
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    assert (tmp_path / "killed" / "unfinished").exists()
    carry_out(study, tmp_path / "killed")
    assert len(calls) == in_all + 1
    assert (tmp_path / "killed" / "result.json").read_bytes() == (whole / "result.json").read_bytes()


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
    with pytest.raises(GanatomyError, match=r"could not be downloaded .*: put config.json and model.safetensors"):
        EfficientNetClassifier(Shape(1, 8, 8), 10, weights="/nowhere/efficientnet")


def test_a_pupil_is_taught_from_weights_in_a_folder(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    operators = stand_in_for_torchvision()
    from transformers import EfficientNetConfig, EfficientNetModel

    tiny = EfficientNetConfig(width_coefficient=0.1, depth_coefficient=0.1, hidden_dim=128)
    body = EfficientNetModel(tiny)
    body.save_pretrained(tmp_path / "body")
    spec = Spec(Images, source="digits", per_class=1)
    data, school = spec.build().open(), School("efficientnet-b0", shown=128, weights=str(tmp_path / "body"))
    pupil = teach(data, spec, lesson_of(data, data.train), school)
    assert operators and 0 <= accuracy(pupil, lesson_of(data, data.train)) <= 1
    before, after = dict(body.named_parameters()), dict(pupil.body.named_parameters())  # type: ignore[union-attr]
    assert set(before) == set(after)
    assert any(not torch.equal(before[name], after[name]) for name in before), "the body learns, too"


def test_weights_of_anything_else_are_no_efficientnet(tmp_path: Path) -> None:
    """With a classifier on top, as the hub has them, they are one; what is missing was filled with chance."""
    pytest.importorskip("transformers")
    operators = stand_in_for_torchvision()
    from transformers import BertConfig, BertModel, EfficientNetConfig, EfficientNetForImageClassification

    from ganatomy.networks.efficientnet import EfficientNetClassifier

    tiny = EfficientNetConfig(width_coefficient=0.1, depth_coefficient=0.1, hidden_dim=128, num_labels=3)
    whole = EfficientNetForImageClassification(tiny)
    whole.save_pretrained(tmp_path / "whole")
    body = EfficientNetClassifier(Shape(1, 8, 8), 10, weights=str(tmp_path / "whole")).body
    theirs = whole.efficientnet.state_dict()
    assert operators and all(torch.equal(value, theirs[name]) for name, value in body.state_dict().items())

    small = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
        "vocab_size": 9,
    }
    BertModel(BertConfig(**small)).save_pretrained(tmp_path / "other")
    (tmp_path / "whole" / "model.safetensors").write_bytes(b"damaged")
    for name, said in (
        ("other", "other holds no EfficientNet: .* are missing"),
        ("whole", "whole are not here, or damaged"),
    ):
        with pytest.raises(GanatomyError, match=said):
            EfficientNetClassifier(Shape(1, 8, 8), 10, weights=str(tmp_path / name))


def test_efficientnet_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganatomy.networks.efficientnet import EfficientNetClassifier

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(GanatomyError, match=r"pip install 'ganatomy\[efficientnet\]'"):
        EfficientNetClassifier(Shape(1, 8, 8), 10)
