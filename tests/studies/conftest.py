"""What tests of studies share."""

from collections.abc import Callable
from typing import Any

import pytest

Dies = Callable[[Any, str, int], list[int]]


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
