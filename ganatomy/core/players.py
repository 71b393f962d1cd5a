"""The kinds of players that games and studies rely on. One's own networks inherit from these."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from ganatomy.core.prior import Prior
from ganatomy.core.shape import Shape

Sides = Annotated[tuple[Literal["G", "D"], ...], Field(min_length=1)]
"""Players of a two-player game whom a rule is for: it is for somebody."""


class Generator(nn.Module):
    """Latents z [N, prior.size], and classes y [N] where it is conditional, to images [N, C, H, W] in [-1, 1]."""

    prior: Prior
    classes: int | None = None  # None: not conditional

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        raise NotImplementedError


class Discriminator(nn.Module):
    """Images x [N, C, H, W], and classes y [N] where it is conditional, to scores [N]; positive means real.

    Where the two steps are told apart, games and studies may look between them: `features` [N, d], and `scored`, which
    is linear in them. One that is asked for classes has a head `classify` of the features.
    """

    classes: int | None = None  # None: not conditional

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.scored(self.features(x, y), y)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def scored(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        raise NotImplementedError


class Encoder(nn.Module):
    """Images x [N, C, H, W] to latents [N, size], those of the generator it plays with."""

    size: int

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class PairDiscriminator(nn.Module):
    """Images x [N, C, H, W] and latents z [N, size] to scores [N]; positive means that z was encoded from x."""

    size: int

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        raise NotImplementedError


class Translator(nn.Module):
    """Images [N, C, H, W] in [-1, 1] of one domain to images of the same size of another.

    `shape` is what it is trained on; its pictures' sides must be multiples of `multiple`.
    """

    shape: Shape
    multiple: int = 1

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class PatchDiscriminator(nn.Module):
    """Images [N, C, H, W] to scores of patches [N, h, w]; positive means real."""

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError
