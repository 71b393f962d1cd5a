"""Training through the Python API: the folder, going on, being refused, being stopped, failing."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import ganatomy
from ganatomy.core.errors import GanatomyError
from ganatomy.core.observer import Observer
from ganatomy.core.recipe import find_recipe
from ganatomy.distributed import processes
from ganatomy.engine.ledger import NonFiniteError
from ganatomy.experiments import judging
from ganatomy.experiments.observers import best_round
from ganatomy.experiments.train import SAME_RUN, Stopped, parse_duration, refuse_another_recipe, train
from ganatomy.networks.dcgan import DCGANDiscriminator
from ganatomy.objectives.adversarial import NonSaturating
from ganatomy.recipes.judges import judge
from ganatomy.report.page import page
from ganatomy.runs.checkpoints import TENSORS
from ganatomy.runs.files import read_json
from ganatomy.runs.folder import RunFolder
from tests.conftest import TINY
from tests.processes import Started, program, started

QUICK = (*TINY, "scores=none", "watch.grid=0")


class Told(Observer):
    """Remembers what was announced."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def announce(self, text: str) -> None:
        self.lines.append(text)


def rounds(folder: Path) -> list[int]:
    return [row["round"] for row in RunFolder(folder).metrics.read()]


def test_a_run_is_a_folder_that_anyone_can_read(trained):
    recipe = yaml.safe_load((trained.path / "recipe.yaml").read_text())
    assert recipe["players"]["G"]["width"] == 0.1
    (session,) = json.loads((trained.path / "environment.json").read_text())["sessions"]
    assert session["packages"]["torch"]
    assert (session["from_round"], session["arithmetic"]["threads"]) == (0, 1)
    assert session["arithmetic"]["precision"] == "float32"
    lines = trained.folder.metrics.read()
    assert [row["images"] for row in lines] == [128, 256, 384, 512, 640]
    named = {"D/real", "D/fake", "G/adversarial", "D/accuracy_real", "D/accuracy_fake", "D/score_real", "D/score_fake"}
    for row in lines:
        assert named | {"held_out/accuracy_real", "learning_rate/D", "seconds", "round"} <= set(row)
    assert [row["images"] for row in trained.folder.scores.read()] == [256, 512]
    assert sorted(p.name for p in trained.folder.samples.iterdir()) == [f"{n:010d}.png" for n in (0, 256, 512, 640)]
    assert (trained.path / "curves.png").stat().st_size > 10_000
    assert trained.last_grid() == trained.folder.samples / "0000000640.png"
    assert not [p for p in trained.path.rglob("*") if p.suffix in (".pt", ".pth", ".pkl", ".pickle")]


def test_the_last_two_and_the_best_checkpoint_are_kept(trained):
    distances = {row["scores"]["frechet"]: row["round"] for row in trained.folder.scores.read()}
    best = distances[min(distances)]
    assert best_round(trained.folder) == best
    assert len(distances) == 2
    assert trained.folder.checkpoints.rounds() == sorted({best, 8, 10})


def test_a_recipe_file_repeats_its_run(trained, tmp_path):
    again = train(str(trained.path / "recipe.yaml"), out=tmp_path / "again")
    first, second = trained.checkpoint(), again.checkpoint()
    assert all(torch.equal(value, second.tensors[name]) for name, value in first.tensors.items())


def test_another_seed_is_another_run(trained, tmp_path):
    other = train(str(trained.path), "scores=none", seed=1, images=64, out=tmp_path / "other")
    assert not np.array_equal(other.samples(3).images, trained.samples(3).images)
    assert other.recipe.seed == 1


def test_a_longer_budget_continues_the_run(copied):
    folder = copied()
    run = train(str(folder), images=900, out=folder)
    assert run.checkpoint().state["drawn"] * 64 == 960
    assert rounds(folder) == [2, 4, 6, 8, 10, 12, 14]
    assert [row["images"] for row in run.folder.scores.read()] == [256, 512, 768]
    sessions = json.loads((folder / "environment.json").read_text())["sessions"]
    assert [session["from_round"] for session in sessions] == [0, 10]
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["images"] == 900


def test_a_run_that_is_done_is_scored_again_and_left(copied):
    folder = copied()
    before = (folder / "metrics.jsonl").read_bytes()
    lines = len(RunFolder(folder).evaluations.read())
    run = train(str(folder), out=folder)
    assert (folder / "metrics.jsonl").read_bytes() == before
    assert len(run.folder.evaluations.read()) == lines + 2


def test_what_is_watched_may_change_between_sessions(copied):
    folder = copied()
    train(str(folder), "watch.log=64", "scores.count=50", "paper=other", images=700, out=folder)
    assert rounds(folder)[-1] == 11


def test_another_recipe_is_refused_with_its_differences(copied):
    folder = copied()
    before = (folder / "recipe.yaml").read_text()
    with pytest.raises(GanatomyError) as raised:
        train(str(folder), "optimizers.D.lr=2e-4", "game.d_steps=2", images=900, out=folder)
    said = str(raised.value)
    assert "holds a run of another recipe (" in said
    assert "optimizers.D.lr: 0.001 -> 0.0002" in said
    assert "game.d_steps: 1 -> 2" in said
    assert "images" not in said
    assert said.endswith("Choose another folder with --out, or move the run aside with --fresh.")
    assert (folder / "recipe.yaml").read_text() == before


def test_only_what_decides_a_weight_makes_another_run(trained):
    same = trained.recipe.overridden(["images=5", "watch.log=7", "scores=none", "data.source=x", "time=long"])
    refuse_another_recipe(trained.folder, same.replace(name="other"))
    for assignment in ("seed=1", "batch=32", "precision=float64", "average=none", "data.flip=true", "accumulate=2"):
        with pytest.raises(GanatomyError, match=assignment.split("=")[0]):
            refuse_another_recipe(trained.folder, trained.recipe.overridden([assignment]))


def test_a_second_domain_from_elsewhere_is_the_same_run():
    recipe = find_recipe("digits-cyclegan")
    moved = recipe.overridden(["data.source=a", "data.other=b"])
    assert recipe.differences(moved) and not recipe.differences(moved, ignoring=SAME_RUN)


def test_fresh_moves_the_run_aside_and_begins_anew(copied):
    folder, told = copied(), Told()
    train(str(folder), "seed=5", "scores=none", images=64, out=folder, fresh=True, show=told)
    assert rounds(folder.with_name("copied.1")) == [2, 4, 6, 8, 10]
    assert RunFolder(folder).checkpoints.rounds() == [1]
    assert any("copied.1" in line for line in told.lines)


def test_fresh_moves_nothing_before_the_data_are_there(copied, tmp_path):
    folder = copied()
    with pytest.raises(GanatomyError):
        train(str(folder), data=tmp_path / "nothing", out=folder, fresh=True)
    assert not folder.with_name("copied.1").exists()


def test_two_processes_cannot_train_in_one_folder(copied):
    folder = copied()
    with RunFolder(folder).lock():
        for fresh in (False, True):
            with pytest.raises(GanatomyError, match=rf"copied is in use by process {os.getpid()}\.$"):
                train(str(folder), images=900, out=folder, fresh=fresh)
    assert rounds(folder)[-1] == 10


def labelled_images(path: Path, classes: int | None = 3, seed: int = 0) -> Path:
    """Digits again, so that they can be learned, but not the pixels that the shipped judge knows."""
    from sklearn.datasets import load_digits

    bunch = load_digits(n_class=classes or 10)
    images = (bunch.images[seed : seed + 240] * 15).astype(np.uint8)
    labels = {"labels": bunch.target[seed : seed + 240]} if classes else {}
    np.savez(path, images=images, **labels)
    return path


def test_the_same_data_from_elsewhere_continue_and_other_data_are_refused(tmp_path):
    here = labelled_images(tmp_path / "here.npz", None)
    train("digits-dcgan", *QUICK, data=here, images=128, out=tmp_path / "run")
    moved = Path(shutil.copy(here, tmp_path / "moved.npz"))
    run = train("digits-dcgan", *QUICK, data=moved, images=256, out=tmp_path / "run")
    assert run.checkpoint().round == 4
    other = labelled_images(tmp_path / "other.npz", None, seed=100)
    with pytest.raises(GanatomyError, match=r"run was trained on other images \(.*moved\.npz: .*; now .*other\.npz: "):
        train("digits-dcgan", *QUICK, data=other, images=300, out=tmp_path / "run")
    assert run.checkpoint().round == 4


def test_images_without_labels_train_without_scores(tmp_path):
    told = Told()
    data = labelled_images(tmp_path / "plain.npz", None)
    run = train("digits-dcgan", *TINY, data=data, images=300, out=tmp_path / "run", show=told)
    assert any(line.startswith("scores     none: a judge needs labels") for line in told.lines)
    assert run.folder.scores.read() == run.folder.evaluations.read() == []
    assert len(run.samples(3).images) == 3
    with pytest.raises(GanatomyError, match=r"has no labels .* --metrics fid,prdc and --extractor random"):
        run.evaluate(50)


def test_a_labelled_folder_trains_its_judge_once_and_keeps_it(tmp_path, monkeypatch, cache):
    made = []

    def small(spec, *, images):
        made.append(images)
        return judge(spec, images=1_000, channels=(4, 8))

    monkeypatch.setattr(judging, "judge_recipe", small)
    data, told = labelled_images(tmp_path / "own.npz"), Told()
    run = train("digits-cdcgan", *TINY, data=data, images=300, out=tmp_path / "run", show=told)
    assert told.lines.count("Training a judge of this data, once; the cache keeps it ...") == 1
    record = run.folder.evaluations.read()[0]
    assert record["protocol"]["count"] == 24  # what is held out of 240
    assert record["protocol"]["reference"] == "training images 108-215"
    train("digits-cdcgan", *TINY, data=data, images=400, out=tmp_path / "run")
    run.evaluate(20)
    assert len(made) == 1
    content = run.checkpoint().state["data"]["content"]
    facts = json.loads((cache / "judges" / f"{content[:16]}.json").read_text())
    assert facts["trained_on"] == "training images 0-107"
    assert 0 <= facts["accuracy"] <= 1


def test_a_conditional_recipe_on_unlabelled_images_is_refused(tmp_path):
    data = labelled_images(tmp_path / "plain.npz", None)
    with pytest.raises(GanatomyError, match="is conditional, and the data has no labels"):
        train("digits-cdcgan", *QUICK, data=data, images=64, out=tmp_path / "run")


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(copied, trained):
    folder, told = copied(), Told()
    path = folder / "checkpoints" / "round-00000010" / TENSORS
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    run = train(str(folder), "scores=none", out=folder, show=told)
    assert any("is damaged" in line and line.endswith("Going on from round 8 instead.") for line in told.lines)
    assert rounds(folder) == [2, 4, 6, 8, 10]
    first, second = trained.checkpoint(), run.checkpoint()
    assert all(torch.equal(value, second.tensors[name]) for name, value in first.tensors.items())


def test_a_restarted_worker_goes_on_although_it_is_told_to_begin_anew(copied, monkeypatch):
    """torchrun repeats the words, --fresh among them, after a failure."""
    folder = copied()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    train(str(folder), images=900, out=folder, fresh=True)
    sessions = json.loads((folder / "environment.json").read_text())["sessions"]
    assert [session["from_round"] for session in sessions] == [0, 10]


def test_a_run_does_not_start_from_itself(copied):
    folder = copied()
    with pytest.raises(GanatomyError, match="cannot start from itself"):
        train(str(folder), out=folder, init_from=folder, fresh=True)
    assert rounds(folder)


@pytest.mark.parametrize("others", [lambda own: [own, 0], lambda own: [own + 1, own]])
def test_all_processes_stop_where_one_does_not_see_the_newest_checkpoint(copied, monkeypatch, others):
    """Else the others would wait for it, and die of its end without a word about the folder."""
    folder = copied()
    monkeypatch.setattr(processes, "everyones", others)
    with pytest.raises(GanatomyError, match="Process 1 of 2 cannot see the newest checkpoint in"):
        train(str(folder), images=900, out=folder)


def test_a_run_with_no_whole_checkpoint_is_not_begun_anew(copied):
    folder = copied()
    for path in (folder / "checkpoints").rglob(TENSORS):
        path.write_bytes(b"x")
    with pytest.raises(GanatomyError, match=r"^No checkpoint in .* is whole\."):
        train(str(folder), images=900, out=folder)
    assert rounds(folder) == [2, 4, 6, 8, 10]


def test_another_arithmetic_is_marked_as_not_bit_exact(copied):
    folder, told = copied(), Told()
    torch.set_num_threads(2)
    try:
        train(str(folder), "scores=none", images=700, out=folder, show=told)
    finally:
        torch.set_num_threads(1)
    assert "Not bit-exact with the sessions before: threads 1 -> 2." in told.lines
    assert json.loads((folder / "environment.json").read_text())["sessions"][1]["not_bit_exact"] == "threads 1 -> 2"


def poisoned_from(call: int, monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    """Make a loss term not a number from its so-manieth call on."""
    honest, calls = getattr(NonSaturating, term), iter(range(1, 1_000))

    def loss(self, *scores):
        return honest(self, *scores) * (float("nan") if next(calls) >= call else 1.0)

    monkeypatch.setattr(NonSaturating, term, loss)


@pytest.mark.parametrize(("term", "name"), [("generator", "G/adversarial"), ("real", "D/real"), ("fake", "D/fake")])
def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path, monkeypatch, term, name):
    recipe, out = ("digits-dcgan", *QUICK), tmp_path / "run"
    with monkeypatch.context() as patch:
        poisoned_from(7, patch, term)
        with pytest.raises(NonFiniteError, match=rf"^{name} became nan in round 7, so training stopped"):
            train(*recipe, images=2_000, out=out)
    found = RunFolder(out).checkpoints.newest()
    assert found is not None
    assert found.round == 6
    assert all(value.isfinite().all() for value in found.tensors.values() if value.is_floating_point())
    assert rounds(out) == [2, 4, 6]
    said = read_json(out / "environment.json")["sessions"][-1]["failed"]
    assert said.startswith(f"{name} became nan in round 7") and f">{said}<" in page([RunFolder(out)])
    healed = train(*recipe, images=640, out=out)
    whole = train(*recipe, images=640, out=tmp_path / "whole")
    tensors = whole.checkpoint().tensors
    assert all(torch.equal(value, tensors[key]) for key, value in healed.checkpoint().tensors.items())
    assert "Training failed" not in page([RunFolder(out)])


def test_a_learning_rate_that_explodes_is_told_with_its_round(tmp_path):
    with pytest.raises(NonFiniteError, match=r"(became (nan|inf|-inf) in round \d+|is not finite after round \d+), so"):
        train("digits-dcgan", *QUICK, "optimizers.D.lr=1e30", images=2_000, out=tmp_path / "run")


def limited_to(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = DCGANDiscriminator.forward

    def limited(self, x, y=None):
        if len(x) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ...")
        return forward(self, x, y)

    monkeypatch.setattr(DCGANDiscriminator, "forward", limited)


def test_out_of_memory_names_the_accumulation_that_fits(tmp_path, monkeypatch):
    limited_to(20, monkeypatch)
    with pytest.raises(GanatomyError) as raised:
        train("digits-dcgan", *QUICK, images=128, out=tmp_path / "run")
    assert str(raised.value).startswith("Out of memory with batch=64 accumulate=1; accumulate=4 fits")
    run = train("digits-dcgan", *QUICK, "accumulate=4", images=128, out=tmp_path / "run", fresh=True)
    assert run.checkpoint().round == 2


def test_out_of_memory_with_a_single_image_says_so(tmp_path, monkeypatch):
    limited_to(0, monkeypatch)
    with pytest.raises(GanatomyError, match="no accumulation of it fits either: use a smaller width or picture size"):
        train("digits-dcgan", *QUICK, images=128, out=tmp_path / "run")


def test_a_run_that_failed_before_its_first_checkpoint_begins_anew(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        limited_to(20, patch)
        with pytest.raises(GanatomyError):
            train("digits-dcgan", *QUICK, images=128, out=tmp_path / "run")
    assert train("digits-dcgan", *QUICK, images=128, out=tmp_path / "run").checkpoint().round == 2


def test_a_time_only_stops_early(tmp_path):
    run = train("digits-dcgan", *QUICK, images=10_000_000, duration=0.2, out=tmp_path / "run")
    reached = run.checkpoint().round
    assert 0 < reached < 10_000
    assert run.recipe.images == 10_000_000
    assert train("digits-dcgan", *QUICK, images=1, out=tmp_path / "run").checkpoint().round == reached


def test_a_number_of_images_to_stop_at_leaves_the_recipe_its_own(tmp_path):
    run = train("digits-dcgan", *QUICK, images=640, until=200, out=tmp_path / "run")
    assert run.checkpoint().round == 4 and run.recipe.images == 640
    assert train("digits-dcgan", *QUICK, images=640, until=10_000, out=tmp_path / "run").checkpoint().round == 10


def test_a_time_too_short_for_a_round_is_no_error(tmp_path):
    run = train("digits-dcgan", *TINY, images=640, duration=1e-9, out=tmp_path / "run")
    assert run.folder.checkpoints.rounds() == []
    assert train("digits-dcgan", *TINY, images=64, out=tmp_path / "run").checkpoint().round == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("20m", 1200),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 45 ", 45),
        ("1h1m1s", 3661),
        (7, 7),
        (0.5, 0.5),
        (None, None),
    ],
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "20 minutes", "m", "1m1h", "1h30", "1e3", "nan", "inf"])
def test_what_is_no_duration_is_told(text):
    with pytest.raises(GanatomyError, match="is not a duration, such as 90s, 20m or 1h30m"):
        parse_duration(text)


class StopsItself(Observer):
    """Sends this process a signal after a round, as a person would."""

    def __init__(self, number: int, round: int) -> None:
        self.number, self.round = number, round

    def after_round(self, moment) -> None:
        if moment.round == self.round:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_round_saves_and_hands_the_signals_back(tmp_path, number):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Stopped) as stopped:
        train("digits-dcgan", *QUICK, images=2_000, out=tmp_path / "run", show=StopsItself(number, 5))
    assert stopped.value.number == number
    assert str(stopped.value) == number.name
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert stopped.value.run.checkpoint().round == 5
    run = train("digits-dcgan", *QUICK, images=640, out=tmp_path / "run")
    whole = train("digits-dcgan", *QUICK, images=640, out=tmp_path / "whole")
    tensors = whole.checkpoint().tensors
    assert all(torch.equal(value, tensors[key]) for key, value in run.checkpoint().tensors.items())
    assert rounds(tmp_path / "run") == rounds(tmp_path / "whole") == [2, 4, 6, 8, 10]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_program_says_so_with_its_exit_code_and_can_go_on(tmp_path, number, code):
    out = tmp_path / "run"
    words = ["train", "digits-dcgan", *QUICK, "--images=100000000", f"--out={out}"]
    with started(tmp_path / "said", program, *words) as child:
        until(lambda: len(RunFolder(out).metrics.read()) > 2, child)
        child.signal(number)
        said = child.ended()
    assert said.code == code, said.err
    assert f"Stopped by {number.name}. Continue with the same command" in said.out + said.err
    assert "Traceback" not in said.out + said.err
    found = RunFolder(out).checkpoints.newest()
    assert found is not None
    run = train("digits-dcgan", *QUICK, images=(found.round + 2) * 64, out=out)
    assert run.checkpoint().round == found.round + 2
    assert rounds(out) == list(range(2, found.round + 3, 2))


def until(met: Callable[[], bool], child: Started) -> None:
    end = time.monotonic() + 60
    while not met():
        assert child.alive(), child.ended()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_without_an_average_the_raw_weights_are_sampled_and_said_to_be(tmp_path):
    run = train("digits-dcgan", *TINY, "average=none", images=300, out=tmp_path / "run")
    assert {row["protocol"]["weights"] for row in run.folder.evaluations.read()} == {"raw"}
    assert np.array_equal(run.samples(3).images, run.samples(3, weights="raw").images)


def test_a_judge_is_trained_like_any_other_run(tmp_path):
    run = train("digits-judge", "players.C.channels=4,8", images=2_000, out=tmp_path / "run")
    assert run.folder.metrics.read() == []  # a line every 10,000 images
    with pytest.raises(GanatomyError, match="This run has no player 'G'"):
        run.samples(2)


def test_a_recipe_may_be_given_as_it_is_and_the_package_exports_the_rest(tmp_path):
    run = ganatomy.train(find_recipe("digits-vanilla"), *QUICK, images=64, out=str(tmp_path / "run"))
    assert isinstance(run, ganatomy.Run)
    assert run.recipe.name == "digits-vanilla"
    assert issubclass(NonFiniteError, ganatomy.GanatomyError)
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        ganatomy.trian  # noqa: B018
