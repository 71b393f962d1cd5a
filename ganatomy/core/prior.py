"""The distribution of the latents z."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganatomy.core.randomness import Draws, keyed

Distribution = Literal["normal", "uniform"]


@dataclass(frozen=True)
class Prior:
    """Latents of `size` numbers, independent: N(0, 1), or uniform on [-1, 1) as in Radford et al. (2016)."""

    size: int
    distribution: Distribution = "normal"

    def draw(self, draws: Draws, purpose: str = "z") -> Tensor:
        """z [rows, size] for a training turn."""
        if self.distribution == "uniform":
            return draws.uniform(purpose, self.size, low=-1.0)
        return draws.normal(purpose, self.size)

    def sample(self, seed: int, start: int, stop: int, truncation: float | None = None) -> Tensor:
        """z [stop - start, size] for sampling. Latent i depends on the seed, on i and on the truncation alone.

        truncation: numbers of larger magnitude are drawn again (Brock et al., 2019, section 3.1); the others stay.
        """
        return torch.from_numpy(np.stack([self._one(seed, index, truncation) for index in range(start, stop)]))

    def _one(self, seed: int, index: int, truncation: float | None) -> np.ndarray:
        generator = keyed(seed, "sample", index)
        z = self._numbers(generator, self.size)
        while truncation is not None and (beyond := np.abs(z) > truncation).any():
            z[beyond] = self._numbers(generator, int(beyond.sum()))
        return z

    def _numbers(self, generator: np.random.Generator, count: int) -> np.ndarray:
        if self.distribution == "uniform":
            return generator.random(count, dtype=np.float32) * 2 - 1
        return generator.standard_normal(count, dtype=np.float32)
