"""Communication between the processes of a training; with one process every call does nothing.

Several are started by `torchrun`, which puts RANK, WORLD_SIZE, LOCAL_RANK and MASTER_ADDR into the environment. Every
function here that communicates must be called by all processes in the same order.
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

PATIENCE = timedelta(hours=12)  # one may be packing data or training a judge; if one dies, torchrun stops the others

T = TypeVar("T")
_alone = False


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if _in_a_group() else 0


def world() -> int:
    """The number of processes."""
    return dist.get_world_size() if _in_a_group() else 1


def leads() -> bool:
    """Whether this process prints and writes for all; known from the environment, before processes are connected."""
    return int(os.environ.get("RANK", "0")) == 0


def restarted() -> bool:
    """Whether torchrun restarted these processes, with the same command, after one failed."""
    return bool(largest(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))))


def local_rank() -> int:
    """This process's number among those of its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def together(find_device: Callable[[], torch.device]) -> Iterator[torch.device]:
    """Connect the processes that torchrun started, if it did, until the context ends. Yields this process's device.

    Each process of a machine gets a GPU of its own, and NCCL connects them; on CPUs gloo does.
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
    """Within the context this process acts as the only one: nothing is communicated."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


@contextmanager
def first_alone() -> Iterator[None]:
    """Run the context first on one process of each machine and then on the others, which find its result in the cache.

    A GanatomyError on one of them is raised on all.
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
    """Raise a GanatomyError that one process has on all of them."""
    told = everyones(None if error is None else str(error))
    if error is not None:
        raise error
    for number, text in enumerate(told):
        if text is not None:
            raise GanatomyError(f"Process {number} of {len(told)}: {text}")


def wait() -> None:
    """Wait for all processes."""
    if world() > 1:
        dist.barrier()


def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, with one all-reduce per dtype."""
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
    """The maximum of a number over the processes. Waits for the device."""
    if world() == 1:
        return number
    told = torch.tensor(number, device=_device())
    dist.all_reduce(told, op=dist.ReduceOp.MAX)
    return int(told)


def gather(rows: Tensor) -> Tensor:
    """The rows [n, ...] of all processes in the order of ranks, n differing: [sum of n, ...], on the CPU."""
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
    """An object of every process, in the order of ranks."""
    if world() == 1:
        return [own]
    found: list[Any] = [None] * world()
    dist.all_gather_object(found, own)
    return found


def share(count: int, of: int = 1) -> range:
    """This process's part of range(count): consecutive, in the order of ranks, in whole blocks of `of`."""
    blocks = -(-count // of)
    begin, end = (blocks * i // world() * of for i in (rank(), rank() + 1))
    return range(min(begin, count), min(end, count))


def _in_a_group() -> bool:
    return not _alone and dist.is_available() and dist.is_initialized()


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")
