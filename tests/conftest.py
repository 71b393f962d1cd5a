"""What all tests share: one thread, a cache of their own, and two runs trained once in a second or two."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from PIL import Image

import ganatomy.recipes
import ganatomy.studies  # noqa: F401 (and every study)
from ganatomy.cli import main as program
from ganatomy.core.recipe import find_recipe
from ganatomy.experiments import observers
from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train

TINY = (
    "players.G.width=0.1",
    "players.D.width=0.1",
    "watch.log=128",
    "watch.grid=256",
    "watch.score=256",
    "watch.checkpoint=128",
    "watch.tensorboard=false",
    "precision=float32",
)
"""Overrides that make a digits recipe train in about a second, scored twice in 600 images."""


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


CURVES = observers.curves


def leave_curves_blank() -> None:
    """Those of a tiny run take four times as long to draw as it to train."""
    observers.curves = lambda folder: Image.new("RGB", (1, 1))


@pytest.fixture(scope="session", autouse=True)
def blank_curves() -> Iterator[None]:
    leave_curves_blank()
    yield
    observers.curves = CURVES


@contextmanager
def drawing_curves() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observers, "curves", CURVES)
        yield


@pytest.fixture(scope="session")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny digits-dcgan, for reading only; `copied` gives one to write into."""
    with drawing_curves():
        return train("digits-dcgan", *TINY, images=600, out=tmp_path_factory.mktemp("runs") / "dcgan")


@pytest.fixture(scope="session")
def conditional(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny digits-cdcgan, for reading only."""
    return train("digits-cdcgan", *TINY, images=600, out=tmp_path_factory.mktemp("runs") / "cdcgan")


@pytest.fixture
def real_data() -> Path:
    """The folder of real images; a test that wants it is skipped where it is absent."""
    folder = Path(os.environ.get("GANATOMY_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the real images are not here")
    return folder


@pytest.fixture
def copied(trained: Run, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the tiny run's folder, to be changed."""

    def copy() -> Path:
        return shutil.copytree(trained.path, tmp_path / "copied")

    return copy


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Program = Callable[..., Said]


@pytest.fixture(scope="session")
def packed_digits(cache: Path) -> None:
    """The digits are in the cache, so no progress of packing them is told."""
    find_recipe("digits-dcgan").data.build().open()


@pytest.fixture
def ganatomy_says(
    packed_digits: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Program:
    """The program, run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: object) -> Said:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["ganatomy", *map(str, words)])
        try:
            program.main()
            code = 0
        except SystemExit as exit:
            code = int(exit.code or 0)
        return Said(code, *capsys.readouterr())

    return run
