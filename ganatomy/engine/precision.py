"""The device to compute on, and the precision to compute in."""

import contextlib

import torch

from ganatomy.core.errors import GanatomyError, near
from ganatomy.core.recipe import Precision


def find_device(name: str = "auto") -> torch.device:
    """A device by name; "auto" is a GPU if there is one. Raises GanatomyError for one that does not exist."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kinds = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = name.split(":")[0]
    if kind not in kinds:
        raise GanatomyError(f"No device called '{name}'. {near(name, ['auto', *kinds])}")
    if not kinds[kind]:
        usable = ", ".join(k for k, there in kinds.items() if there)
        raise GanatomyError(f"This machine or this torch has no {kind} device; there is: {usable}.")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise GanatomyError(f"'{name}' is not a device; write {kind}, or {kind}:0.") from None
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise GanatomyError(f"There is no {name}: this machine has {torch.cuda.device_count()} GPUs, counted from 0.")
    return device


def wait_for(device: torch.device) -> None:
    """Block until the device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def native_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16 matrix products, so that autocast makes it faster."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    return False


def resolved(precision: Precision, device: torch.device) -> Precision:
    """The precision that "auto" means on this device, or the one asked for. Raises GanatomyError if it has none."""
    if precision == "float64" and device.type == "mps":
        raise GanatomyError("Apple's GPUs have no float64: take precision=float32, or --device cpu.")
    if precision == "auto":
        return "bfloat16" if native_bfloat16(device) else "float32"
    return precision


def autocast(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context in which loss terms are computed."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def weights_dtype(precision: Precision) -> torch.dtype:
    """The type of weights and optimizer state: float32, also under bfloat16 autocast."""
    return torch.float64 if precision == "float64" else torch.float32


def widest(device: torch.device) -> torch.dtype:
    """The widest floating-point type of a device, in which figures are averaged; Apple's GPUs have no float64.

    >>> widest(torch.device("cpu")), widest(torch.device("mps"))
    (torch.float64, torch.float32)
    """
    return torch.float32 if device.type == "mps" else torch.float64


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in RAM."""
    text = str(error).lower()
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "out of memory" in text
        or "can't allocate memory" in text
    )
