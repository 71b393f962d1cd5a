"""Fully connected players, as in Goodfellow et al. (2014), "Generative adversarial nets", arXiv:1406.2661."""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.prior import Distribution, Prior
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.networks.layers import (
    Activation,
    Dropout,
    Normalization,
    OneHot,
    activation,
    asked,
    needs_labels,
    normalization,
    scaled,
)

Probability = Annotated[float, Field(ge=0, lt=1)]


@part
class MLPGenerator(Generator):
    """Latents [N, latent] (and classes [N]) to images [N, C, H, W] in [-1, 1]."""

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        latent: PositiveInt = 100,
        prior: Distribution = "normal",
        hidden: tuple[PositiveInt, ...] = (256, 512, 1024),
        activation: Activation = "leaky",
        normalization: Normalization = "none",
        conditional: bool = False,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.shape = Shape(*shape)
        self.prior = Prior(latent, prior)
        self.classes = needs_labels("MLPGenerator", classes) if conditional else None
        self.label = OneHot(self.classes) if self.classes else None
        sizes = [latent + (self.classes or 0), *(scaled(h, width) for h in hidden)]
        self.body = hidden_layers(sizes, activation, normalization)
        self.picture = nn.Linear(sizes[-1], self.shape.numbers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.label is not None:
            z = torch.cat([z, self.label(asked(y))], dim=1)
        return torch.tanh(self.picture(self.body(z))).unflatten(1, self.shape)


@part
class MLPDiscriminator(Discriminator):
    """Images [N, C, H, W] in [-1, 1] (and classes [N]) to scores [N]; positive means real."""

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        hidden: tuple[PositiveInt, ...] = (512, 256),
        activation: Activation = "leaky",
        normalization: Normalization = "none",
        dropout: Probability = 0.0,
        conditional: bool = False,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.classes = needs_labels("MLPDiscriminator", classes) if conditional else None
        self.label = OneHot(self.classes) if self.classes else None
        sizes = [Shape(*shape).numbers + (self.classes or 0), *(scaled(h, width) for h in hidden)]
        self.body = hidden_layers(sizes, activation, normalization, dropout)
        self.score = nn.Linear(sizes[-1], 1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        x = x.flatten(1)
        if self.label is not None:
            x = torch.cat([x, self.label(asked(y))], dim=1)
        return self.score(self.body(x)).squeeze(1)


def hidden_layers(sizes: list[int], kind: Activation, norm: Normalization, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [
            nn.Linear(before, after, bias=norm == "none"),
            normalization(norm, after, dimensions=1),
            activation(kind),
        ]
        if dropout:
            layers.append(Dropout(dropout))
    return nn.Sequential(*layers)
