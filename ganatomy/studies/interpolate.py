"""Between two latents, and between two classes at one latent: is every step on the way an image, too?

Radford et al. (2016), arXiv:1511.06434, section 6.1; spherical interpolation after White (2016), arXiv:1609.04468.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn.functional import one_hot

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.run import load
from ganatomy.experiments.sampling import Sampler
from ganatomy.metrics.moments import Array
from ganatomy.report.charts import bars
from ganatomy.report.grid import grid
from ganatomy.studies.real import facts, spread
from ganatomy.studies.study import OfRuns, StudyFolder, study

Path = Literal["linear", "spherical"]


@study("interpolate")
@dataclass(frozen=True, kw_only=True)
class Interpolate(OfRuns):
    """Walk between `pairs` of latents in `steps` images each; of a conditional run, between classes as well.

    Writes latents.png and classes.png with a walk in each row, smoothness.csv with the smoothness of every walk, and
    smoothness.png with means and ranges.

    steps: three or more, with both ends.
    path: linear or spherical between latents; between classes it is always linear.

    The smoothness of a walk is the length of its mean step divided by that of its longest step: 1 if every step changes
    the image equally, 1 / (steps - 1) if all happens in one jump. Lengths are root mean squares of pixels in [-1, 1].
    """

    pairs: PositiveInt = 8
    steps: PositiveInt = 10
    path: Path = "spherical"
    seed: NonNegativeInt = 0

    def check(self) -> None:
        if self.steps < 3:
            raise GanatomyError(f"steps={self.steps}: a walk has two ends and at least one step between them.")

    def carry_out(self, folder: StudyFolder) -> Mapping[str, Any]:
        run = load(self.run)
        sampler = run.sampler()
        walks = {"latents": partial(between_latents, sampler, self.pairs, self.steps, self.path, self.seed)}
        if sampler.classes is not None:
            walks["classes"] = partial(between_classes, sampler, self.pairs, self.steps, self.seed)
        smooth = {
            name: folder.step(name, partial(self._walked, folder, name, walk), draws=(f"{name}.png",))["smoothness"]
            for name, walk in walks.items()
        }
        rows = [
            {"walk": name, "pair": pair, "smoothness": value}
            for name, found in smooth.items()
            for pair, value in enumerate(found)
        ]
        folder.table("smoothness.csv", rows)
        folder.picture("smoothness.png", bars(smooth, "smoothness, 1 where every step changes as much", ".2f"))
        result = {name: {"smoothness": float(np.mean(own)), "deviation": spread(own)} for name, own in smooth.items()}
        protocol = {
            **facts(run, "G"),
            "classes": "evenly mixed, at the latent of the walk" if "classes" in walks else None,
            "smoothness": "mean step over longest step, root mean square over pixels in [-1, 1]",
            "seed": self.seed,
        }
        return {**result, "protocol": protocol}

    def _walked(self, folder: StudyFolder, name: str, walk: Callable[[], Array]) -> dict[str, Any]:
        images = walk()
        folder.picture(f"{name}.png", grid(images.reshape(-1, *images.shape[2:]), columns=self.steps))
        return {"smoothness": [smoothness(one) for one in images]}


def between(a: Tensor, b: Tensor, shares: Tensor, path: Path) -> Tensor:
    """Points on the way from a to b, both [n]: a at share 0, b at share 1 -> [len(shares), n].

    `spherical` goes along the great circle through both directions, the length changing evenly: normal latents lie near
    a sphere, and the middle of a straight line is nearer to the origin than any of them.
    """
    t = shares[:, None].to(a.dtype)
    if path == "linear":
        return (1 - t) * a + t * b
    length_a, length_b = a.norm(), b.norm()
    angle = torch.arccos((a @ b / (length_a * length_b)).clamp(-1, 1))
    if angle.sin() < 1e-6:  # one direction, or two opposite ones, between which no circle is the shortest
        return (1 - t) * a + t * b
    way = (torch.sin((1 - t) * angle) * a / length_a + torch.sin(t * angle) * b / length_b) / torch.sin(angle)
    return way * ((1 - t) * length_a + t * length_b)


def between_latents(sampler: Sampler, pairs: int, steps: int, path: Path, seed: int) -> Array:
    """uint8 [pairs, steps, H, W, C]; of a conditional generator each pair has a class."""
    shares = torch.linspace(0, 1, steps)
    ends = torch.cat([sampler.prior.sample(seed, i, i + 1) for i in range(2 * pairs)])
    z = torch.cat([between(ends[2 * i], ends[2 * i + 1], shares, path) for i in range(pairs)])
    labels = None
    if sampler.classes is not None:
        labels = torch.arange(pairs).remainder(sampler.classes).repeat_interleave(steps)
    images = sampler.at(z, labels)
    return images.reshape(pairs, steps, *images.shape[1:])


def between_classes(sampler: Sampler, pairs: int, steps: int, seed: int) -> Array:
    """uint8 [pairs, steps, H, W, C]: one latent each, from a class to the next one, the two mixed."""
    assert sampler.classes is not None
    z = torch.cat([sampler.prior.sample(seed, i, i + 1) for i in range(pairs)])
    first = torch.arange(pairs).remainder(sampler.classes)
    second = (first + 1).remainder(sampler.classes)
    from_class, to_class = (one_hot(y, sampler.classes).float() for y in (first, second))
    walks = [sampler.at(z, (1 - t) * from_class + t * to_class) for t in torch.linspace(0, 1, steps)]
    return np.stack(walks, axis=1)


def smoothness(walk: Array) -> float:
    """uint8 [steps, H, W, C]: the mean step over the longest one; 1 where nothing moves at all.

    >>> ramp = np.arange(5, dtype=np.uint8)[:, None, None, None]
    >>> smoothness(ramp), smoothness(np.array([0, 0, 0, 9, 9], np.uint8)[:, None, None, None])
    (1.0, 0.25)
    """
    moves = np.diff(walk.astype(np.float64) / 127.5, axis=0)
    lengths = np.sqrt((moves**2).reshape(len(moves), -1).mean(1))
    return float(lengths.mean() / lengths.max()) if lengths.max() > 0 else 1.0
