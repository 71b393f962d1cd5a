"""Augmentation of all images before D sees them, real and generated, so that G does not learn to produce its traces.

All are differentiable with respect to the image, and draw their parameters from the turn's keyed random numbers.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import pad

from ganatomy.core.game import Play
from ganatomy.core.registry import part
from ganatomy.objectives.turn import MeanOfTurn

Change = Literal["color", "translation", "cutout"]


def each_once(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    if len(set(changes)) < len(changes):
        raise ValueError("name each change once, for a second one would draw the numbers of the first")
    return changes


Changes = Annotated[tuple[Change, ...], Field(min_length=1), AfterValidator(each_once)]


class Augment(nn.Module, ABC):
    """Images [N, C, H, W] to images of the same shape.

    `which` names the random numbers: images augmented under one name in one turn are changed alike.
    """

    @abstractmethod
    def forward(self, x: Tensor, play: Play, which: str) -> Tensor: ...

    def learn(self, real_scores: Tensor, play: Play) -> None:
        """Adapt to D's scores of real images [N], less the loss's threshold; called in every turn of D."""


@part
class DiffAugment(Augment):
    """Zhao et al. (2020), "Differentiable augmentation for data-efficient GAN training", arXiv:2006.10738.

    changes, for each image by random amounts:
        - "color": brightness by up to 0.5 either way, saturation times 0 to 2, contrast times 0.5 to 1.5;
        - "translation": by up to an eighth of the size in each direction, with zeros moved in;
        - "cutout": a square of half the size is set to zero.
    """

    def __init__(self, *, changes: Changes = ("color", "translation", "cutout")) -> None:
        super().__init__()
        self.changes = changes

    def forward(self, x: Tensor, play: Play, which: str) -> Tensor:
        for change in self.changes:
            x = CHANGES[change](x, play, f"{which} {change}")
        return x


@part
class AdaptiveAugment(DiffAugment):
    """ADA: Karras et al. (2020), "Training GANs with limited data", arXiv:2006.06676, with DiffAugment's changes.

    Each change is applied to an image with probability p, which adapts after every turn of D: it rises while
    r_t = E[sign(D(real))] is above `target`, a sign that D overfits, and falls otherwise. p begins at 0 and is saved
    with the run.

    target: of r_t, from -1 to 1.
    images: real images in which p can move from 0 to 1.
    """

    probability: Tensor

    def __init__(
        self,
        *,
        changes: Changes = ("color", "translation", "cutout"),
        target: Annotated[float, Field(gt=-1, lt=1)] = 0.6,
        images: PositiveInt = 500_000,
    ) -> None:
        super().__init__(changes=changes)
        self.target, self.images = target, images
        self.register_buffer("probability", torch.zeros(()))
        self.sign = MeanOfTurn()

    def forward(self, x: Tensor, play: Play, which: str) -> Tensor:
        for change in self.changes:
            happens = play.draws.uniform(f"{which} {change} happens", 1, 1, 1) < self.probability
            x = torch.where(happens, CHANGES[change](x, play, f"{which} {change}"), x)
        return x

    @torch.no_grad()
    def learn(self, real_scores: Tensor, play: Play) -> None:
        play.note("augment_probability", self.probability.clone())
        sign = self.sign(real_scores.sign().mean().to(self.probability.dtype), play.draws)
        if sign is not None:
            step = play.draws.total / self.images
            self.probability.add_(torch.sign(sign - self.target) * step).clamp_(0, 1)


@part
class InstanceNoise(Augment):
    """Gaussian noise on every pixel: Sonderby et al. (2017), arXiv:1610.04490, section 3.3; Arjovsky and Bottou (2017).

    sigma: standard deviation; pixels lie in [-1, 1].
    until: real images after which it has fallen linearly to zero; None: it stays. A turn with fading noise cannot be
        captured as a CUDA graph.
    """

    def __init__(self, *, sigma: NonNegativeFloat = 0.1, until: PositiveInt | None = None) -> None:
        super().__init__()
        self.sigma, self.until = sigma, until

    def forward(self, x: Tensor, play: Play, which: str) -> Tensor:
        left = 1.0 if self.until is None else max(0.0, 1 - play.images / self.until)
        if self.sigma * left == 0:
            return x
        return x + self.sigma * left * play.draws.normal(f"{which} noise", *x.shape[1:]).to(x.dtype)


def color(x: Tensor, play: Play, which: str) -> Tensor:
    """Brightness, saturation and contrast of [N, C, H, W], in this order."""
    brightness, saturation, contrast = play.draws.uniform(which, 3, 1, 1, 1).to(x.dtype).unbind(1)
    x = x + (brightness - 0.5)
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * (2 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def translation(x: Tensor, play: Play, which: str) -> Tensor:
    """Shift [N, C, H, W] by whole pixels, up to an eighth of each side."""
    reach = (int(x.shape[2] / 8 + 0.5), int(x.shape[3] / 8 + 0.5))  # as theirs: round takes 2.5 to 2
    steps = [play.draws.integers(f"{which} {axis}", 2 * r + 1) - r for axis, r in enumerate(reach)]
    return shifted(x, torch.stack(steps, 1), reach)


def cutout(x: Tensor, play: Play, which: str) -> Tensor:
    """Zero a rectangle of half the height and half the width of [N, C, H, W]; it may lie partly outside."""
    outside = []
    for axis, size in enumerate(x.shape[2:]):
        length = int(size / 2 + 0.5)
        middle = play.draws.integers(f"{which} {axis}", size + 1 - length % 2)[:, None]
        begin = middle - length // 2
        places = torch.arange(size, device=x.device)[None]
        outside.append((places < begin) | (places >= begin + length))
    kept = outside[0][:, None, :, None] | outside[1][:, None, None, :]
    return x * kept


CHANGES = {"color": color, "translation": translation, "cutout": cutout}


def flipped(x: Tensor, where: Tensor) -> Tensor:
    """Images [N, C, H, W], mirrored left to right where `where` [N] is true."""
    return torch.where(where[:, None, None, None], x.flip(3), x)


def shifted(x: Tensor, by: Tensor, reach: tuple[int, int]) -> Tensor:
    """Images [N, C, H, W] shifted by whole pixels, with zeros moved in.

    by: [N, 2], how far down and to the right; at most `reach`, (down, right), either way.
    """
    height, width = x.shape[2:]
    padded = pad(x, (reach[1], reach[1], reach[0], reach[0]))
    rows = torch.arange(height, device=x.device)[None] + reach[0] - by[:, :1]
    columns = torch.arange(width, device=x.device)[None] + reach[1] - by[:, 1:]
    images = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
