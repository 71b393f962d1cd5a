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
from ganatomy.networks.conditioning import Head, asked, auxiliary_head, label_input, needs_labels
from ganatomy.networks.layers import Activation, Dropout, activation, scaled
from ganatomy.networks.normalization import OfVectors, Reference, normalization

REFERENCE_SEED = 0x5EF  # of the latents in virtual batch norm's reference batch
Probability = Annotated[float, Field(ge=0, lt=1)]


@part
class MLPGenerator(Generator):
    """Fully connected G: latents z [N, latent], and classes [N] where conditional, to images [N, C, H, W] in [-1, 1].

    latent, prior: the size of z and its distribution.
    hidden: units of each hidden layer; `normalization` and `activation` follow each.
    reference: size of the reference batch of virtual batch norm.
    conditional: whether the class is concatenated to z, one-hot or as an `embedding` of that size.
    width: a factor on all hidden units.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        latent: PositiveInt = 100,
        prior: Distribution = "normal",
        hidden: tuple[PositiveInt, ...] = (256, 512, 1024),
        activation: Activation = "leaky",
        normalization: OfVectors = "none",
        reference: PositiveInt = 64,
        conditional: bool = False,
        embedding: PositiveInt | None = None,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.shape = Shape(*shape)
        self.prior = Prior(latent, prior)
        self.classes = needs_labels("MLPGenerator", classes) if conditional else None
        self.label = label_input(self.classes, embedding) if self.classes else None
        sizes = [latent + (self.label.size if self.label else 0), *(scaled(h, width) for h in hidden)]
        self.reference = latent_reference(self.prior, reference, self.classes) if normalization == "virtual" else None
        self.body = hidden_layers(sizes, activation, normalization, reference=reference)
        self.picture = nn.Linear(sizes[-1], self.shape.numbers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.reference is not None:
            z, y = self.reference.before(z, y)
        if self.label is not None:
            z = torch.cat([z, self.label(asked(y))], dim=1)
        h = self.body(z)
        if self.reference is not None:
            h = h[len(self.reference) :]
        return torch.tanh(self.picture(h)).unflatten(1, self.shape)


@part
class MLPDiscriminator(Discriminator):
    """Fully connected D: images [N, C, H, W] in [-1, 1], and classes [N] where conditional, to scores [N].

    hidden: units of each hidden layer; `normalization`, `activation` and `dropout` follow each.
    reference: size of the reference batch of virtual batch norm.
    conditional: whether the class is concatenated to the pixels, one-hot or as an `embedding` of that size.
    auxiliary: a head `classify` that predicts the class, for ACGAN.
    width: a factor on all hidden units.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        hidden: tuple[PositiveInt, ...] = (512, 256),
        activation: Activation = "leaky",
        normalization: OfVectors = "none",
        reference: PositiveInt = 64,
        dropout: Probability = 0.0,
        conditional: bool = False,
        embedding: PositiveInt | None = None,
        auxiliary: Head = "none",
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.classes = needs_labels("MLPDiscriminator", classes) if conditional else None
        self.label = label_input(self.classes, embedding) if self.classes else None
        shape = Shape(*shape)
        sizes = [shape.numbers + (self.label.size if self.label else 0), *(scaled(h, width) for h in hidden)]
        self.reference = Reference(torch.zeros(reference, *shape)) if normalization == "virtual" else None
        self.body = hidden_layers(sizes, activation, normalization, dropout, reference)
        self.score = nn.Linear(sizes[-1], 1)
        self.classify = auxiliary_head(auxiliary, classes, sizes[-1])

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if self.reference is not None:
            x, y = self.reference.before(x, y)
        x = x.flatten(1)
        if self.label is not None:
            x = torch.cat([x, self.label(asked(y))], dim=1)
        h = self.body(x)
        return h if self.reference is None else h[len(self.reference) :]

    def scored(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        return self.score(features).squeeze(1)


def hidden_layers(
    sizes: list[int], kind: Activation, norm: OfVectors, dropout: float = 0.0, reference: int = 0
) -> nn.Sequential:
    """Linear, normalization, activation and dropout, once for each pair of `sizes`."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [
            nn.Linear(before, after, bias=norm == "none"),
            normalization(norm, after, 1, reference),
            activation(kind),
        ]
        if dropout:
            layers.append(Dropout(dropout))
    return nn.Sequential(*layers)


def latent_reference(prior: Prior, count: int, classes: int | None) -> Reference:
    """A generator's reference batch: latents of a seed of its own, and the classes in turn."""
    return Reference(prior.sample(REFERENCE_SEED, 0, count), torch.arange(count) % (classes or 1))
