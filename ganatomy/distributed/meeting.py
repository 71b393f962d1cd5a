"""A rendezvous for the processes of one attempt, which avoids those of an attempt that failed.

`torchrun --max-restarts` gives restarted workers the store of the attempt that died (pytorch/pytorch#135712), with the
dead workers' addresses in it. Whoever reads one of those before its owner has overwritten it waits for a dead process
for ever. Its restart count cannot tell the attempts apart: machines count for themselves.
"""

import time
import uuid
from datetime import timedelta

from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]

from ganatomy.core.errors import GanatomyError

LEADER, ALL_HERE = "leader", "all here"


def meet(store: Store, rank: int, world: int, patience: timedelta = timedelta(minutes=15)) -> Store:
    """A prefix of the store for the processes that are alive now; called once by every rank of `world`.

    Each brings a name that nobody had before. The leader says its own; the others answer it with theirs; when all have
    answered *this* leader, it says all the names, and whoever finds its own name there knows that the others live too.
    """
    name, deadline = uuid.uuid4().hex, time.monotonic() + patience.total_seconds()
    shared = PrefixStore("ganatomy", store)
    if rank == 0:
        shared.set(LEADER, name)
    while True:
        if rank == 0:
            answers = [_read(shared, _answer(other)).split() for other in range(1, world)]
            if all(answer[:1] == [name] for answer in answers):
                shared.set(ALL_HERE, " ".join([name, *(answer[1] for answer in answers)]))
                return PrefixStore(name, shared)
        else:
            names = _read(shared, ALL_HERE).split()
            if name in names:
                return PrefixStore(names[0], shared)
            if leader := _read(shared, LEADER):
                shared.set(_answer(rank), f"{leader} {name}")
        if time.monotonic() > deadline:
            raise GanatomyError(
                f"Process {rank} of {world} waited {patience.total_seconds() / 60:.0f} minutes, but the others did not "
                "all come: was one of them not started, or on another network?"
            )
        time.sleep(0.02)


def _answer(rank: int) -> str:
    return f"answer {rank}"


def _read(store: Store, key: str) -> str:
    return store.get(key).decode() if store.check([key]) else ""
