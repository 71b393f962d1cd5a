"""The study of several processes: two and one end at the same weights, but for rounding."""

from pathlib import Path

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.reproduce.dcgan_representation import processes_seen
from ganatomy.runs.files import read_json
from ganatomy.studies.study import carry_out, declared
from tests.conftest import TINY

WORDS = ["data=digits", "recipe=digits-dcgan", "images=256"]


def test_two_processes_train_what_one_does(cache: Path, tmp_path: Path) -> None:
    players = [word for word in TINY if word.startswith("players.")]
    words = [*WORDS, f"overrides={','.join([*players, 'players.D.dropout=0'])}"]
    folder = carry_out(declared("processes", words), tmp_path / "study")
    found = read_json(folder / "result.json")["result"]
    assert 0 < found["weights_apart"] < 1e-4 and found["protocol"]["rounds_played"] >= 2
    told, held = processes_seen(found)
    assert held and "2 processes and 1" in told
    assert not processes_seen({**found, "weights_apart": 0.1})[1]


def test_a_training_that_fails_says_why(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(
        GanatomyError, match=r"^Training in 2 processes failed: A batch of 63 cannot be cut into 2 equal"
    ):
        carry_out(declared("processes", [*WORDS, "overrides=batch=63,players.D.dropout=0"]), tmp_path / "study")
