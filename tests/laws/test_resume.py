"""Exact resume: a run that was killed and continued equals one that never stopped, bit by bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

BATCH, ROUNDS = 8, 400
TRAIN = """
import os, signal, sys
import torch
torch.set_num_threads(1)
import ganatomy
from ganatomy.core.observer import Observer
out, images, score, kill = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]

class Killer(Observer):
    def after_round(self, moment):
        if kill.isdigit() and moment.round == int(kill):
            os.kill(os.getpid(), signal.SIGKILL)

if kill.startswith("write"):
    from ganatomy.runs import checkpoints
    sync, left = checkpoints.sync_file, [int(kill[5:])]
    def dying(path):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(path)
    checkpoints.sync_file = dying

ganatomy.train(
    "digits-dcgan", "batch=8", "players.G.channels=16,8", "players.D.channels=8,16", "players.D.noise=0.02",
    "watch.log=64", "watch.checkpoint=400", "watch.grid=1600", f"watch.score={score}",
    "watch.tensorboard=false", "scores.count=100", "precision=bfloat16", images=images, out=out, show=Killer(),
)
"""


def train(out: Path, *, score: int = 0, kill: str = "no", images: int = BATCH * ROUNDS) -> int:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(out), str(images), str(score), kill],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(done.stderr)
    return done.returncode


def losses(out: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def newest(out: Path) -> dict[str, torch.Tensor]:
    return load_file(max((out / "checkpoints").glob("round-*")) / "tensors.safetensors")


def assert_same_run(a: Path, b: Path) -> None:
    assert losses(a) == losses(b)
    first, second = newest(a), newest(b)
    assert first.keys() == second.keys()
    assert {name.split(".")[0] for name in first} == {"game", "average", "optimizer"}
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    pictures = sorted(path.name for path in (a / "samples").iterdir())
    assert pictures == sorted(path.name for path in (b / "samples").iterdir())
    for name in pictures:
        assert (a / "samples" / name).read_bytes() == (b / "samples" / name).read_bytes(), name


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("straight") / "run"
    assert train(out) == 0
    return out


def test_a_run_killed_three_times_ends_as_one_that_never_stopped(straight: Path, tmp_path: Path) -> None:
    """SIGKILL at two seeded rounds and inside a checkpoint's write, with scoring switched on besides."""
    out = tmp_path / "run"
    assert train(out, score=800, kill="137") == -signal.SIGKILL
    assert train(out, score=800, kill="write2") == -signal.SIGKILL
    assert train(out, score=800, kill="311") == -signal.SIGKILL
    assert train(out, score=800) == 0
    assert_same_run(straight, out)
    rounds = [row["round"] for row in losses(out)]
    assert rounds == sorted(set(rounds)), "a line is double"
    scored = [json.loads(line)["round"] for line in (out / "scores.jsonl").read_text().splitlines()]
    assert scored == [100, 200, 300, 400]


def test_a_longer_budget_continues_as_if_it_had_been_asked_for_at_once(straight: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(out, images=BATCH * 123) == 0
    assert train(out) == 0
    first, second = newest(straight), newest(out)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert losses(straight) == losses(out)
