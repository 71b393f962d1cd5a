"""Processes of their own, for tests of what only a process can do: be killed, be signalled, work beside another.

Each is forked off one that has imported the package and has done nothing since, so that it is as a fresh one, without
the seconds of importing. What only a fresh one can show (what is imported, torchrun) is started as a user would.
"""

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

import torch

from ganatomy.cli.main import main
from tests.conftest import Said, leave_curves_blank

FORKED = multiprocessing.get_context("forkserver")
# torch's optimizers import dynamo when one is made
FORKED.set_forkserver_preload(["ganatomy.cli.console", "ganatomy.studies", "torch._dynamo", "pytest"])


class Started:
    """A process at work, and what it prints, in files of its folder. `with` one, it does not outlive a failed test."""

    def __init__(self, process: BaseProcess, folder: Path) -> None:
        self.process, self.folder = process, folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    def out(self) -> str:
        return (self.folder / "out").read_text()

    def err(self) -> str:
        return (self.folder / "err").read_text()

    def alive(self) -> bool:
        return self.process.is_alive()

    def signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self, seconds: float = 120) -> Said:
        """Wait for its end. The code of a killed one is the signal's number below zero."""
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            self.signal(signal.SIGKILL)
        assert code is not None, f"It did not end within {seconds} s. {self.err()}"
        return Said(code, self.out(), self.err())


def started(
    folder: Path, work: Callable[..., None], *given: Any, environment: Mapping[str, str] | None = None
) -> Started:
    """A function of a module at work in a process of its own, whose folder is for what it prints."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("out", "err"):
        (folder / name).write_bytes(b"")
    environment = dict(os.environ if environment is None else environment)
    process = FORKED.Process(target=_working, args=(work, given, folder, environment), daemon=True)
    process.start()
    return Started(process, folder)


def together(folder: Path, count: int, work: Callable[..., None], *given: Any) -> list[Said]:
    """The same in several processes, which know of each other what torchrun tells them; all at their end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [{**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    at_work = [
        started(folder / str(rank), work, *given, environment=environment) for rank, environment in enumerate(ranks)
    ]
    return [one.ended() for one in at_work]


def program(*words: object) -> None:
    """As `python -m ganatomy` does it."""
    sys.argv = ["ganatomy", *map(str, words)]
    main()


def _working(work: Callable[..., None], given: tuple[Any, ...], folder: Path, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(1)
    leave_curves_blank()
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_APPEND), number)
    work(*given)
