"""Tests have one thread; the estimates that budgets are divided by are of two cores."""

import pytest

from ganatomy.reproduce import reproduce as room


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "cores", lambda: 2)
