"""Tests have one thread; the estimates that budgets are divided by are of two cores."""

import pytest

from ganatomy.reproduce import reproduction


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduction, "cores", lambda: 2)
