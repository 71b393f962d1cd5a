"""Exact resume: a run that was killed and continued equals one that never stopped, bit by bit."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import ganatomy
from ganatomy.core.observer import Moment, Observer
from ganatomy.runs import checkpoints
from tests.processes import started

BATCH, ROUNDS = 8, 60
SETTINGS = (
    *("batch=8", "players.G.channels=16,8", "players.D.channels=8,16", "players.D.noise=0.02"),
    *("watch.log=64", "watch.checkpoint=80", "watch.grid=240", "watch.tensorboard=false"),
    *("scores.count=100", "precision=bfloat16"),
)


class Killer(Observer):
    """Kills this process after a round."""

    def __init__(self, round: int) -> None:
        self.round = round

    def after_round(self, moment: Moment) -> None:
        if moment.round == self.round:
            os.kill(os.getpid(), signal.SIGKILL)


def training(out: Path, score: int, images: int, at: int, in_sync: int) -> None:
    """`in_sync`: the so-manieth file that is to reach the disk never does."""
    sync, left = checkpoints.sync_file, in_sync

    def dying(path: Path) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(path)

    checkpoints.sync_file = dying
    ganatomy.train("digits-dcgan", *SETTINGS, f"watch.score={score}", images=images, out=out, show=Killer(at))


def train(out: Path, *, score: int = 0, images: int = BATCH * ROUNDS, at: int = 0, in_sync: int = 0) -> int:
    said = started(out.with_name(f"{out.name}-said"), training, out, score, images, at, in_sync).ended()
    assert said.code in (0, -signal.SIGKILL), said.err
    return said.code


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
    assert train(out, score=160, at=27) == -signal.SIGKILL
    assert train(out, score=160, in_sync=2) == -signal.SIGKILL
    assert train(out, score=160, at=47) == -signal.SIGKILL
    assert train(out, score=160) == 0
    assert_same_run(straight, out)
    rounds = [row["round"] for row in losses(out)]
    assert rounds == sorted(set(rounds)), "a line is double"
    scored = [json.loads(line)["round"] for line in (out / "scores.jsonl").read_text().splitlines()]
    assert scored == [20, 40, 60]


def test_a_longer_budget_continues_as_if_it_had_been_asked_for_at_once(straight: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train(out, images=BATCH * 23) == 0
    assert train(out) == 0
    first, second = newest(straight), newest(out)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert losses(straight) == losses(out)
