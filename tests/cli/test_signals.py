"""What a signal leaves of a command: nothing half-written, one line, its exit code."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Started, program, started

SIGNALS = [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "Terminated.\n")]


def held_up(at: str, *words: str) -> None:
    """The program, which says when it has come to a place, and stays there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it

    def stay(*_: object) -> None:
        print("held up", flush=True)
        time.sleep(60)

    pytest.MonkeyPatch().setattr(at, stay)
    program(*words)


def until_held_up(child: Started) -> None:
    end = time.monotonic() + 60
    while "held up" not in child.out():
        assert child.alive() and time.monotonic() < end, child.ended()
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code", "told"), SIGNALS)
@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("sample RUN -n 5 --out made", "ganatomy.experiments.writing._write_manifest"),
        ("evaluate RUN --metrics fid --extractor random -n 20", "ganatomy.metrics.extractors.Random.look"),
        (
            "evaluate --real digits --fake digits --metrics fid --extractor random",
            "ganatomy.experiments.comparing.measure",
        ),
        ("stats digits --out made.npz --extractor random", "os.replace"),
        ("train digits-dcgan --out made", "os.replace"),
    ],
)
def test_a_signal_leaves_nothing_half_written(
    copied: Callable[[], Path],
    packed_digits: None,
    tmp_path: Path,
    cache: Path,
    words: str,
    at: str,
    number: int,
    code: int,
    told: str,
) -> None:
    run, made = copied(), tmp_path / "made"
    before = {path: path.read_bytes() for path in run.rglob("*.jsonl")}
    named = {"RUN": str(run), "made": str(made), "made.npz": f"{made}.npz"}
    with started(tmp_path / "said", held_up, at, *(named.get(word, word) for word in words.split())) as child:
        until_held_up(child)
        child.signal(number)
        said = child.ended(30)
    assert (said.code, said.err) == (code, told)
    assert {path: path.read_bytes() for path in run.rglob("*.jsonl")} == before
    written = [path.name for path in tmp_path.iterdir() if path.name not in ("copied", "said")]
    assert written in ([], ["made"] if words.startswith("train") else [])
    assert not [path for place in (tmp_path, cache) for path in place.rglob("*.tmp")]
