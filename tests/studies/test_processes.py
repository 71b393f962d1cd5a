"""The study of several processes: two and one end at the same weights, but for rounding."""

import csv
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.reproduce.dcgan_representation import processes_seen
from ganatomy.runs.files import read_json
from ganatomy.studies import processes as room
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY

WORDS = ["data=digits", "recipe=digits-dcgan", "images=256"]


def test_two_processes_train_what_one_does(cache: Path, tmp_path: Path) -> None:
    players = [word for word in TINY if word.startswith("players.")]
    words = [*WORDS, f"overrides={','.join([*players, 'players.D.dropout=0'])}"]
    folder = carry_out(declared("processes", words), tmp_path / "study")
    found = read_json(folder / "result.json")["result"]
    assert 0 < found["weights_apart"] < 1e-4 and found["protocol"]["rounds_played"] >= 2
    assert 0 < found["of_the_way"] < 0.05
    with open(folder / "weights.csv") as table:
        rows = list(csv.DictReader(table))
    assert {row["tensor"].split(".")[1] for row in rows} == {"G", "D"}
    shares = [float(row["of_the_way"]) for row in rows]
    assert min(shares) < found["of_the_way"] < max(shares)
    told, held = processes_seen(found)
    assert held and "2 processes and 1" in told
    assert not processes_seen({**found, "of_the_way": 0.5})[1], "as if each saw its own half alone"


TOLD = "W1128 torchrun warns\nerror: A batch of 63 cannot be cut\nTraceback of torchrun\nit failed"


@pytest.mark.parametrize(
    ("said", "why"), [(TOLD, "A batch of 63 cannot be cut$"), ("\nKilled", "Killed$"), ("", "it said nothing$")]
)
def test_a_training_that_fails_says_why(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, why: str
) -> None:
    def launched(command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", said)

    monkeypatch.setattr(room.subprocess, "run", launched)
    with pytest.raises(GanatomyError, match=f"^Training in 1 process failed: {why}"):
        carry_out(declared("processes", WORDS), tmp_path / "study")
