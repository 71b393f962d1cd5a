"""Sampling from a generator. A sample's pixels do not depend on how many are drawn, nor on what was drawn before."""

import copy
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import without_tf32
from ganatomy.core.players import Generator
from ganatomy.core.prior import Prior
from ganatomy.core.randomness import CPU
from ganatomy.data.feed import to_uint8
from ganatomy.engine.average import batch_norms, standing_statistics

CHUNK = 64  # images per forward pass; the last is padded to it, so that no pixel depends on how many were asked for
STANDING_IMAGES = 2_048  # latents from which batch-norm statistics are computed
STANDING_SEED = 0x5EED


@cache
def standing_latents(prior: Prior) -> Tensor:
    """The latents for batch-norm statistics, [STANDING_IMAGES, size]; drawn once, since they are always the same."""
    return prior.sample(STANDING_SEED, 0, STANDING_IMAGES)


class Sampler:
    """Draws samples from a frozen float32 copy of a generator, whose batch-norm statistics are recomputed."""

    def __init__(self, generator: Generator, device: torch.device = CPU, truncation: float | None = None) -> None:
        """truncation: of the latents, see `Prior.sample`.

        Batch-norm statistics are those of latents without truncation. With truncated ones, the first layer's norm would
        scale the latents back.
        """
        if truncation is not None and not truncation >= 0.02:
            raise GanatomyError(f"A truncation of {truncation} leaves no latents: 0.02 or more, such as 0.5 or 2.")
        if truncation == float("inf"):
            raise GanatomyError("A truncation of inf cuts nothing: leave it out, or say one such as 0.5 or 2.")
        if truncation is not None and truncation >= 1 and generator.prior.distribution == "uniform":
            raise GanatomyError(f"A truncation of {truncation:g} cuts nothing: these latents lie in [-1, 1); below 1.")
        self.G = copy.deepcopy(generator).to(device, torch.float32).eval().requires_grad_(False)
        self.G.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.prior, self.truncation = self.G.prior, truncation
        self.classes = self.G.classes
        self.device = device
        if batch_norms(self.G):
            with without_tf32():
                standing_statistics(self.G, self._standing_inputs())

    def tensors(self, seed: int, indices: Sequence[int], labels: Sequence[int] | None = None) -> Iterator[Tensor]:
        """Images [<= CHUNK, C, H, W] in [-1, 1], chunk by chunk, of the latents with these indices.

        labels: a class for each; by default, of a conditional generator, the index modulo the number of classes.
        """
        if labels is not None and self.classes is None:
            raise GanatomyError("This generator is not conditional: it cannot be asked for a class.")
        drawn = self._inputs(seed, indices, labels, self.truncation)
        with torch.inference_mode(), without_tf32():
            for start, inputs in zip(range(0, len(indices), CHUNK), drawn, strict=True):
                yield self.G(*inputs)[: len(indices) - start].float().cpu()

    def images(self, seed: int, indices: Sequence[int], labels: Sequence[int] | None = None) -> np.ndarray:
        """As `tensors`, all in one array, uint8 [N, H, W, C]."""
        drawn = [to_uint8(x) for x in self.tensors(seed, indices, labels)]
        return np.concatenate(drawn) if drawn else self._no_images()

    def at(self, z: Tensor, y: Tensor | None = None) -> np.ndarray:
        """Images, uint8 [N, H, W, C], of latents z [N, size] and classes y: [N], or mixtures [N, classes]."""
        if (y is None) != (self.classes is None):
            raise GanatomyError("Classes are given to a conditional generator, and to no other.")
        found = []
        with torch.inference_mode(), without_tf32():
            for start in range(0, len(z), CHUNK):
                part = [t[start : start + CHUNK].to(self.device) for t in (z, y) if t is not None]
                count = len(part[0])
                padded = [torch.cat([t, t[-1:].expand(CHUNK - count, *t.shape[1:])]) for t in part]
                found.append(to_uint8(self.G(*padded)[:count].float().cpu()))
        return np.concatenate(found) if found else self._no_images()

    def _no_images(self) -> np.ndarray:
        """uint8 [0, H, W, C]."""
        return self.images(0, range(1))[:0]

    def labels(self, indices: Sequence[int]) -> list[int] | None:
        """The default classes of these indices: index modulo number of classes; None if it is not conditional."""
        return None if self.classes is None else [index % self.classes for index in indices]

    def _standing_inputs(self) -> Iterator[tuple[Tensor, ...]]:
        for start, z in zip(range(0, STANDING_IMAGES, CHUNK), standing_latents(self.prior).split(CHUNK), strict=True):
            asked = self.labels(range(start, start + CHUNK))
            y = () if asked is None else (torch.tensor(asked, device=self.device),)
            yield z.to(self.device), *y

    def _inputs(
        self, seed: int, indices: Sequence[int], labels: Sequence[int] | None, truncation: float | None
    ) -> Iterator[tuple[Tensor, ...]]:
        asked = labels if labels is not None else self.labels(indices)
        for start in range(0, len(indices), CHUNK):
            part = list(indices[start : start + CHUNK])
            padding = [part[-1]] * (CHUNK - len(part))
            z = torch.cat([self.prior.sample(seed, index, index + 1, truncation) for index in part + padding]).to(
                self.device
            )
            if asked is None:
                yield (z,)
            else:
                y = list(asked[start : start + CHUNK])
                yield z, torch.tensor(y + [y[-1]] * len(padding), device=self.device)
