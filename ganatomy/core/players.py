"""The kinds of players that games and studies rely on. One's own networks inherit from these."""

from torch import Tensor, nn

from ganatomy.core.prior import Prior


class Generator(nn.Module):
    """Latents z [N, prior.size], and classes y [N] where it is conditional, to images [N, C, H, W] in [-1, 1]."""

    prior: Prior
    classes: int | None = None  # None: not conditional

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        raise NotImplementedError


class Discriminator(nn.Module):
    """Images x [N, C, H, W], and classes y [N] where it is conditional, to scores [N]; positive means real."""

    classes: int | None = None  # None: not conditional

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        raise NotImplementedError
