"""Residual players: BigGAN's (Brock et al., 2019, arXiv:1809.11096, appendix B) and SNGAN's.

With `attention=()` and `split=False` they are the ResNets of SNGAN (Miyato et al., 2018, tables 3 and 4) and of the
projection discriminator (Miyato and Koyama, 2018).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu, softmax

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.prior import Distribution, Prior
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.networks.conditioning import (
    ConditionalBatchNorm,
    Head,
    Labelled,
    Projection,
    asked,
    auxiliary_head,
    needs_labels,
    rows,
)
from ganatomy.networks.convolution import Conv2d
from ganatomy.networks.layers import Maps, scaled


@part
class BigGANGenerator(Generator):
    """BigGAN's G: latents z [N, latent], and classes [N] where conditional, to images [N, C, H, W] in [-1, 1].

    A linear layer to `channels[0]` maps at the start size; for each entry of `channels` a residual block that doubles
    the size; then batch norm, ReLU, a convolution and tanh.

    latent, prior: the size of z and its distribution.
    attention: heights in pixels after which there is self-attention.
    split: cut z into one chunk for the input and one per block, whose batch norms get gains and biases from it and from
        the class `embedding` that all blocks share. False: all of z is the input, and batch norms have gains of their
        own, one set per class where it is conditional; this is SNGAN's G.
    conditional: whether G is told the class.
    width: a factor on all channels.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        latent: PositiveInt = 80,
        prior: Distribution = "normal",
        channels: Maps = (256, 256, 256),
        attention: tuple[PositiveInt, ...] = (16,),
        embedding: PositiveInt = 128,
        split: bool = True,
        conditional: bool = False,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape, maps = Shape(*shape), [scaled(c, width) for c in channels]
        self.prior = Prior(latent, prior)
        self.classes = needs_labels("BigGANGenerator", classes) if conditional else None
        doubled = 2 ** len(maps)
        if any(size % doubled for size in shape[1:]):
            raise GanatomyError(f"BigGANGenerator: {shape} cannot be halved {len(maps)} times; change channels.")
        if split and latent % (len(maps) + 1):
            raise GanatomyError(
                f"BigGANGenerator: a latent of {latent} cannot be cut into {len(maps) + 1} chunks, one for the "
                f"input and one per block; {latent - latent % (len(maps) + 1) or len(maps) + 1} can."
            )
        self.start = (maps[0], shape.height // doubled, shape.width // doubled)
        self.chunk = latent // (len(maps) + 1) if split else latent
        self.shared = nn.Embedding(self.classes, embedding) if self.classes and split else None
        condition = self.chunk + (embedding if self.classes else 0)
        self.project = nn.Linear(self.chunk, self.start[0] * self.start[1] * self.start[2])
        self.blocks, self.attentions = nn.ModuleList(), nn.ModuleDict()
        height = self.start[1]
        for i, (before, after) in enumerate(pairwise([maps[0], *maps])):
            norms = [
                LinearBatchNorm(c, condition) if split else own_batch_norm(c, self.classes) for c in (before, after)
            ]
            self.blocks.append(UpBlock(before, after, norms))
            height *= 2
            if height in attention:
                self.attentions[str(i)] = SelfAttention(after)
        check_attention("BigGANGenerator", attention, [self.start[1] * 2 ** (i + 1) for i in range(len(maps))])
        self.norm = nn.BatchNorm2d(maps[-1])
        self.picture = Conv2d(maps[-1], shape.channels, 3, 1, 1)
        initialize_orthogonal(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        first, *chunks = z.split(self.chunk, dim=1)
        h = self.project(first).unflatten(1, self.start).contiguous(memory_format=torch.channels_last)
        of_class = [] if self.shared is None else [rows(self.shared.weight, asked(y))]
        conditions: list[Tensor | None] = [torch.cat([*of_class, chunk], dim=1) for chunk in chunks]
        conditions = conditions or [y] * len(self.blocks)  # the latent was not split
        for i, (block, condition) in enumerate(zip(self.blocks, conditions, strict=True)):
            h = block(h, condition)
            if str(i) in self.attentions:
                h = self.attentions[str(i)](h)
        return torch.tanh(self.picture(relu(self.norm(h))))


@part
class BigGANDiscriminator(Discriminator):
    """BigGAN's D: images [N, C, H, W] in [-1, 1], and classes [N] where conditional, to scores [N], high for real.

    A residual block for each entry of `channels`, ReLU, the sum over all pixels, a linear score. There is no
    normalization: give the game the constraint `SpectralNormalization`.

    halvings: how many blocks, the first ones, halve the size.
    attention: heights in pixels at which there is self-attention.
    conditional: whether the score has a projection term of the class.
    auxiliary: a head `classify` that predicts the class, for ACGAN.
    width: a factor on all channels.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        channels: Maps = (256, 256, 256, 256),
        halvings: NonNegativeInt = 2,
        attention: tuple[PositiveInt, ...] = (16,),
        conditional: bool = False,
        auxiliary: Head = "none",
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape, maps = Shape(*shape), [scaled(c, width) for c in channels]
        if halvings > len(maps):
            raise GanatomyError(f"BigGANDiscriminator: {len(maps)} blocks cannot halve {halvings} times.")
        self.classes = needs_labels("BigGANDiscriminator", classes) if conditional else None
        self.blocks, self.attentions = nn.ModuleList(), nn.ModuleDict()
        heights, height = [], shape.height
        for i, (before, after) in enumerate(pairwise([shape.channels, *maps])):
            self.blocks.append(DownBlock(before, after, halve=i < halvings, first=i == 0))
            height = height // 2 if i < halvings else height
            heights.append(height)
            if height in attention and str(heights.index(height)) not in self.attentions:
                self.attentions[str(i)] = SelfAttention(after)
        if min(shape[1:]) >> halvings < 1:
            raise GanatomyError(f"BigGANDiscriminator: {shape} cannot be halved {halvings} times.")
        check_attention("BigGANDiscriminator", attention, heights)
        self.score = nn.Linear(maps[-1], 1)
        self.projection = Projection(self.classes, maps[-1]) if self.classes else None
        self.classify = auxiliary_head(auxiliary, classes, maps[-1])
        initialize_orthogonal(self)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        for i, block in enumerate(self.blocks):
            x = block(x)
            if str(i) in self.attentions:
                x = self.attentions[str(i)](x)
        return relu(x).sum((2, 3))

    def scored(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        scores = self.score(features).squeeze(1)
        return scores if self.projection is None else scores + self.projection(features, y)


class UpBlock(nn.Module):
    """Brock et al. (2019), figure 15b: norm, ReLU, upsample, 3x3, norm, ReLU, 3x3; shortcut: upsample, 1x1.

    norms: the two normalizations, functions of (x, condition).
    """

    def __init__(self, before: int, after: int, norms: Sequence[nn.Module]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(norms)
        self.convs = nn.ModuleList([Conv2d(before, after, 3, 1, 1), Conv2d(after, after, 3, 1, 1)])
        self.beside = Conv2d(before, after, 1)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        h = self.convs[0](interpolate(relu(self.norms[0](x, condition)), scale_factor=2))
        h = self.convs[1](relu(self.norms[1](h, condition)))
        return h + interpolate(self.beside(x), scale_factor=2)


class DownBlock(nn.Module):
    """Brock et al. (2019), figure 15c: ReLU, 3x3, ReLU, 3x3, pool; shortcut: 1x1, pool (pool, 1x1 in the first)."""

    def __init__(self, before: int, after: int, *, halve: bool, first: bool) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.convs = nn.ModuleList([Conv2d(before, after, 3, 1, 1), Conv2d(after, after, 3, 1, 1)])
        self.beside = Conv2d(before, after, 1) if halve or before != after else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.convs[1](relu(self.convs[0](x if self.first else relu(x))))
        if self.first and self.beside is not None:
            return self._smaller(h) + self.beside(self._smaller(x))
        return self._smaller(h) + self._smaller(x if self.beside is None else self.beside(x))

    def _smaller(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, 2) if self.halve else x


class LinearBatchNorm(nn.Module):
    """Batch norm with gain 1 + W_g c and bias W_b c, linear in a condition c: [N, size]."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.bias = (nn.Linear(condition, channels, bias=False) for _ in range(2))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = (layer(condition)[:, :, None, None].to(x.dtype) for layer in (self.gain, self.bias))
        return torch.addcmul(bias, self.norm(x), 1 + gain)


def own_batch_norm(channels: int, classes: int | None) -> nn.Module:
    """Batch norm, conditional where there are classes; called with (x, y)."""
    return Labelled(ConditionalBatchNorm(channels, classes) if classes else nn.BatchNorm2d(channels))


class SelfAttention(nn.Module):
    """Zhang et al. (2019), "Self-attention GANs", arXiv:1805.08318, as in BigGAN: [N, C, H, W] to the same.

    Keys and values are max-pooled to half the size, rounded up. The gain is zero at first, so it begins as identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, values = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key = (Conv2d(channels, inner, 1, bias=False) for _ in range(2))
        self.value, self.out = Conv2d(channels, values, 1, bias=False), Conv2d(values, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        queries = self.query(x).flatten(2)
        keys, values = (max_pool2d(layer(x), 2, ceil_mode=True).flatten(2) for layer in (self.key, self.value))
        weights = softmax(queries.transpose(1, 2) @ keys, dim=2)
        seen = (weights @ values.transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + self.gain.to(x.dtype) * self.out(seen)


def check_attention(network: str, attention: tuple[int, ...], heights: list[int]) -> None:
    """Raise GanatomyError if attention is asked for at a height that no block has."""
    for size in attention:
        if size not in heights:
            there = ", ".join(str(h) for h in dict.fromkeys(heights))
            raise GanatomyError(f"{network}: no block is {size} px high, where attention is asked; there are: {there}.")


def initialize_orthogonal(network: nn.Module) -> None:
    """Saxe et al. (2014); Brock et al. (2019), section 3: weights orthogonal, biases zero."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.Embedding)):
            nn.init.orthogonal_(module.weight)
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            nn.init.zeros_(module.bias)
