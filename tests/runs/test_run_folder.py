"""Run folders: found, locked and moved aside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.runs.files import write_text
from ganatomy.runs.folder import RunFolder, find_run

ROOT = Path(__file__).parents[2]
OWNER = """
import sys
from ganatomy.runs.folder import RunFolder
with RunFolder(sys.argv[1]).lock():
    print("locked", flush=True)
    sys.stdin.read()
"""


def run_in(path) -> RunFolder:
    run = RunFolder(path)
    write_text(run.recipe_file, "name: x\n")
    return run


@pytest.fixture
def owner(tmp_path):
    """Another process that trains into tmp_path/run."""
    command = [sys.executable, "-c", OWNER, str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"locked\n"
        yield child
        child.kill()


def test_a_folder_holds_a_run_when_it_holds_a_recipe(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert not run.exists()
    assert run.metrics.read() == []
    assert run.checkpoints.newest() is None
    assert not run.path.exists(), "looking creates nothing"
    assert run_in(tmp_path / "run").exists()


def test_a_second_process_is_told_who_trains_and_a_killed_one_does_not_block(tmp_path, owner):
    run = RunFolder(tmp_path / "run")
    with pytest.raises(GanatomyError, match=rf"^.*run is in use by process {owner.pid}\.$"), run.lock():
        pass
    with pytest.raises(GanatomyError, match="is in use"):
        run.move_aside()
    owner.kill()
    owner.wait()
    with run.lock():
        assert (run.path / ".lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_ends_with_its_block_even_after_an_error(tmp_path):
    run = RunFolder(tmp_path)
    with pytest.raises(ZeroDivisionError), run.lock():
        raise ZeroDivisionError
    with run.lock(), pytest.raises(GanatomyError, match=f"process {os.getpid()}"), run.lock():
        pass


def test_errors_of_the_work_under_the_lock_are_not_called_locking_errors(tmp_path):
    with pytest.raises(FileNotFoundError), RunFolder(tmp_path).lock():
        (tmp_path / "none").read_bytes()


def test_moving_aside_keeps_every_old_run(tmp_path):
    for number in (1, 2, 3):
        run = run_in(tmp_path / "run")
        write_text(run.recipe_file, f"{number}")
        assert run.move_aside() == tmp_path / f"run.{number}"
        assert not run.path.exists()
    assert [RunFolder(tmp_path / f"run.{n}").recipe_file.read_text() for n in (1, 2, 3)] == ["1", "2", "3"]
    with pytest.raises(GanatomyError, match="no such folder"):
        RunFolder(tmp_path / "run").move_aside()


def test_moving_aside_works_from_within_and_on_relative_paths(tmp_path, monkeypatch):
    run_in(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert RunFolder("run").move_aside() == Path("run.1")
    run_in(tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    assert RunFolder(".").move_aside() == tmp_path / "run.2"


def test_a_run_is_found_or_the_nearest_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_in("runs/mnist-dcgan")
    run_in("runs/faces")
    assert find_run("runs/faces").path == Path("runs/faces")
    with pytest.raises(
        GanatomyError, match=r"^runs/mnist-dcgn is not a run: there is no such folder\. Did you mean 'runs/mnist-d"
    ):
        find_run("runs/mnist-dcgn")
    with pytest.raises(GanatomyError, match="Did you mean 'runs/faces'"):
        find_run("faces")
    with pytest.raises(
        GanatomyError, match=r"runs is not a run: it holds no recipe\.yaml\. .*: runs/faces, runs/mnist-dcgan\."
    ):
        find_run("runs")
    there = tmp_path / "runs"
    with pytest.raises(GanatomyError, match=f"There are: {there}/faces, {there}/mnist-dcgan\\.$"):
        find_run(there / "face")  # each once, and as it was asked for
    run_in("studies/modes/runs/dcgan")
    with pytest.raises(GanatomyError, match=r"There are: .*studies/modes/runs/dcgan"):
        find_run("studies/modes")
    monkeypatch.chdir("/")
    with pytest.raises(GanatomyError, match=r"there is no such folder\. No run lies near it, and none in runs/\.$"):
        find_run(tmp_path / "nowhere" / "x")
