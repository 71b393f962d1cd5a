"""BiGAN's encoder and joint discriminator (Donahue et al., 2017, arXiv:1605.09782)."""

import math
from itertools import pairwise
from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from ganatomy.core.players import Encoder, PairDiscriminator
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.networks.convolution import Conv2d
from ganatomy.networks.layers import LEAK, Activation, Dropout, Maps, activation, initialize_normal, scaled
from ganatomy.networks.mlp import Probability
from ganatomy.networks.normalization import Normalization, normalization

WithoutReference = Literal["batch", "instance", "layer", "none"]


def strided(
    shape: Shape, channels: tuple[int, ...], norm: Normalization, kind: Activation, dropout: float = 0.0
) -> tuple[nn.Sequential, int]:
    """Convolutions, one per entry of `channels`, and the size of their flattened output.

    4x4 with stride 2 while the picture is larger than 4 pixels, then 3x3; normalization after all but the first.
    """
    size, layers = [shape.height, shape.width], list[nn.Module]()
    for i, (before, after) in enumerate(pairwise((shape.channels, *channels))):
        halves = min(size) > 4
        own: Normalization = "none" if i == 0 else norm
        layers.append(Conv2d(before, after, 4 if halves else 3, 2 if halves else 1, 1, bias=own == "none"))
        size = [(s - 2) // 2 + 1 if halves else s for s in size]
        layers += [normalization(own, after), activation(kind)]
        if dropout:
            layers.append(Dropout(dropout))
    return nn.Sequential(*layers), channels[-1] * math.prod(size)


@part
class ConvEncoder(Encoder):
    """BiGAN's E: images [N, C, H, W] in [-1, 1] to latents [N, latent].

    A convolution with that many output maps for each entry of `channels`, and a linear layer.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        latent: PositiveInt = 100,
        channels: Maps = (64, 128, 256, 256),
        normalization: WithoutReference = "batch",
        activation: Activation = "relu",
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.size, maps = latent, tuple(scaled(c, width) for c in channels)
        self.body, numbers = strided(Shape(*shape), maps, normalization, activation)
        self.latent = nn.Linear(numbers, latent)
        initialize_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.latent(self.body(x).flatten(1))


@part
class JointDiscriminator(PairDiscriminator):
    """BiGAN's D: images [N, C, H, W] and latents [N, latent] to scores [N], high for pairs (x, E(x)).

    Images pass convolutions (`channels`), latents two linear layers of `hidden` units; both together then pass two more
    of them. `dropout` follows every layer.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        latent: PositiveInt = 100,
        channels: Maps = (64, 128, 256),
        hidden: PositiveInt = 512,
        normalization: WithoutReference = "batch",
        dropout: Probability = 0.25,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.size, maps, hidden = latent, tuple(scaled(c, width) for c in channels), scaled(hidden, width)
        self.of_image, numbers = strided(Shape(*shape), maps, normalization, "leaky", dropout)
        self.of_latent = dense((latent, hidden, hidden), dropout)
        self.joint = dense((numbers + hidden, hidden, hidden), dropout)
        self.score = nn.Linear(hidden, 1)
        initialize_normal(self)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        both = torch.cat([self.of_image(x).flatten(1), self.of_latent(z)], dim=1)
        return self.score(self.joint(both)).squeeze(1)


def dense(sizes: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Linear layers with leaky ReLU and dropout, one for each pair of `sizes`."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(LEAK, inplace=True)]
        if dropout:
            layers.append(Dropout(dropout))
    return nn.Sequential(*layers)
