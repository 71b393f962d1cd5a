"""What tests of studies share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganatomy.experiments.run import Run
from ganatomy.experiments.train import train
from ganatomy.studies.study import studies
from tests.conftest import TINY

Dies = Callable[[Any, str, int], list[int]]


def promised(name: str) -> set[str]:
    """The tables and pictures that a study's docstring names."""
    found = set(re.findall(r"[\w-]+\.(?:csv|png)", studies[name].__doc__ or ""))
    assert found
    return found


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Dies:
    """`dies(owner, name, at)`: the function is interrupted at that call, once; the list grows with every call."""

    def interrupted(owner: Any, name: str, at: int) -> list[int]:
        kept, calls = getattr(owner, name), list[int]()

        def dying(*given: Any, **how: Any) -> Any:
            calls.append(1)
            if len(calls) == at:
                raise KeyboardInterrupt
            return kept(*given, **how)

        monkeypatch.setattr(owner, name, dying)
        return calls

    return interrupted


@pytest.fixture(scope="session")
def unlabelled(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny digits-dcgan of a folder of pictures without labels, for reading only."""
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(240):
        image = draw.integers(60, size=(8, 8), dtype=np.uint8)
        image[number % 8] += 190
        Image.fromarray(image).save(folder / f"{number:03}.png")
    out = tmp_path_factory.mktemp("runs") / "unlabelled"
    return train("digits-dcgan", *TINY, "scores=none", data=folder, images=256, out=out)
