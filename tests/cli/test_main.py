"""The front door: help for every option, and every mistake in one line on standard error."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import typer
import yaml
from PIL import Image

import ganatomy
from ganatomy.cli import main as program
from ganatomy.cli.console import Watcher
from ganatomy.core.recipe import find_recipe, recipes
from ganatomy.core.registry import parts
from ganatomy.experiments.run import Run
from tests.conftest import TINY, Said

QUICK = (*TINY, "scores=none", "watch.grid=0")


def commands() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}

    def collect(words: str, command: click.Command) -> None:
        found[words] = command
        for name, inner in getattr(command, "commands", {}).items():
            collect(f"{words} {name}".strip(), inner)

    collect("", typer.main.get_command(program.app))
    return found


@pytest.mark.parametrize("words", commands())
def test_help_tells_every_option_and_what_it_does(ganatomy_says, words):
    said = ganatomy_says(*words.split(), "--help")
    assert said.code == 0
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", said.out).split())
    for parameter in commands()[words].params:
        if isinstance(parameter, click.Option) or getattr(parameter, "param_type_name", "") == "option":
            assert max(parameter.opts, key=len) in text
        explained = getattr(parameter, "help", None)
        assert explained, f"{words} {parameter.name} is not explained"
        assert " ".join(explained.split()[:3]) in text


def test_the_commands_are_those_of_the_readme():
    told = {"train", "sample", "translate", "evaluate", "stats", "results", "recipes", "data", "data check"}
    told |= {"report", "ablate", "compare", "study", "reproduce", "judge"}
    assert set(commands()) == {"", *told}


@pytest.mark.parametrize(
    ("words", "needless"),
    [("--help", {"torch", "numpy"}), ("train --help", {"torch", "numpy"}), ("recipes", {"matplotlib", "scipy.stats"})],
)
def test_a_command_imports_what_it_needs_alone(words, needless, tmp_path):
    """Each takes a second or so; with scikit-learn and the studies, matplotlib and scipy.stats would come, too."""
    command = [sys.executable, "-X", "importtime", "-m", "ganatomy", *words.split()]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    imported = {line.rsplit("|")[-1].strip() for line in ran.stderr.splitlines()}
    assert ran.returncode == 0 and "ganatomy.cli.main" in imported
    assert not needless & imported


def test_version_is_told(ganatomy_says):
    assert ganatomy_says("--version") == Said(0, f"{ganatomy.__version__}\n", "")


MISTAKES = {
    "train digits-dcgna": "No recipe called 'digits-dcgna'. Did you mean 'digits-dcgan'?",
    "train nothing/recipe.yaml": "No recipe file 'nothing/recipe.yaml'.",
    "train digits-dcgan optimizers.D.lr=abc": "optimizers.D.lr=abc: Input should be a valid number",
    "train digits-dcgan optimzers.D.lr=1": "digits-dcgan has no field 'optimzers' (of 'optimzers.D.lr').",
    "train digits-dcgan players.G.latnet=3": "DCGANGenerator has no setting 'latnet'",
    "train digits-dcgan game.loss=minimx": "game.loss=minimx: Did you mean 'Minimax'?",
    "train digits-dcgan lr": "'lr' is not KEY=VALUE, such as optimizers.D.lr=1e-4.",
    "train digits-dcgan --images 0": "images=0: Input should be greater than 0",
    "train digits-dcgan --for soon": "'soon' is not a duration, such as 90s, 20m or 1h30m.",
    "train digits-dcgan --for 0m": "0m is no time to train for: say one such as 90s, 20m or 1h30m.",
    "train digits-dcgan --device tpu": "No device called 'tpu'. Did you mean 'cpu'?",
    "train digits-dcgan --import nope.py": "No file 'nope.py' to import.",
    "train digits-dcgan --data nope": "No data source or path called 'nope'. There are: afhq, celeba,",
    "train digits-dcgan --data digts": "Did you mean digits?",
    "train digits-dcgan --data ./empty": "empty",
    "train digits-dcgan players.G.start=3": "DCGANGenerator: its strides lead to 8x8x1 from 2x2, not 3x3;",
    "train digits-dcgan players.D.channels=8,8,8,8,8": "8x8x1 is too small for 5 layers of stride 2.",
    "train digits-dcgan players.G.conditional=true": "set players.G.conditional and players.D.conditional alike",
    "train digits-dcgan game.order=simultaneous game.d_steps=2": "simultaneous play is one step of each;",
    "train digits-dcgan batch=10 accumulate=3": "digits-dcgan: a batch of 10 cannot be cut into 3 equal parts.",
    "train digits-dcgan --data ./empty --out file/run": "Cannot write into file/run: Not a directory.",
    "sample nope": "nope is not a run: there is no such folder.",
    "sample empty": "empty is not a run: it holds no recipe.yaml.",
    "evaluate nope": "nope is not a run: there is no such folder.",
    "stats digits --out file/x.npz": "Cannot write into file: Not a directory.",
    "recipes show nope": "No recipe called 'nope'.",
    "recipes show": "Which recipe? For instance: ganatomy recipes show digits-dcgan",
    "recipes a b": "One pattern, please, not 2; or: ganatomy recipes show NAME",
    "recipes nope": "No recipe's name contains 'nope'. There are: ",
    "data check digts": "Did you mean digits?",
    "data check digits data.sise=3": "Images has no setting 'sise' (of 'data.sise'). Did you mean 'size'?",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line_on_standard_error(ganatomy_says, words):
    Path("empty").mkdir()
    Path("file").write_text("")
    said = ganatomy_says(*words.split())
    assert_one_line(said)
    assert MISTAKES[words] in said.err
    assert sorted(path.name for path in Path().iterdir()) in (["empty", "file"], ["empty", "file", "runs"])
    assert not list(Path().rglob("recipe.yaml"))


def assert_one_line(said: Said) -> None:
    assert said.code == 1
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err + said.out


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        ("-n 0", "At least one sample, please."),
        ("--per-class 0", "At least one sample, please."),
        ("--device tpu", "No device called 'tpu'."),
        ("-n 3 --per-class 3", "Say how many samples in all, or how many of each class; not both."),
        ("--per-class 3", "is not conditional: it cannot draw a class on demand. Ask for a total number with -n."),
        ("--out busy", "busy exists and holds other things than samples: choose another --out."),
        ("--format npz --out s.npz", "s.npz would be a folder, for samples are written into one: leave out .npz."),
    ],
)
def test_samples_that_cannot_be_had_are_one_line(ganatomy_says, trained, words, fragment):
    Path("busy").mkdir()
    Path("busy", "thesis.txt").write_text("")
    said = ganatomy_says("sample", trained.path, *words.split())
    assert_one_line(said)
    assert fragment in said.err


def test_where_samples_cannot_go_is_said_before_they_are_drawn(ganatomy_says, trained, monkeypatch):
    monkeypatch.delattr(Run, "samples")
    Path("busy").mkdir()
    Path("busy", "thesis.txt").write_text("")
    said = ganatomy_says("sample", trained.path, "--out", "busy")
    assert_one_line(said)
    assert "busy exists and holds other things than samples" in said.err


def test_a_run_of_another_recipe_is_one_line(ganatomy_says, trained):
    said = ganatomy_says("train", "digits-dcgan", "--out", trained.path, "batch=32")
    assert_one_line(said)
    assert "batch: 64 -> 32" in said.err
    assert "move the run aside with --fresh." in said.err


def test_a_damaged_run_is_one_line(ganatomy_says, copied):
    folder = copied()
    for path in folder.rglob("tensors.safetensors"):
        path.write_bytes(path.read_bytes()[:10])
    said = ganatomy_says("sample", folder)
    assert_one_line(said)
    assert "is damaged: it holds 10 bytes instead of" in said.err


def test_an_option_that_does_not_exist_is_an_error(ganatomy_says):
    said = ganatomy_says("train", "digits-dcgan", "--lr", "3")
    assert said.code == 2
    assert "No such option: --lr" in said.err


def test_training_prints_its_plan_and_where_the_results_are(ganatomy_says):
    said = ganatomy_says("train", "digits-dcgan", *TINY, "--images", "300", "--seed", "2")
    assert said.code == 0, said.err
    for line in (
        r"recipe +digits-dcgan into runs/digits-dcgan",
        r"data +digits: 1,197 images to train on, 600 held out, 8x8x1, 10 classes",
        r"players +G [\d,]+, D [\d,]+ parameters",
        r"budget +to 300 images, batch 64, seed 2",
        r"device +cpu, float32, 1 threads",
        r" 256 images  Fréchet [\d.]+ = [\d.]+ x floor, coverage [\d.]+ of [\d.]+, classifier score [\d.]+ of [\d.]+",
        r"trained +320 images in 5 rounds",
        r"grid +runs/digits-dcgan/samples/0000000320\.png",
        r"curves +runs/digits-dcgan/curves\.png",
        r"scores +runs/digits-dcgan/evaluations\.jsonl",
    ):
        assert re.search(line, said.out), line
    for word in ("Fréchet distance", "x floor", "coverage within class", "class shares", "real, held out"):
        assert word in said.out, "no score stands without its floor and what a collapsed generator loses"
    for name in re.findall(r"^(?:grid|curves|scores) +(.+)$", said.out, re.MULTILINE):
        assert Path(name).is_file()


def test_training_goes_on_where_the_folder_stands_and_fresh_moves_it_aside(ganatomy_says):
    words = ("train", "digits-dcgan", *QUICK, "--out", "x")
    assert ganatomy_says(*words, "--images", 128).code == 0
    longer = ganatomy_says(*words, "--images", 256)
    assert "from image 128 to 256 images" in longer.out
    fresh = ganatomy_says(*words, "--images", 64, "--seed", 1, "--fresh")
    assert "The run that was there is now x.1." in fresh.out
    assert yaml.safe_load(Path("x.1/recipe.yaml").read_text())["images"] == 256
    assert yaml.safe_load(Path("x/recipe.yaml").read_text())["seed"] == 1


def test_a_run_begun_anew_is_not_continued_by_the_same_command(ganatomy_says, monkeypatch):
    monkeypatch.setattr(Watcher, "after_round", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    said = ganatomy_says("train", "digits-dcgan", *QUICK, "--out", "x", "--fresh")
    assert said.code == 130
    assert "Stopped by SIGINT. Continue with the same command without --fresh; x holds all of it." in said.out


def test_what_is_shown_is_what_a_run_writes_down(ganatomy_says):
    shown = ganatomy_says("recipes", "show", "digits-vanilla")
    assert shown.code == 0
    assert ganatomy_says("train", "digits-vanilla", "--for", "0.2s", "--out", "x").code == 0
    assert Path("x/recipe.yaml").read_text() == shown.out


@pytest.mark.parametrize("name", ["cifar10-biggan", "horse2zebra-cyclegan", "mnist-cdcgan-guided"])
def test_what_is_shown_of_a_recipe_is_its_file(ganatomy_says, name):
    """Which can be read back: see tests/core."""
    assert ganatomy_says("recipes", "show", name).out == find_recipe(name).to_yaml()


def test_the_list_names_every_recipe_with_data_game_size_score_and_time(ganatomy_says, monkeypatch):
    said = ganatomy_says("recipes")
    for name in recipes:
        assert name in said.out
    for column in ("name", "data", "game", "size", "expected score", "time"):
        assert column in said.out
    assert re.search(r"digits-dcgan +│ digits +│ Adversarial +│ 8", said.out)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = ganatomy_says("recipes", "digits-dcgan")
    assert max(map(len, narrow.out.splitlines())) <= 80 and re.search(r"digits-dcgan +│ digits +│ 8 px", narrow.out)
    monkeypatch.setenv("COLUMNS", "400")
    both = ganatomy_says("recipes", "cifar10-acgan").out  # a report's figures beside ours, and not in their place
    assert re.search(r"cifar10-acgan +│.*Fréchet 43 x floor.*; a report has FID 148, IS 2.8", both)
    assert not re.search("cifar10-acgan-report.*a report has", both), "of a recipe as it was measured there"
    only = ganatomy_says("recipes", "MNIST" if "mnist-dcgan" in recipes else "digits")
    assert only.code == 0
    assert "mnist-dcgan" in only.out
    assert "digits-dcgan" not in only.out


@pytest.mark.parametrize("words", [("-n", 7), ("-n", 7, "--format", "npz")])
def test_samples_are_written_where_they_are_said_to_be(ganatomy_says, trained, words):
    said = ganatomy_says("sample", trained.path, *words, "--out", "out", "--seed", 3)
    assert said == Said(0, "7 samples in out\n", "")
    with open("out/manifest.csv", encoding="utf-8") as file:
        assert [(row["seed"], row["index"]) for row in csv.DictReader(file)] == [("3", str(i)) for i in range(7)]
    expected = trained.samples(7, seed=3).images
    if "npz" in words:
        with np.load("out/samples.npz", allow_pickle=False) as arrays:
            assert np.array_equal(arrays["images"], expected)
    else:
        assert len(list(Path("out").glob("*.png"))) == 7


def test_so_many_of_each_class_lie_in_their_folders_and_can_be_trained_on(ganatomy_says, conditional):
    said = ganatomy_says("sample", conditional.path, "--per-class", 9, "--out", "out")
    assert said.out == "90 samples in out\n"
    assert {path.name: len(list(path.iterdir())) for path in Path("out").iterdir() if path.is_dir()} == {
        str(digit): 9 for digit in range(10)
    }
    shutil.move("out/manifest.csv", "manifest.csv")
    checked = ganatomy_says("data", "check", "out")
    assert "90" in checked.out


def test_samples_go_into_the_run_unless_said(ganatomy_says, copied):
    folder = copied()
    said = ganatomy_says("sample", folder, "-n", 2)
    assert said.code == 0
    written = Path(said.out.removeprefix("2 samples in ").strip())
    assert written.is_relative_to(folder)
    assert (written / "manifest.csv").is_file()
    raw = ganatomy_says("sample", folder, "-n", 2, "--weights", "raw", "--checkpoint", "best")
    assert raw.code == 0
    assert raw.out != said.out, "other samples do not replace these"
    cut = ganatomy_says("sample", folder, "-n", 2, "--truncation", "0.2")
    assert "-truncation0.2\n" in cut.out, "in a folder of their own"
    assert "note: truncation at 0.2 trades diversity for quality" in cut.out
    pixels = [np.asarray(Image.open(written.with_name(name) / "000000.png")) for name in names_of(said, cut)]
    assert not np.array_equal(*pixels)


def names_of(*said):
    """The folders that samples are said to be in."""
    return [Path(one.out.splitlines()[0].removeprefix("2 samples in ")).name for one in said]


def test_results_tabulate_a_run_once(ganatomy_says, copied):
    folder = copied()
    once = ganatomy_says("results", folder)
    assert once.code == 0 and ganatomy_says("results", folder, f"{folder}/.", folder).out == once.out


def test_a_warning_about_a_damaged_checkpoint_does_not_stop_sampling(ganatomy_says, copied):
    folder = copied()
    (folder / "checkpoints" / "round-00000010" / "tensors.safetensors").write_bytes(b"x")
    said = ganatomy_says("sample", folder, "-n", 2, "--out", "out")
    assert said.code == 0
    assert said.err.startswith("warning: ")
    assert "is damaged" in said.err


def test_an_evaluation_can_be_read_by_programs_and_by_people(ganatomy_says, copied):
    folder = copied()
    said = ganatomy_says("evaluate", folder, "-n", 50, "--json")
    records = json.loads(said.out)
    assert [record["which"] for record in records] == ["last", "best"]
    assert records[0]["scores"]["count"] == records[0]["floor"]["count"] == 50
    table = ganatomy_says("evaluate", folder, "-n", 50).out
    for word in ("Fréchet distance", "x floor", "coverage within class", "classifier score", "real, held out"):
        assert word in table
    assert f"{records[0]['scores']['frechet']:.3g}" in table
    repeated = ganatomy_says("evaluate", folder, "-n", 50, "--repeats", 2).out
    assert "50 samples of seeds 0, 2" in repeated
    assert all(re.search(rf"{name} .*±", repeated) for name in ("Fréchet distance", "x floor", "coverage within class"))


def test_data_can_be_checked_before_training(ganatomy_says):
    said = ganatomy_says("data", "check", "digits")
    assert said.code == 0
    assert said.out.startswith("digits: 1,197 ")
    Path("lonely/a").mkdir(parents=True)
    assert ganatomy_says("data", "check", "lonely").code == 1


OWN = '''
"""My own generator, and a recipe that uses it."""
from torch import nn
from ganatomy.core.players import Generator
from ganatomy.core.prior import Prior
from ganatomy.core.recipe import find_recipe, recipe
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec

@part
class OneLayer(Generator):
    def __init__(self, shape, classes=None, *, latent: int = 8):
        super().__init__()
        self.prior = Prior(latent)
        self.layers = nn.Sequential(nn.Linear(latent, shape.numbers), nn.Tanh(), nn.Unflatten(1, tuple(shape)))
    def forward(self, z, y=None):
        return self.layers(z)

@recipe
def my_digits():
    base = find_recipe("digits-vanilla")
    return base.replace(name="my-digits", players={**base.players, "G": Spec(OneLayer)})
'''


@pytest.fixture
def own_parts():
    before = dict(parts._things), dict(recipes._things)
    yield
    parts._things, recipes._things = before


def test_ones_own_generator_and_recipe_come_by_import(ganatomy_says, own_parts):
    Path("my_gans.py").write_text(OWN)
    assert "'my-digits'" in ganatomy_says("train", "my-digits").err, "a recipe cannot be named before it is imported"
    overrides = [word for word in QUICK if "G.width" not in word]
    said = ganatomy_says(
        "train", "my-digits", "players.G.latent=5", *overrides, "--images", 64, "--import", "my_gans.py"
    )
    assert said.code == 0, said.err
    assert yaml.safe_load(Path("runs/my-digits/recipe.yaml").read_text())["players"]["G"] == {
        "use": "OneLayer",
        "latent": 5,
    }
    assert ganatomy.load("runs/my-digits").sample(2, tensor=True).shape == (2, 1, 8, 8)


def test_a_run_of_ones_own_parts_needs_their_file_again(ganatomy_says, own_parts):
    Path("my_gans.py").write_text(OWN)
    overrides = [word for word in QUICK if "G.width" not in word]
    ganatomy_says("train", "my-digits", *overrides, "--images", 64, "--import", "my_gans.py")
    del parts._things["OneLayer"], recipes._things["my-digits"]
    said = ganatomy_says("sample", "runs/my-digits", "-n", 2)
    assert_one_line(said)
    assert "No part called 'OneLayer'." in said.err
    assert ganatomy_says("sample", "runs/my-digits", "-n", 2, "--import", "my_gans.py").code == 0


def test_an_own_file_that_fails_is_one_line_with_its_line(ganatomy_says):
    Path("my_gans.py").write_text("import ganatomy\n\nganatomy.nothing\n")
    said = ganatomy_says("train", "digits-dcgan", "--import", "my_gans.py")
    assert_one_line(said)
    assert "my_gans.py:3 cannot be imported: AttributeError" in said.err


def test_an_interrupt_is_no_traceback(ganatomy_says, monkeypatch):
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "prepare", interrupted)
    said = ganatomy_says("recipes")
    assert (said.code, said.err) == (130, "Interrupted.\n")
