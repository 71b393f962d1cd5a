"""What happens to every image before D sees it, real or generated, so that G learns nothing of it.

Each is differentiable in the image, and draws its parameters from the turn's keyed randomness.
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
    """Images x: [N, C, H, W] in [-1, 1] to images of the same shape; `which` tells apart what one turn augments."""

    @abstractmethod
    def forward(self, x: Tensor, play: Play, which: str) -> Tensor: ...

    def learn(self, real_scores: Tensor, play: Play) -> None:
        """Hear what D says of real images, [N], positive for real; once per turn of D. Most do not care."""


@part
class DiffAugment(Augment):
    """Zhao et al. (2020), "Differentiable augmentation for data-efficient GAN training", arXiv:2006.10738.

    color: brightness by up to 0.5, saturation by 0 to 2, contrast by 0.5 to 1.5; translation: by up to an eighth of the
    size, zeros moved in; cutout: a square of half the size becomes zero.
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
    """Karras et al. (2020), "Training GANs with limited data" (ADA), arXiv:2006.06676, on DiffAugment's changes.

    Each change happens to an image with probability p. Where D's scores of training images are positive more often
    than `target` says, r = E[sign(D(real))], it overfits, and p rises; else it falls, by 1 in `images` real images. p
    is state: it is saved with the run; it moves once a turn.
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
    """Sonderby et al. (2017), arXiv:1610.04490, section 3.3; Arjovsky and Bottou (2017): N(0, sigma) on every pixel.

    sigma falls linearly to zero at `until` images shown; None keeps it.
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
    """Brightness, saturation, contrast, in this order."""
    brightness, saturation, contrast = play.draws.uniform(which, 3, 1, 1, 1).to(x.dtype).unbind(1)
    x = x + (brightness - 0.5)
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * (2 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def translation(x: Tensor, play: Play, which: str) -> Tensor:
    reach = (int(x.shape[2] / 8 + 0.5), int(x.shape[3] / 8 + 0.5))  # as theirs: round takes 2.5 to 2
    steps = [play.draws.integers(f"{which} {axis}", 2 * r + 1) - r for axis, r in enumerate(reach)]
    return shifted(x, torch.stack(steps, 1), reach)


def cutout(x: Tensor, play: Play, which: str) -> Tensor:
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
    """Images mirrored left to right where it is true; where: [N]."""
    return torch.where(where[:, None, None, None], x.flip(3), x)


def shifted(x: Tensor, by: Tensor, reach: tuple[int, int]) -> Tensor:
    """Images moved down and right by whole pixels, zeros moved in; by: [N, 2], no further than `reach` either way."""
    height, width = x.shape[2:]
    padded = pad(x, (reach[1], reach[1], reach[0], reach[0]))
    rows = torch.arange(height, device=x.device)[None] + reach[0] - by[:, :1]
    columns = torch.arange(width, device=x.device)[None] + reach[1] - by[:, 1:]
    images = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
