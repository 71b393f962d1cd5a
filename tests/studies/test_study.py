"""What every study promises: its settings are the command, its images are those it began with, its folder can move."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganatomy
from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import find_recipe
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images
from ganatomy.engine.engine import Engine
from ganatomy.experiments import judging
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.report.results import studied, study_command
from ganatomy.runs.files import read_json, write_json, write_text
from ganatomy.runs.folder import RunFolder
from ganatomy.studies import arithmetic
from ganatomy.studies import study as studying
from ganatomy.studies.embedding import Embedding
from ganatomy.studies.real import facts, labels_of, largest_class, real_images
from ganatomy.studies.study import (
    TRAINS_FIRST,
    OfRuns,
    StudyFolder,
    carry_out,
    contents,
    declared,
    described,
    plain,
    studies,
)
from tests.conftest import TINY, Program
from tests.studies.conftest import Dies

RECIPE = ["run=digits-dcgan", "images=384", f"overrides={','.join(TINY)}"]
LONGER = [RECIPE[0], "images=512", RECIPE[2]]

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


@pytest.mark.parametrize(("name", "words"), COMMANDS)
def test_settings_are_given_from_python_as_lists_and_numbers(name: str, words: list[str]) -> None:
    study = declared(name, words)
    settings = {key: value for key, value in json.loads(json.dumps(plain(study))).items() if key != "use"}
    assert Spec(studies[name], **settings).build() == study


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


def test_other_held_out_images_are_another_study_of_the_same_run(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every study that looks at real ones; walks between latents are of none."""
    monkeypatch.setattr(arithmetic, "attribute_data", lambda images, attribute: None)
    place = pictures(tmp_path / "pictures", 0, 1)
    run = train("digits-dcgan", *TINY, "scores=none", "batch=16", data=place, images=64, out=tmp_path / "run")
    looking = [name for name, kind in studies.items() if issubclass(kind, OfRuns) and name != "interpolate"]
    asked = [declared(name, [f"run={run.path}"]) for name in looking]
    before = list(map(contents, asked))
    pictures(place, 0, 2)
    alike = [old.items() & contents(one).items() for old, one in zip(before, asked, strict=True)]
    assert len(looking) > 5 and all(before) and not any(alike)


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("labelled-data", ["data=digits", "seeds=[]"], r"seeds=\[\] names nothing"),
        ("labelled-data", ["data=digits", "portions=[]"], r"portions=\[\] names nothing"),
        ("labelled-data", ["data=digits", "seeds=0,0"], "seeds=0,0: 0 is named twice"),
        ("labelled-data", ["data=digits", "recipe=digits-dcgan", "images=9"], "images=9 are too few for 10 GANs"),
        ("features", ["run={run}", "data={unlabelled}"], "has no labels of two classes or more"),
        ("latent-size", ["data=digits", "recipe=digits-judge"], "No 'G' in 'players.G.latent'"),
        ("labelled-data", ["data=digits", "recipe=digits-judge"], "no generator of images out of latents"),
        ("labelled-data", ["data=digits", "recipe=digits-cyclegan"], "no generator of images out of latents"),
        ("interpolate", ["run="], "run= names no run"),
        ("interpolate", ["run={run}", "images=300"], "images=300 is for a recipe that is trained first"),
        ("modes", ["run={run}", "data=digits"], "data=digits is for a recipe that is trained first"),
        ("features", ["run={run}", "overrides=batch=64"], "is for a recipe that is trained first"),
        ("interpolate", ["run=digits-dcgn"], "Nor is it a recipe. Did you mean 'digits-dcgan'"),
        ("interpolate", ["run=digits-judge"], "recipe=digits-judge has no generator of images"),
        (
            "interpolate",
            ["run=digits-dcgan", "images=9", "overrides=images=8"],
            "images=8 is said by the setting images",
        ),
        ("interpolate", ["run=digits-dcgan", "overrides=batc=8"], "no field 'batc'"),
        ("retrain", ["run=digits-dcgan"], "digits-dcgan is not conditional"),
        ("arithmetic", ["run=digits-cdcgan"], "digits-cdcgan is told its classes"),
        ("arithmetic", ["run=digits-dcgan"], "Smiling .* Or train digits-dcgan first, and pick by hand, with picked="),
        ("retrain", ["run=digits-cdcgan", "few_recipe=mnist-cdcgn"], "Did you mean 'mnist-cdcgan'"),
        ("retrain", ["run=digits-cdcgan", "few_recipe=digits-dcgan"], "digits-dcgan is not conditional"),
        ("retrain", ["run=digits-cdcgan", "generated=2"], "^generated=2: Input should be less than or equal to 1"),
        ("features", ["run=digits-cdcgan"], "D of digits-cdcgan sees no image without being told its class"),
        ("features", ["run=digits-vanilla"], "D of digits-vanilla has no convolutions"),
        ("features", ["run=digits-dcgan", "grid=4,2"], "grid has 2 numbers, and D 3 layers"),
        ("features", ["run=digits-dcgan", "labels=500"], "labels=500: the rarest class of digits has 111 images to"),
        ("features", ["run=digits-dcgan", "labels=4"], r"Say labels=all, or numbers from 5 to 111\.$"),
        ("features", ["run={run}", "labels=40", "against=pixels", "components=9"], "components=9 is for against=pca"),
        ("arithmetic", ["run={run}", "picked=[[1],[2],[3]]", "trials=9"], "trials=9 is for trials by judges"),
        (
            "retrain",
            ["run=digits-cdcgan", "few=0", "few_images=9"],
            "few_images=9 is for few labels, left out by few=0",
        ),
        ("embedding", ["run=digits-dcgan", "count=601"], "only 600 images of digits are held out"),
        ("embedding", ["run=digits-dcgan", "data={unlabelled}"], "has no labels of two classes or more"),
        ("probe", ["run=digits-dcgan", "data={unlabelled}"], "has no labels of two classes or more"),
        ("labelled-data", ["data={unlabelled}", "recipe=digits-cdcgan"], "has no labels of two classes or more"),
        ("modes", ["run={run}", "count=1"], "greater than or equal to 2"),
        ("features", ["run={run}", "labels=40,40"], "labels=40,40: 40 is named twice"),
        ("features", ["run={run}", "against=pixel"], "^against=pixel: Input should be 'pixels', 'pca' or 'untrained'"),
        ("features", ["run={run}", "labels=al"], "^labels=al: Input should be a valid integer"),
        ("arithmetic", ["run={run}", "other=Smiling"], "Smiling is named twice"),
        ("arithmetic", ["run={run}", "pool=8"], "pool=8 is too few for 3 terms of group=3 each"),
        ("probe", ["run={run}", "linear_images=1"], "linear_images=1: these images of digits are all of one class"),
        ("probe", ["run=digits-dcgan", "svm_images=1"], "svm_images=1: these images of digits are all of one class"),
        ("modes", ["run={run}", "seed=-1"], "greater than or equal to 0"),
        ("embedding", ["run={run}", "seed=4294967296"], "less than 4294967296"),
    ],
)
def test_bad_input_is_told(
    trained: Run,
    unlabelled: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: list[str],
    said: str,
) -> None:
    places = {"run": trained.path, "unlabelled": unlabelled.data().source}
    monkeypatch.setattr(studying, "train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(GanatomyError, match=said):
        carry_out(declared(name, [word.format(**places) for word in words]), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_nobody_is_tested_on_what_he_learned_from(cache: Path, tmp_path: Path) -> None:
    """The held-out images of a run of train+test are among its training images, with their labels."""
    run = train("digits-dcgan", *TINY, "scores=none", "data.subset=train+test", images=64, out=tmp_path / "run")
    for name in ("features", "probe", "embedding"):
        with pytest.raises(GanatomyError, match="held-out images of digits are trained on, too"):
            carry_out(declared(name, [f"run={run.path}"]), tmp_path / name)
    words = ["data=digits", "recipe=digits-cdcgan", "overrides=data.subset=train+test"]
    with pytest.raises(GanatomyError, match="held-out images of digits are trained on, too"):
        carry_out(declared("labelled-data", words), tmp_path / "labelled")
    words = ["data=digits", "labels=40", "draws=1", "strengths=1", "against=[]"]
    carry_out(declared("features", [f"run={run.path}", *words]), tmp_path / "features")
    assert facts(run, "D", run.data())["remarks"] == run.data().remarks != []
    assert "remarks" not in facts(run, "D", real_images(run, "digits")), "tested on what D alone has seen, unlabelled"


def test_the_largest_class_is_what_guessing_it_recognizes(cache: Path) -> None:
    data = Images(source="digits").open()
    held_out = np.asarray(data.held_out.labels)
    guessed = np.bincount(held_out).argmax()
    assert largest_class(data) == (held_out == guessed).mean() > 1 / 10


def test_images_of_one_class_teach_nothing(cache: Path) -> None:
    """Whatever classes there are beside it."""
    only = Images(source="digits", only="3").open()
    assert len(only.classes or ()) == 10
    with pytest.raises(GanatomyError, match="digits has no labels of two classes or more"):
        labels_of(only)


def test_other_images_have_the_channels_that_the_run_was_trained_on(cache: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(60, 8, 8, 2), dtype=np.uint8)
    np.savez(tmp_path / "two.npz", images=pixels, labels=np.arange(60) % 2)
    run = train("digits-dcgan", *TINY, "scores=none", data=tmp_path / "two.npz", images=64, out=tmp_path / "run")
    with pytest.raises(GanatomyError, match=r"digits has images of 8x8x1, and .*run was trained on 8x8x2\.$"):
        carry_out(declared("features", [f"run={run.path}", "data=digits"]), tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_a_folder_that_is_a_file_is_told(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(GanatomyError, match="taken is a file"):
        carry_out(declared("interpolate", [f"run={trained.path}"]), tmp_path / "taken")


OF_RUNS = [name for name, kind in studies.items() if issubclass(kind, OfRuns)]


@pytest.mark.parametrize("recipe", ["digits-judge", "digits-cyclegan"])
@pytest.mark.parametrize("name", OF_RUNS)
def test_a_run_of_no_gan_is_told_and_leaves_nothing(tmp_path: Path, name: str, recipe: str) -> None:
    write_text(tmp_path / "run" / "recipe.yaml", find_recipe(recipe).to_yaml())
    with pytest.raises(GanatomyError, match="run has no generator of images out of latents: there is nothing to study"):
        carry_out(declared(name, [f"run={tmp_path / 'run'}"]), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_second_run_of_no_gan_is_told_before_the_first_is_looked_at(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StudyFolder, "step", lambda *a, **k: pytest.fail("looked at"))
    write_text(tmp_path / "run" / "recipe.yaml", find_recipe("digits-judge").to_yaml())
    with pytest.raises(GanatomyError, match="has no generator"):
        carry_out(declared("modes", [f"run={trained.path}", f"against={tmp_path / 'run'}"]), tmp_path / "modes")


def test_one_process_at_a_time_works_in_a_folder(trained: Run, tmp_path: Path) -> None:
    study, place = declared("interpolate", [f"run={trained.path}", "pairs=1", "steps=3"]), tmp_path / "walk"
    with RunFolder(place).lock(), pytest.raises(GanatomyError, match=rf"walk is in use by process {os.getpid()}\.$"):
        carry_out(study, place)
    assert [path.name for path in place.iterdir()] == [".lock"]
    assert (carry_out(study, place) / "result.json").exists(), "a lock that was let go leaves a folder for a study"


def test_a_study_is_called_from_python(trained: Run, tmp_path: Path) -> None:
    found = ganatomy.study("interpolate", out=tmp_path / "walk", run=trained.path, pairs=1, steps=3)
    assert found == read_json(tmp_path / "walk" / "result.json")["result"]
    assert ganatomy.study("interpolate", out=tmp_path / "walk", run=trained, pairs=1, steps=3) == found
    with pytest.raises(GanatomyError, match=r"no setting 'stepps'"):
        ganatomy.study("interpolate", run=trained.path, stepps=3)


def test_a_study_tells_what_it_is_for(ganatomy_says: Program) -> None:
    ran = ganatomy_says("study", "interpolate")
    assert (
        ran.code == 0
        and "Walk between `pairs` of latents" in ran.out
        and "ganatomy study interpolate run=..." in ran.out
    )
    assert TRAINS_FIRST in ran.out and TRAINS_FIRST not in ganatomy_says("study", "labelled-data").out
    assert "path=spherical" in ran.out and ganatomy_says("study", "show", "interpolate").out == ran.out
    assert "Did you mean 'interpolate'" in ganatomy_says("study", "show", "interpolat").err
    assert "needs the setting 'run'" in ganatomy_says("study", "interpolate", "steps=4").err


@pytest.mark.parametrize("name", studies)
def test_the_settings_that_are_shown_can_be_typed(name: str) -> None:
    """What stands below a study's example says, given to the command, what it says unless told otherwise."""
    lines = described(name).splitlines()
    (example,) = (line for line in lines if line.startswith("ganatomy study"))
    needed = [word.replace("...", "x") for word in example.split()[3:]]
    shown = [line.strip() for line in lines if line.startswith("  ") and "=" in line]
    assert len(shown) > 3 and declared(name, [*needed, *shown]) == declared(name, needed)


def test_a_recipe_is_trained_first_and_goes_on_where_it_was_killed(cache: Path, tmp_path: Path, dies: Dies) -> None:
    study, place = declared("interpolate", [*RECIPE, "data=digits", "pairs=1", "steps=3"]), tmp_path / "study"
    said: list[str] = []
    whole = carry_out(study, place, said.append).rename(tmp_path / "whole")
    assert any("384 of 384 images" in line for line in said)
    result = read_json(whole / "result.json")
    assert result["run"] == "digits-dcgan" and result["images"] == 384 and result["result"]["protocol"]["round"] == 6
    run = ganatomy.load(whole / "runs" / "digits-dcgan")
    assert run.recipe.data.settings["source"] == "digits" and run.recipe.players["G"].settings["width"] == 0.1

    played = dies(Engine, "play_round", 4)
    with pytest.raises(KeyboardInterrupt):
        carry_out(study, place)
    assert not (place / "result.json").exists()
    carry_out(study, place)
    assert len(played) == 8, "two rounds were in the checkpoint, and two were lost"
    assert (place / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    carry_out(study, place)
    assert len(played) == 8, "what is trained is not trained again"
    with pytest.raises(GanatomyError, match=r"another study .*images: 384 -> 512"):
        carry_out(declared("interpolate", [*LONGER, "data=digits", "pairs=1", "steps=3"]), place)
    assert len(played) == 8, "nor is a finished study's run trained on"


def test_a_study_that_was_refused_after_its_training_is_corrected_in_its_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*given: object) -> None:
        raise GanatomyError("no judge")

    with monkeypatch.context() as broken:
        broken.setattr(Embedding, "_looks", refusing)
        with pytest.raises(GanatomyError, match="no judge"):
            carry_out(declared("embedding", [*RECIPE, "count=6"]), tmp_path / "study")
    monkeypatch.setattr(studying, "train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(GanatomyError, match=r"another study .*images: 384 -> 512"):
        carry_out(declared("embedding", [*LONGER, "count=5"]), tmp_path / "study")
    assert (carry_out(declared("embedding", [*RECIPE, "count=5"]), tmp_path / "study") / "tsne.png").exists()


def test_a_recipe_beside_a_run_and_its_data_are_what_is_looked_at(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "FEWEST", 1_000)
    monkeypatch.setattr(judging, "MOST", 1_000)
    pair = declared("modes", [f"run={trained.path}", f"against={RECIPE[0][4:]}", *RECIPE[1:], "count=50"])
    found = read_json(carry_out(pair, tmp_path / "modes") / "result.json")["result"]
    assert found["run"]["round"] == trained.checkpoint().round and found["against"]["round"] == 6
    words = ["data=digits-inverted-bold", "labels=40", "draws=1", "strengths=1", "against=[]"]
    features = read_json(carry_out(declared("features", [*RECIPE, *words]), tmp_path / "features") / "result.json")
    assert features["result"]["protocol"]["data"] == "digits-inverted-bold"
    run = ganatomy.load(tmp_path / "features" / "runs" / "digits-dcgan")
    assert run.recipe.data.settings["source"] == "digits-inverted-bold"
    assert study_command(features).startswith("ganatomy study features run=digits-dcgan")


def test_a_run_is_known_by_its_checkpoint_however_its_path_is_spelled(
    copied: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied()
    monkeypatch.chdir(run.parent)
    for path in (str(run), run.name, f"./{run.name}"):
        carry_out(declared("interpolate", [f"run={path}", "pairs=1", "steps=3"]), tmp_path / "walk")
    train("digits-dcgan", *TINY, images=728, out=run)
    with pytest.raises(GanatomyError, match=r"another study \(checkpoint_of_run"):
        carry_out(declared("interpolate", [f"run={run}", "pairs=1", "steps=3"]), tmp_path / "walk")


@pytest.mark.parametrize("damage", ["{", "[]", "3"])
@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("settings.json", "Remove .* to begin anew, or choose another folder"),
        ("steps/latents.json", "Remove it: the same command does that step again"),
        ("result.json", "The study's command, given again, writes it anew"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(
    trained: Run, tmp_path: Path, file: str, remedy: str, damage: str
) -> None:
    study = declared("interpolate", [f"run={trained.path}", "pairs=1", "steps=3"])
    folder = carry_out(study, tmp_path / "walk")
    (folder / file).write_text(damage)
    with pytest.raises(GanatomyError, match=f"{file} .*damaged or edited. {remedy}") as error:
        studied([folder]) if file == "result.json" else carry_out(study, folder)
    assert "\n" not in str(error.value)


def test_a_step_whose_picture_was_removed_is_done_again(tmp_path: Path) -> None:
    done: list[int] = []

    def work() -> dict[str, int]:
        done.append(1)
        folder.picture("one.png", Image.new("RGB", (4, 4)))
        return {"number": 7}

    folder = StudyFolder(tmp_path)
    for _ in range(2):
        assert folder.step("drawing", work, draws=("one.png",)) == {"number": 7}
    assert len(done) == 1
    (tmp_path / "one.png").unlink()
    folder.step("drawing", work, draws=("one.png",))
    assert len(done) == 2 and (tmp_path / "one.png").exists()
