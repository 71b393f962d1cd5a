"""What the tests of data share."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "data: needs the real images in $GANATOMY_DATA or ../shared/data")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's cache, or starts from another test's."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GANATOMY_CACHE", str(cache))
    return cache


@pytest.fixture
def real_data() -> Path:
    folder = Path(os.environ.get("GANATOMY_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the real images are not here")
    return folder


@pytest.fixture
def digits_like() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """images [50, 8, 6], labels [50] of five classes in no order."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (50, 8, 6), dtype=np.uint8), generator.permutation(np.arange(50) % 5)
