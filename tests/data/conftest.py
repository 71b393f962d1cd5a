"""What the tests of data share."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's cache, or starts from another test's."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GANATOMY_CACHE", str(cache))
    return cache


@pytest.fixture
def digits_like() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """images [50, 8, 6], labels [50] of five classes in no order."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (50, 8, 6), dtype=np.uint8), generator.permutation(np.arange(50) % 5)
