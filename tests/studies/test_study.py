"""What every study promises: its settings are the command, its images are those it began with, its folder can move."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganatomy
from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.run import Run
from ganatomy.report.results import studied, study_command
from ganatomy.runs.files import read_json, write_json
from ganatomy.studies.study import carry_out, contents, declared, plain
from tests.conftest import Program

COMMANDS = [
    ("arithmetic", ["run=runs/a", "picked=[[1,2,3],[4,5],[6]]", "others=Young,Eyeglasses", "noise=1e-05"]),
    ("features", ["run=runs/a b", "against=[]", "labels=all,40", "data=it's here", "strengths=1e-05"]),
    ("retrain", ["run=runs/a", "generated=0,1", "few_overrides=['players.G.channels=[8,4]', data.rotate=15]"]),
    ("retrain", ["run=runs/a", "few_overrides=[]", "seeds=0,1,2"]),
    ("labelled-data", ["data=mnist", "overrides=players.G.width=0.1,watch.grid=0", "epochs=40", "portions=0.4"]),
    ("balance", ["data=none", "ratios=1,2"]),
]


@pytest.mark.parametrize(("name", "words"), COMMANDS)
def test_the_command_that_is_printed_is_the_study(name: str, words: list[str]) -> None:
    study = declared(name, words)
    found = {"study": name, **plain(study), "checkpoint_of_run": "round 3, abc", "content_of_data": "def"}
    program, command, said, *settings = shlex.split(study_command(found))
    assert (program, command, said) == ("ganatomy", "study", name)
    assert declared(said, settings) == study


def test_lists_verdicts_and_records_of_a_result_are_tabulated(tmp_path: Path) -> None:
    result = {
        "few": {"accuracy": {"real": [0.5, 0.7]}, "kept": [None, 3], "verdict": "no gain"},
        "grid": [{"real": 0.1, "on_real": 0.75}, {"real": 1.0, "on_real": None}],
        "protocol": {"seeds": [0, 1]},
    }
    write_json(tmp_path / "result.json", {"study": "retrain", "checkpoint_of_run": "round 3, abc", "result": result})
    text = studied([tmp_path])
    assert "| few.accuracy.real | 0.6 ± 0.14 |" in text and "| few.verdict | no gain |" in text
    assert "| real | on_real |" in text and "| 0.1 | 0.75 |" in text and "| 1 | None |" in text
    assert "checkpoint_of_run round 3, abc; seeds 0,1." in text and "checkpoint_of_run=" not in text


def pictures(path: Path, seed: int, held_out_seed: int) -> Path:
    """A folder of four classes of 8 px, told apart by where they are bright, 12 images of each in either part."""
    for part, own in (("train", seed), ("test", held_out_seed)):
        draw = np.random.default_rng(own)
        for number in range(48):
            image = draw.integers(60, size=(8, 8), dtype=np.uint8)
            image[2 * (number % 4) : 2 * (number % 4) + 2] += 190
            folder = path / part / "abcd"[number % 4]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number:02}.png")
    return path


@pytest.mark.parametrize("swapped", [(2, 1), (0, 2)])
def test_steps_are_of_the_images_they_began_with(trained: Run, tmp_path: Path, swapped: tuple[int, int]) -> None:
    """Other images to train on, or others held out, under the same name."""
    place = pictures(tmp_path / "pictures", 0, 1)
    words = [f"run={trained.path}", f"data={place}", "labels=6", "draws=1", "strengths=1", "against=[]"]
    study = declared("features", words)
    others = [declared("probe", words[:2]), declared("labelled-data", [f"data={place}", "recipe=digits-cdcgan"])]
    carry_out(study, tmp_path / "features")
    carry_out(study, tmp_path / "features")
    before = [contents(one)["content_of_data"] for one in others]
    pictures(tmp_path / "pictures", *swapped)
    with pytest.raises(GanatomyError, match=r"another study \(content_of_data: .*--out"):
        carry_out(study, tmp_path / "features")
    assert all(contents(one)["content_of_data"] != old for one, old in zip(others, before, strict=True))


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("labelled-data", ["data=digits", "seeds=[]"], r"seeds=\[\] names nothing"),
        ("labelled-data", ["data=digits", "portions=[]"], r"portions=\[\] names nothing"),
        ("labelled-data", ["data=digits", "seeds=0,0"], "seeds=0,0: 0 is named twice"),
        ("labelled-data", ["data=digits", "recipe=digits-judge"], "no generator of images out of latents"),
        ("labelled-data", ["data=digits", "recipe=digits-cyclegan"], "no generator of images out of latents"),
        ("interpolate", ["run="], "run= names no run"),
        ("modes", ["run={run}", "count=1"], "greater than or equal to 2"),
        ("features", ["run={run}", "labels=40,40"], "labels=40,40: 40 is named twice"),
        ("arithmetic", ["run={run}", "other=Smiling"], "Smiling is named twice"),
    ],
)
def test_bad_input_is_told(trained: Run, tmp_path: Path, name: str, words: list[str], said: str) -> None:
    with pytest.raises(GanatomyError, match=said):
        carry_out(declared(name, [word.format(run=trained.path) for word in words]), tmp_path / "refused")
    assert not (tmp_path / "refused").exists() or not list((tmp_path / "refused").glob("steps"))


def test_a_folder_that_is_a_file_is_told(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(GanatomyError, match="taken is a file"):
        carry_out(declared("interpolate", [f"run={trained.path}"]), tmp_path / "taken")


def test_a_study_is_called_from_python(trained: Run, tmp_path: Path) -> None:
    found = ganatomy.study("interpolate", out=tmp_path / "walk", run=trained.path, pairs=1, steps=3)
    assert found == read_json(tmp_path / "walk" / "result.json")["result"]
    with pytest.raises(GanatomyError, match=r"no setting 'stepps'"):
        ganatomy.study("interpolate", run=trained.path, stepps=3)


def test_a_study_tells_what_it_is_for(ganatomy_says: Program) -> None:
    ran = ganatomy_says("study", "interpolate")
    assert (
        ran.code == 0
        and "Walk between `pairs` of latents" in ran.out
        and "ganatomy study interpolate run=..." in ran.out
    )
    assert "path=spherical" in ran.out and ganatomy_says("study", "show", "interpolate").out == ran.out
    assert "Did you mean 'interpolate'" in ganatomy_says("study", "show", "interpolat").err
    assert "needs the setting 'run'" in ganatomy_says("study", "interpolate", "steps=4").err
