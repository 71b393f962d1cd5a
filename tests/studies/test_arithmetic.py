"""Sums of latents: exact on a linear generator, measured by judges, and picked by hand."""

import csv
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.core.errors import GanatomyError
from ganatomy.data.images import ImageSet
from ganatomy.experiments import judging
from ganatomy.experiments.judging import first_half
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.report.grid import grid
from ganatomy.runs.files import read_json
from ganatomy.studies import arithmetic
from ganatomy.studies.arithmetic import Arithmetic, sum_of
from ganatomy.studies.study import StudyFolder, carry_out, declared
from tests.conftest import TINY
from tests.data.made import png, save_parquet
from tests.studies.conftest import Dies, files_in, promised


def test_a_linear_generator_gives_the_direction_exactly() -> None:
    """If images are A z, the sum of the groups' latents is the sum of their mean images."""
    draw = torch.Generator().manual_seed(0)
    A = torch.randn(20, 6, generator=draw, dtype=torch.float64)
    smile, male, base = torch.randn(3, 6, generator=draw, dtype=torch.float64).unbind()
    wobble = torch.randn(3, 3, 6, generator=draw, dtype=torch.float64)
    wobble -= wobble.mean(1, keepdim=True)
    terms = [base + smile + wobble[0], base + wobble[1], base + male + wobble[2]]
    assert torch.allclose(sum_of(terms) @ A.T, (base + smile + male) @ A.T, atol=1e-12)


class Signs:
    """A linear generator of known latents: each number is 1 or -1, and is how bright a pixel of its own is."""

    classes = None

    def __init__(self) -> None:
        self.prior = self

    def sample(self, seed: int, start: int, stop: int) -> torch.Tensor:
        draws = [np.random.default_rng((seed, index)).choice([-1.0, 1.0], 4) for index in range(start, stop)]
        return torch.from_numpy(np.stack(draws)).float()

    def at(self, z: torch.Tensor) -> np.ndarray:
        pixels: np.ndarray = (127.5 + 20 * z).round().clamp(0, 255).to(torch.uint8).reshape(-1, 2, 2, 1).numpy()
        return pixels

    def images(self, seed: int, indices: range) -> np.ndarray:
        return self.at(self.sample(seed, indices.start, indices.stop))


def exact(run: Any, attribute: str, half: str, announce: Any) -> tuple[Any, dict[str, Any]]:
    """A judge of a pixel by its name that is never wrong."""
    place = ("smile", "male", "young").index(attribute)
    judged.append((attribute, half))
    sure = {"balanced_accuracy": 0.8 if attribute == "young" else 1.0, "sha256": half}
    return lambda images: images.reshape(len(images), -1)[:, place] > 127, sure


judged: list[tuple[str, str]] = []


def test_sums_of_a_linear_generator_are_measured_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 - -1 + -1 smiles, -1 - -1 + 1 is male, and a third number is whatever comes out."""
    monkeypatch.setattr(arithmetic, "attribute_judge", exact)
    judged.clear()
    run = SimpleNamespace(
        path=Path("toy"),
        averages=lambda player: False,
        checkpoint=lambda: SimpleNamespace(round=1, state={"data": {"source": "toys", "content": "toy"}}),
    )
    said: list[str] = []
    study = Arithmetic(run="toy", attribute="smile", other="male", others=("young",), group=1, trials=30, pool=100)
    found = study._by_judges(StudyFolder(tmp_path, said.append), run, Signs())  # type: ignore[arg-type]
    assert found["attribute_appears"] == 1.0 and found["other_stays"] == 1.0
    assert found["before"]["smile"] == 0.0 and found["before"]["male"] == 1.0
    assert found["attribute_interval"]["low"] == pytest.approx(30 / (30 + 1.96**2), abs=1e-5), "Wilson (1927), at 1"
    assert found["attribute_interval"]["high"] == pytest.approx(1)
    rows = list(csv.DictReader((tmp_path / "trials.csv").open()))
    assert len(rows) == 30 and {row["smile, before"] + row["smile, after"] for row in rows} == {"01"}

    def young(latent: str) -> float:
        return float(Signs().sample(0, int(latent), int(latent) + 1)[0, 2])

    stays = [(young(r["with"]) - young(r["without"]) + young(r["other"]) > 0) == (young(r["other"]) > 0) for r in rows]
    assert found["others_stay"]["young"] == np.mean(stays) and 0 < np.mean(stays) < 1
    assert set(judged) == {*((name, "first") for name in ("smile", "male"))} | {
        (name, "second") for name in ("smile", "male", "young")
    }
    assert any("judge of young has a balanced accuracy of 80.0%: less than 88%" in line for line in said)
    assert any("different groups in 30 trials" in line for line in said), "of 25 latents 30 groups are not different"


def test_judges_that_grade_learn_from_the_half_that_the_others_did_not(trained: Run) -> None:
    data = trained.data()
    swapped, middle = arithmetic.halves_swapped(data), len(data.train) // 2
    one, other = (first_half(part).train for part in (data, swapped))
    assert np.array_equal(other.images, data.train.images[middle : 2 * middle])
    assert data.train.labels is not None and other.labels is not None
    assert np.array_equal(other.labels, data.train.labels[middle : 2 * middle])
    assert np.array_equal(one.images, data.train.images[:middle]) and swapped.content != data.content


def test_a_trial_by_hand_is_measured_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one smile and two frowns, all of them, and of a third, twice as much, comes what their sum says."""
    monkeypatch.setattr(arithmetic, "attribute_judge", exact)
    run = SimpleNamespace(
        path=Path("toy"),
        averages=lambda player: False,
        checkpoint=lambda: SimpleNamespace(round=1, state={"data": {"source": "toys", "content": "toy"}}),
    )
    signs = Signs()
    first = {sign: next(i for i in range(99) if tuple(signs.sample(0, i, i + 1)[0, :2]) == sign) for sign in CORNERS}
    picked = ((first[1, -1],), (first[-1, -1],), (first[-1, 1],))
    for noise, near in ((0.0, {1.0}), (9.0, {n / 8 for n in range(1, 8)})):
        study = Arithmetic(run="toy", attribute="smile", other="male", picked=picked, noise=noise)
        found = study._by_hand(StudyFolder(tmp_path / str(noise)), run, signs, None)  # type: ignore[arg-type]
        smile, male = found["measured"]["smile"], found["measured"]["male"]
        assert (smile["before"], smile["result"], male["before"], male["result"]) == (0.0, 1.0, 1.0, 1.0)
        assert smile["near"] in near and male["near"] in near
        assert found["protocol"]["judges_balanced_accuracy"] == {"smile": 1.0, "male": 1.0}


CORNERS = ((1, -1), (-1, -1), (-1, 1))


@pytest.fixture(scope="module")
def shades(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny run of pictures that are bright or dark, and lit from the left or not, as boolean columns say."""
    path, draw = tmp_path_factory.mktemp("shades") / "train.parquet", np.random.default_rng(0)
    bright, left = draw.random((2, 400)) < 0.4
    images = 60 + 100 * bright[:, None, None] + draw.integers(60, size=(400, 8, 8))
    images[left, :, :4] += 30
    columns: dict[str, Any] = {
        "bright": bright.tolist(),
        "left": left.tolist(),
        "bright_number": bright.astype(int).tolist(),
        "bright_sign": (2 * bright.astype(int) - 1).tolist(),
        "kind": [("a lamp", "night")[1 - b] for b in bright.astype(int)],
        "never": [False] * 400,
    }
    save_parquet(path, [png(image.astype(np.uint8)) for image in images], columns)
    return train("digits-dcgan", *TINY, "scores=none", data=path, images=256, out=path.parent / "run")


@pytest.mark.parametrize("attribute", ["bright", "bright_number", "bright_sign"])
@pytest.mark.parametrize("half", ["first", "second"])
def test_a_judge_says_who_has_an_attribute(
    shades: Run, monkeypatch: pytest.MonkeyPatch, attribute: str, half: arithmetic.Half
) -> None:
    monkeypatch.setattr(judging, "FEWEST", 4_000)
    judge, known = arithmetic.attribute_judge(shades, attribute, half, lambda text: None)
    dark, bright = (np.random.default_rng(1).integers(60, size=(50, 8, 8, 1)) + edge for edge in (60, 160))
    assert judge(bright.astype(np.uint8)).mean() > 0.9 and judge(dark.astype(np.uint8)).mean() < 0.1
    assert known["balanced_accuracy"] > 0.9 and len(known["sha256"]) == 64


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("kind", "kind of .* has the classes a lamp, night: an attribute is there or is not"),
        ("never", "never of .* is there always or never"),
        ("brigth", "Did you mean 'bright'"),
    ],
)
def test_what_is_no_attribute_is_told_before_a_judge_is_trained(
    shades: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str, said: str
) -> None:
    monkeypatch.setattr(arithmetic, "judge_of", lambda *a: pytest.fail("trained"))
    words = [f"run={shades.path}", "attribute=bright", "other=left", f"others={attribute}"]
    with pytest.raises(GanatomyError, match=said):
        carry_out(declared("arithmetic", words), tmp_path / "refused")
    by_hand = carry_out(declared("arithmetic", [*words, "picked=[[1],[2],[3]]"]), tmp_path / "hand")
    result = read_json(by_hand / "result.json")["result"]
    assert result["measured"] is None and re.search(said, result["protocol"]["not_measured"])


@pytest.mark.parametrize("half", ["first", "second"])
def test_a_judge_is_tested_on_held_out_images(
    shades: Run, monkeypatch: pytest.MonkeyPatch, half: arithmetic.Half
) -> None:
    tested: list[ImageSet] = []
    judge = SimpleNamespace(judge=SimpleNamespace(sha256=""))
    monkeypatch.setattr(arithmetic, "judge_of", lambda *given: judge)
    monkeypatch.setattr(arithmetic, "balanced_accuracy", lambda data, judge: float(bool(tested.append(data))))
    arithmetic.attribute_judge(shades, "bright", half, lambda text: None)
    held_out = shades.recipe.data.replace(label="bright").build().open().held_out
    assert np.array_equal(tested[0].held_out.images, held_out.images) and len(held_out) > 10


def test_a_judge_is_not_tested_on_what_it_learned_from(shades: Run) -> None:
    with pytest.raises(GanatomyError, match=r"held-out images of .* are trained on, too"):
        arithmetic.attribute_data(shades.recipe.data.replace(subset="train+test"), "bright")


def test_by_hand_with_attributes_ends_the_same_when_killed(
    shades: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: Dies
) -> None:
    monkeypatch.setattr(judging, "FEWEST", 4_000)
    words = [f"run={shades.path}", "attribute=bright", "other=left", "picked=[[1,2],[3],[4]]"]
    study = declared("arithmetic", words)
    whole = carry_out(study, tmp_path / "whole")
    result = read_json(whole / "result.json")["result"]
    assert set(result["measured"]) == {"bright", "left"} and result["measured"]["bright"]["result"] in (0.0, 1.0)
    assert {"round", "weights", "seed", "content", "noise", "judges_sha256"} <= set(result["protocol"])
    (row,) = csv.DictReader((whole / "trials.csv").open())
    assert (row["with"], row["without"], row["other"]) == ("1 2", "3", "4")
    assert int(row["bright, after"]) == result["measured"]["bright"]["result"]
    assert float(row["left, near"]) == result["measured"]["left"]["near"]
    dies(Arithmetic, "_graded", 1)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert (tmp_path / "killed" / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def halves(run: Run, attribute: str, half: str, announce: Any) -> tuple[object, dict[str, object]]:
    """Judges that need no labels: bright above, or bright at the left."""
    axis = {"above": 1, "left": 2}[attribute]

    def has(images: np.ndarray) -> np.ndarray:
        first, second = np.split(images.astype(float), 2, axis=axis)
        return np.asarray(first.mean((1, 2, 3)) > second.mean((1, 2, 3)))

    return has, {"balanced_accuracy": 1.0, "sha256": attribute}


def test_from_end_to_end_and_the_same_when_killed(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: Dies
) -> None:
    monkeypatch.setattr(arithmetic, "attribute_judge", halves)
    monkeypatch.setattr(arithmetic, "attribute_data", lambda images, attribute: None)
    words = [f"run={trained.path}", "attribute=above", "other=left", "pool=200", "trials=20"]
    study = declared("arithmetic", words)
    folder = carry_out(study, tmp_path / "sum")
    result = read_json(folder / "result.json")["result"]
    assert 0 <= result["attribute_appears"] <= 1 and result["trials"] == 20
    assert set(result["before"]) == {"above", "left"} and sum(result["in_pool"].values()) <= 200
    assert result["protocol"]["content"] and result["protocol"]["judges_sha256"] == {"above": "above", "left": "left"}
    assert all(count >= 3 for count in result["in_pool"].values())
    assert promised("arithmetic") <= files_in(folder)
    pooled, _ = dies(Arithmetic, "_pool", 99), dies(Arithmetic, "_tried", 1)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, tmp_path / "killed")
    carry_out(study, tmp_path / "killed")
    assert len(pooled) == 1, "what was picked is not picked again"
    for picture in ("trials.png", "result.png"):
        (tmp_path / "killed" / picture).unlink()
    carry_out(study, tmp_path / "killed")
    for name in ("arithmetic.png", "result.png", "trials.png", "numbered.png", "trials.csv", "result.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (folder / name).read_bytes()


def test_the_result_is_a_picture_of_nine(trained: Run, tmp_path: Path) -> None:
    words = [f"run={trained.path}", "picked=[[1],[2],[3]]", "noise=0"]
    folder = carry_out(declared("arithmetic", words), tmp_path / "hand")
    sampler = trained.sampler()
    one = sampler.at(sum_of([arithmetic.latents_of(sampler, 0, [number]) for number in (1, 2, 3)]))
    with Image.open(folder / "result.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(grid(np.repeat(one, 9, axis=0), columns=3)))


def test_by_hand(trained: Run, tmp_path: Path) -> None:
    picked = declared("arithmetic", [f"run={trained.path}", "picked=[[1,2,3],[4,5],[6]]"])
    folder = carry_out(picked, tmp_path / "hand")
    result = read_json(folder / "result.json")["result"]
    assert result["picked"] == [[1, 2, 3], [4, 5], [6]] and result["measured"] is None
    assert "digits" in result["protocol"]["not_measured"] and result["protocol"]["round"] == trained.checkpoint().round
    with pytest.raises(GanatomyError, match="three lists"):
        carry_out(declared("arithmetic", [f"run={trained.path}", "picked=[[1],[2]]"]), tmp_path / "two")


def test_few_are_a_page_and_a_refused_study_is_corrected_in_its_folder(trained: Run, tmp_path: Path) -> None:
    for picked, said in (("[[1],[2]]", "three lists"), ("[[1],[2],[100]]", "no 100"), ("[[1],[2],[-1]]", "no -1")):
        with pytest.raises(GanatomyError, match=said):
            carry_out(declared("arithmetic", [f"run={trained.path}", f"picked={picked}"]), tmp_path / "few")
    assert not (tmp_path / "few").exists()
    with pytest.raises(GanatomyError, match=r"Smiling.* Or pick by hand, with picked=, out of .*few/numbered.png\."):
        carry_out(declared("arithmetic", [f"run={trained.path}"]), tmp_path / "few")
    (tmp_path / "few" / "numbered.png").write_bytes(b"of a study that was refused later")
    carry_out(declared("arithmetic", [f"run={trained.path}", "picked=[[1],[2],[3]]"]), tmp_path / "few")
    size = trained.checkpoint().state["data"]["shape"][2]
    with Image.open(tmp_path / "few" / "arithmetic.png") as image:
        assert image.width >= 3 * size


def test_what_cannot_be_is_refused(trained: Run, conditional: Run, tmp_path: Path) -> None:
    with pytest.raises(GanatomyError, match="told its classes"):
        carry_out(declared("arithmetic", [f"run={conditional.path}"]), tmp_path / "a")
    with pytest.raises(GanatomyError, match="Smiling"):
        carry_out(declared("arithmetic", [f"run={trained.path}"]), tmp_path / "b")
