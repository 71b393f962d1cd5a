"""The kinds of players that games and studies rely on. One's own networks inherit from these."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from ganatomy.core.prior import Prior
from ganatomy.core.shape import Shape

Sides = Annotated[tuple[Literal["G", "D"], ...], Field(min_length=1)]
"""The players of a two-player game that a constraint or regularizer applies to; at least one."""


class Generator(nn.Module):
    """Latents z [N, prior.size], and classes y [N] where it is conditional, to images [N, C, H, W] in [-1, 1].

    prior: the distribution of z.
    classes: their number; None: not conditional.
    """

    prior: Prior
    classes: int | None = None

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        raise NotImplementedError


class Discriminator(nn.Module):
    """Images x [N, C, H, W], and classes y [N] where it is conditional, to scores [N]; a higher score means more real.

    Either override `forward`; or override `features` and `scored`, the two steps of it. Studies that use D's features
    need the latter, and so does ACGAN, which also needs a head `classify` of the features that predicts the class.

    classes: their number; None: not conditional.
    """

    classes: int | None = None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.scored(self.features(x, y), y)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """[N, d]: the output of the last hidden layer."""
        raise NotImplementedError

    def scored(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Scores [N], a linear function of the features [N, d]."""
        raise NotImplementedError


class Encoder(nn.Module):
    """Images x [N, C, H, W] to latents [N, size], of the size of its generator's."""

    size: int

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class PairDiscriminator(nn.Module):
    """Images x [N, C, H, W] and latents z [N, size] to scores [N]; a higher score means that z was encoded from x."""

    size: int

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        raise NotImplementedError


class Translator(nn.Module):
    """Images [N, C, H, W] in [-1, 1] of one domain to images of the same size in another.

    shape: of the images it is trained on.
    multiple: heights and widths must be multiples of it.
    """

    shape: Shape
    multiple: int = 1

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class PatchDiscriminator(nn.Module):
    """Images [N, C, H, W] to scores of patches [N, h, w]; a higher score means more real."""

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError
