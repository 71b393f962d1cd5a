"""One process of several: who am I, and what do we say to each other. On one process nothing changes.

Several are started by `torchrun`, which puts RANK, WORLD_SIZE, LOCAL_RANK and MASTER_ADDR into the environment. Every
function here that exchanges something must be called by all processes in the same order.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from ganatomy.core.errors import GanatomyError, one_line
from ganatomy.distributed.meeting import meet

PATIENCE = timedelta(hours=12)  # while one packs data or trains a judge; if a process dies, torchrun stops the others

T = TypeVar("T")
_alone = False


def rank() -> int:
    return dist.get_rank() if _in_a_group() else 0


def world() -> int:
    return dist.get_world_size() if _in_a_group() else 1


def leads() -> bool:
    """Whether this process speaks and writes for all; known from the environment before anyone has met."""
    return int(os.environ.get("RANK", "0")) == 0


def restarted() -> bool:
    """Whether torchrun started these processes again, with the same words, after one of them failed."""
    return bool(largest(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))))


def local_rank() -> int:
    """Which of this machine's processes this is."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def together(find_device: Callable[[], torch.device]) -> Iterator[torch.device]:
    """Meet the other processes that torchrun started, if any, and part at the end. Yields this process' device.

    The processes of a machine take its GPUs in turn, and speak by NCCL; on CPUs, by gloo.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or dist.is_initialized():
        yield find_device()
        return
    if "MASTER_ADDR" not in os.environ:
        raise GanatomyError(f"WORLD_SIZE is {count}, but there is no MASTER_ADDR: start several processes by torchrun.")
    device = find_device()
    if device.type == "cuda":
        wanted = int(os.environ.get("LOCAL_WORLD_SIZE", local_rank() + 1))
        if wanted > torch.cuda.device_count():
            raise GanatomyError(
                f"This machine has {torch.cuda.device_count()} GPUs, too few for {wanted} processes: "
                "lower --nproc-per-node."
            )
        device = torch.device("cuda", local_rank())
        torch.cuda.set_device(device)
    try:
        store, rank, world = next(iter(rendezvous("env://")))
        store = meet(store, rank, world)
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE, store=store, rank=rank, world_size=world)
    except (RuntimeError, ValueError) as error:
        raise GanatomyError(f"The {count} processes could not meet: {one_line(error)}") from None
    try:
        yield device
    finally:
        dist.destroy_process_group()


@contextmanager
def alone() -> Iterator[None]:
    """In here this process is the only one: nothing is exchanged."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


@contextmanager
def first_alone() -> Iterator[None]:
    """One process of each machine does it while the others wait; then they do, and find in a cache what it left.

    A caller's mistake that one of them meets stops them all, and is told by the one that speaks.
    """
    if world() == 1:
        yield
        return
    first = local_rank() == 0
    if not first:
        stop_together(None)
    try:
        with alone():
            yield
    except GanatomyError as error:
        stop_together(error)
    stop_together(None)
    if first:
        stop_together(None)


def stop_together(error: GanatomyError | None) -> None:
    """Raise on all processes the mistake that one of them met, if any did."""
    told = everyones(None if error is None else str(error))
    if error is not None:
        raise error
    for number, text in enumerate(told):
        if text is not None:
            raise GanatomyError(f"Process {number} of {len(told)}: {text}")


def wait() -> None:
    """Until all are here."""
    if world() > 1:
        dist.barrier()


def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in one message per dtype."""
    if world() == 1:
        return
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        by_dtype.setdefault(tensor.dtype, []).append(tensor)
    for group in by_dtype.values():
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        dist.all_reduce(flat)
        flat /= world()
        for tensor, mean in zip(group, flat.split([tensor.numel() for tensor in group]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def largest(number: int) -> int:
    """The largest of everyone's numbers."""
    if world() == 1:
        return number
    told = torch.tensor(number, device=_device())
    dist.all_reduce(told, op=dist.ReduceOp.MAX)
    return int(told)


def gather(rows: Tensor) -> Tensor:
    """Everyone's rows [n, ...], process after process, each with its own n: [sum of n, ...], on the CPU."""
    if world() == 1:
        return rows
    counts = torch.zeros(world(), dtype=torch.int64, device=_device())
    counts[rank()] = len(rows)
    dist.all_reduce(counts)
    padded = rows.new_zeros((int(counts.max()), *rows.shape[1:]), device=_device())
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(world())]
    dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts.tolist(), strict=True)]).cpu()


def everyones(own: T) -> list[T]:
    """What each process has, process after process: on all of them."""
    if world() == 1:
        return [own]
    found: list[Any] = [None] * world()
    dist.all_gather_object(found, own)
    return found


def share(count: int, of: int = 1) -> range:
    """This process' part of the numbers 0 .. count - 1: a run of whole blocks of `of`, process after process."""
    blocks = -(-count // of)
    begin, end = (blocks * i // world() * of for i in (rank(), rank() + 1))
    return range(min(begin, count), min(end, count))


def _in_a_group() -> bool:
    return not _alone and dist.is_available() and dist.is_initialized()


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")
