"""Counter-based randomness: a draw depends on its key alone, never on the draws before it.

Nothing about the past is needed to draw the next batch, so resuming is exact, evaluation cannot disturb training, and
the number of processes does not change what is drawn. The bits are Philox's (Salmon et al., 2011, "Parallel random
numbers: as easy as 1, 2, 3"), as NumPy has it, keyed by a hash of the draw's address.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Key = tuple[int | str, ...]
CPU = torch.device("cpu")


def key_bits(key: Key, bits: int = 128) -> int:
    """A key hashed to a number: the same on every machine and in every process."""
    text = "\x1f".join(f"{'str' if isinstance(part, str) else 'int'}:{part}" for part in key)
    digest = hashlib.blake2b(text.encode(), digest_size=bits // 8).digest()
    return int.from_bytes(digest, "little")


def keyed(*key: int | str) -> np.random.Generator:
    """The NumPy random generator of a key.

    >>> keyed(0, "z").random() == keyed(0, "z").random()
    True
    """
    return np.random.Generator(np.random.Philox(key=key_bits(key)))


def reseed_default_generator(*key: int | str) -> None:
    """Seed torch's default generators, of all devices, by a key: dropout and noise layers draw from them."""
    torch.manual_seed(key_bits(key, 64) >> 1)


@dataclass(frozen=True)
class Draws:
    """The random numbers of one turn for a micro-batch.

    They are drawn on the CPU for the global batch, of which each process and micro-batch takes its `rows`. So they
    do not depend on how many processes or micro-batches there are.

    key: seed, round, turn, repetition; a `purpose` is added for each kind of number. total: images in the global batch.
    """

    key: Key
    rows: slice
    total: int
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    @property
    def count(self) -> int:
        """Images in the micro-batch."""
        return self.rows.stop - self.rows.start

    def normal(self, purpose: str, *shape: int) -> Tensor:
        """Standard normal: [rows, *shape]."""
        return self.take(Drawing("normal", purpose, shape)).to(self.dtype)

    def uniform(self, purpose: str, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform on [low, high): [rows, *shape]."""
        return self.take(Drawing("uniform", purpose, shape)).to(self.dtype) * (high - low) + low

    def integers(self, purpose: str, below: int, *shape: int) -> Tensor:
        """Uniform on 0, ..., below - 1, int64: [rows, *shape]."""
        return self.take(Drawing("integers", purpose, shape, below))

    def take(self, drawing: "Drawing") -> Tensor:
        """The numbers of these rows [rows, ...] on the device, float32 or int64."""
        return on_device(self.numbers(drawing), self.device)

    def numbers(self, drawing: "Drawing") -> np.ndarray:
        """The same on the host, as an array."""
        drawn = drawing.by(keyed(*self.key, drawing.purpose), self.total)
        return np.ascontiguousarray(drawn[self.rows])


@dataclass(frozen=True)
class Drawing:
    """A request for random numbers: how many for each image (`shape`), of which distribution, for which purpose."""

    kind: Literal["normal", "uniform", "integers"]
    purpose: str
    shape: tuple[int, ...]
    below: int = 0  # of integers

    def by(self, generator: np.random.Generator, total: int) -> np.ndarray:
        """The numbers of the global batch [total, *shape]."""
        size = (total, *self.shape)
        if self.kind == "integers":
            return generator.integers(self.below, size=size)
        draw = generator.standard_normal if self.kind == "normal" else generator.random
        return draw(size, dtype=np.float32)


def on_device(numbers: np.ndarray, device: torch.device) -> Tensor:
    """An array as a tensor on the device. A GPU copies it from pinned memory, so that the host does not wait for it."""
    tensor = torch.from_numpy(numbers)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
