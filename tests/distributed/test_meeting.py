"""Processes meet those of their own attempt, whatever an earlier one left in the store."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import torch.distributed as dist

from ganatomy.core.errors import GanatomyError
from ganatomy.distributed.meeting import meet


def attempt(store: dist.Store, order: list[int], mark: bytes) -> list[bytes]:
    """Ranks come one after another; what each then reads of a key that all set to the attempt's mark."""

    def come(place: int, rank: int) -> bytes:
        time.sleep(0.04 * place)
        own = meet(store, rank, len(order), timedelta(seconds=20))
        left = own.check(["mark"]) and own.get("mark") != mark
        own.set("mark", mark)
        return b"left over" if left else own.get("mark")

    with ThreadPoolExecutor(len(order)) as threads:
        return list(threads.map(come, range(len(order)), order))


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_every_attempt_has_a_clean_store_of_its_own(order: list[int]) -> None:
    store = dist.HashStore()
    for mark in (b"first", b"second", b"third"):
        assert attempt(store, order, mark) == [mark] * 3


def test_nobody_meets_a_process_that_is_gone() -> None:
    """The second attempt's rank 1 is early and finds everything the first attempt said, its leader included."""
    store = dist.HashStore()
    attempt(store, [0, 1], b"first")
    with pytest.raises(GanatomyError, match="Process 1 of 2 waited"):
        meet(store, 1, 2, timedelta(seconds=0.2))
    with pytest.raises(GanatomyError, match="Process 0 of 2 waited"):
        meet(store, 0, 2, timedelta(seconds=0.2))
    assert attempt(store, [1, 0], b"second") == [b"second"] * 2


def test_one_process_meets_itself() -> None:
    assert meet(dist.HashStore(), 0, 1).check(["anything"]) is False
