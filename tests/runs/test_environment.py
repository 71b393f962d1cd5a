"""What a run was made with."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ganatomy.runs import environment as room
from ganatomy.runs.environment import checkout, environment

ROOT = Path(__file__).parents[2]


def git(folder, *arguments):
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_environment_is_json_and_names_what_made_the_run():
    found = json.loads(json.dumps(environment(["ganatomy", "train", "my gan"]), allow_nan=False))
    assert found["command"] == "ganatomy train 'my gan'"
    assert found["packages"]["torch"]
    assert found["packages"]["numpy"]
    assert found["python"].startswith("3.")
    assert found["cpu"]["threads"] >= found["cpu"]["usable_threads"] >= 1


def test_the_commit_is_that_of_a_tracked_file_only(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("1")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-m", "x", "--no-verify")
    (tmp_path / "b.py").write_text("1")
    assert len(checkout(tmp_path / "a.py")["commit"]) == 40
    assert checkout(tmp_path / "a.py")["changed"] is False
    assert checkout(tmp_path / "b.py") == {"commit": None, "changed": None}
    (tmp_path / "a.py").write_text("2")
    assert checkout(tmp_path / "a.py")["changed"] is True


@pytest.mark.parametrize("failure", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 5)])
def test_a_missing_or_hanging_git_stops_nothing(monkeypatch, failure):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(room.subprocess, "run", fail)
    assert environment(["x"])["ganatomy"]["commit"] is None


def test_neither_runs_nor_report_bring_in_torch():
    rooms = "ganatomy.runs.folder, ganatomy.runs.environment, ganatomy.report.grid, ganatomy.report.curves"
    code = f"import sys, {rooms}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
