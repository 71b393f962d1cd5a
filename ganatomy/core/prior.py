"""Where latents come from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganatomy.core.randomness import Draws, keyed

Distribution = Literal["normal", "uniform"]


@dataclass(frozen=True)
class Prior:
    """Latents of `size` numbers: N(0, 1), or uniform on [-1, 1) as Radford et al. (2016) draw them."""

    size: int
    distribution: Distribution = "normal"

    def draw(self, draws: Draws, purpose: str = "z") -> Tensor:
        """z: [rows, size], of a training turn."""
        if self.distribution == "uniform":
            return draws.uniform(purpose, self.size, low=-1.0)
        return draws.normal(purpose, self.size)

    def sample(self, seed: int, start: int, stop: int) -> Tensor:
        """z: [stop - start, size]; latent i depends on (seed, i) alone."""
        return torch.from_numpy(np.stack([self._one(seed, index) for index in range(start, stop)]))

    def _one(self, seed: int, index: int) -> np.ndarray:
        generator = keyed(seed, "sample", index)
        if self.distribution == "uniform":
            return generator.random(self.size, dtype=np.float32) * 2 - 1
        return generator.standard_normal(self.size, dtype=np.float32)
