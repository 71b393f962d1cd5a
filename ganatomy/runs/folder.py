"""The folder of a run: what lies where, who may write into it, and how to find it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from ganatomy.core.errors import GanatomyError, near
from ganatomy.runs.checkpoints import Checkpoints
from ganatomy.runs.files import told
from ganatomy.runs.log import Log

LOCK = ".lock"
RUNS = Path("runs")  # where `ganatomy train` puts a run that is given no folder
LOCKED_BYTE = 1 << 30  # Windows locks bytes and hides them from others: one far behind the process id


def refuse_foreign(path: Path, what: str, *, ours: bool) -> None:
    """Raise where `what`, such as a run, cannot go: a file, or a folder of other things that does not look like `ours`.

    A folder that is new, or empty, or was locked before anything was written, will do.
    """
    if path.exists() and not path.is_dir():
        raise GanatomyError(f"{path} is a file, not a folder for {what}: choose another with --out.")
    if not ours and path.is_dir() and any(entry.name != LOCK for entry in path.iterdir()):
        raise GanatomyError(f"{path} holds other things than {what}: choose another folder with --out.")


class RunFolder:
    """A run on disk. Nothing is created or checked until something is written or read.

    >>> run = RunFolder("runs/not-yet")
    >>> run.name, run.recipe_file.name, run.exists()
    ('not-yet', 'recipe.yaml', False)
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def recipe_file(self) -> Path:
        """Everything that decided the run, after overrides."""
        return self.path / "recipe.yaml"

    @property
    def environment_file(self) -> Path:
        """Versions, hardware, commit and command."""
        return self.path / "environment.json"

    @property
    def metrics(self) -> Log:
        """A line per observation: round, images, seconds and every named term."""
        return Log(self.path / "metrics.jsonl")

    @property
    def scores(self) -> Log:
        """A line per score taken while training: scores, floor, protocol. Cut back, like `metrics`, when resuming."""
        return Log(self.path / "scores.jsonl")

    @property
    def evaluations(self) -> Log:
        """A line per evaluation of a checkpoint: scores, floor and protocol. Only ever grows."""
        return Log(self.path / "evaluations.jsonl")

    @property
    def measurements(self) -> Log:
        """A line per measurement under another extractor than the judge. Only ever grows."""
        return Log(self.path / "measurements.jsonl")

    @property
    def samples(self) -> Path:
        """A folder of pictures of the same latents, again and again."""
        return self.path / "samples"

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / "checkpoints")

    def exists(self) -> bool:
        """Whether a run is here: its recipe is."""
        return self.recipe_file.is_file()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from training here. The lock is the operating system's: it dies with its owner."""
        file = self.path / LOCK
        with told(f"Cannot lock {self.path}"):
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with told(f"Cannot lock {self.path}"):
                if not _locked(handle):
                    owner = os.read(handle, 20).decode(errors="replace").strip() or "that has just begun"
                    raise GanatomyError(f"{self.path} is in use by process {owner}.")
                if not os.path.samestat(os.fstat(handle), os.stat(file)):
                    raise GanatomyError(f"{self.path} was moved aside just now: try again.")
                os.ftruncate(handle, 0)
                os.write(handle, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(handle)  # and with it the lock

    def move_aside(self) -> Path:
        """Rename to NAME.1, or NAME.2, ...: the first that is free. Refused while a process trains here."""
        if not self.path.is_dir():
            raise GanatomyError(f"{self.path} cannot be moved aside: there is no such folder.")
        here = self.path.resolve()
        aside = next(path for path in (here.with_name(f"{here.name}.{n}") for n in count(1)) if not path.exists())
        with told(f"Cannot move {self.path} aside"):
            with self.lock():
                if os.name != "nt":
                    here.rename(aside)
            if os.name == "nt":  # which renames no folder while a file in it is open, as the lock is
                here.rename(aside)
        return self.path.parent / aside.name if self.path.name else aside


def find_run(path: Path | str) -> RunFolder:
    """The run at a path, or a GanatomyError that says what is near: beside it, in it, in its `runs/`, or in `runs/`."""
    run = RunFolder(path)
    if run.exists():
        return run
    kind = "it is a file" if run.path.is_file() else "there is no such folder"
    problem = "it holds no recipe.yaml" if run.path.is_dir() else kind
    around = [run.path.parent] if RunFolder(run.path.parent).exists() else []
    places = (RUNS, run.path.parent, run.path, run.path / RUNS)  # the last, near what was asked, tell how to call one
    options = list({found.resolve(): str(found) for place in places for found in _runs_in(place)}.values())
    options += map(str, around)
    hint = near(str(path), options) if options else "No run lies near it, and none in runs/."
    raise GanatomyError(f"{path} is not a run: {problem}. {hint}")


def _runs_in(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    with told(f"Cannot read {place}"):
        return [path for path in place.iterdir() if RunFolder(path).exists()]


def _locked(handle: int) -> bool:
    """Take the operating system's lock, or say that another has it."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(handle, LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            finally:
                os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
