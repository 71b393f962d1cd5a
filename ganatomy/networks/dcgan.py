"""DCGAN: Radford, Metz and Chintala (2016), "Unsupervised representation learning with deep convolutional generative
adversarial networks", arXiv:1511.06434. Strided convolutions in both players; everything else is a setting.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

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
    label_input,
    needs_labels,
)
from ganatomy.networks.convolution import Conv2d, ConvTranspose2d
from ganatomy.networks.layers import (
    Activation,
    Dropout,
    GaussianNoise,
    Maps,
    MinibatchDeviation,
    NarrowConv2d,
    ToPicture,
    activation,
    initialize_normal,
    scaled,
)
from ganatomy.networks.mlp import Probability, latent_reference
from ganatomy.networks.normalization import Normalization, Reference, normalization


def upward(
    before: int, after: int, sizes: tuple[int, int], targets: tuple[int, int], kernel: int, stride: int, bias: bool
) -> nn.Module:
    """A transposed convolution from maps of `sizes` to maps of exactly `targets`, both (height, width).

    At stride 1 only odd kernels can keep the size, so an even kernel is made smaller by one.
    """
    kernel = kernel if stride > 1 else kernel - 1 + kernel % 2
    padding, extra = [], []
    for size, target in zip(sizes, targets, strict=True):
        trim = kernel - stride + (stride * size - target)  # of (size - 1) * stride + kernel pixels without padding
        padding.append(math.ceil(trim / 2))
        extra.append(2 * padding[-1] - trim)
    return ConvTranspose2d(before, after, kernel, stride, (padding[0], padding[1]), (extra[0], extra[1]), bias=bias)


@part
class DCGANGenerator(Generator):
    """DCGAN's G: latents z [N, latent], and classes [N] where it is conditional, to images [N, C, H, W] in [-1, 1].

    z is projected to `channels[0]` maps at the start size. Every further entry of `channels` is a transposed
    convolution with that many output maps; one more and tanh give the image. The start size follows from the image size
    and the strides: 28 pixels with two strided layers start at 7x7, 64 pixels with four at 4x4.

    latent, prior: the size of z and its distribution.
    channels: output maps of the projection and of each layer but the last.
    kernel, stride: of all transposed convolutions.
    last_stride: the stride of the last one, if it differs.
    start: the start size; `last_stride` then follows from it.
    normalization: after every layer but the last.
    reference: size of the reference batch of virtual batch norm.
    conditional: whether G is told the class.
    conditioning: how: concatenated to z, or by conditional batch norm.
    embedding: size of a learned class embedding to concatenate; None: one-hot.
    deviation: standard deviation of the initial weights.
    width: a factor on all channels.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        latent: PositiveInt = 100,
        prior: Distribution = "normal",
        channels: Maps = (512, 256, 128, 64),
        kernel: PositiveInt = 4,
        stride: PositiveInt = 2,
        last_stride: PositiveInt | None = None,
        start: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None,
        activation: Activation = "relu",
        normalization: Normalization = "batch",
        reference: PositiveInt = 64,
        conditional: bool = False,
        conditioning: Literal["concatenation", "batch-norm"] = "concatenation",
        embedding: PositiveInt | None = None,
        deviation: PositiveFloat = 0.02,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape = Shape(*shape)
        self.prior = Prior(latent, prior)
        self.classes = needs_labels("DCGANGenerator", classes) if conditional else None
        concatenated = conditioning == "concatenation"
        self.label = label_input(self.classes, embedding) if self.classes and concatenated else None
        maps = [scaled(c, width) for c in channels]
        if start is not None and last_stride is None:
            last_stride = last_stride_from(start, shape, stride ** (len(maps) - 1))
        if kernel < (widest := max(stride, last_stride or stride)):
            raise GanatomyError(
                f"DCGANGenerator: a kernel of {kernel} leaves holes at stride {widest}; it must be at least the stride."
            )
        strides = [stride] * (len(maps) - 1) + [last_stride or stride]
        heights, widths = (upward_sizes(size, strides) for size in shape[1:])
        self._check_start(start, shape, (heights[0], widths[0]))
        check_instance_norm("DCGANGenerator", normalization, (heights[0], widths[0]))

        biased = normalization == "none"
        self.reference = latent_reference(self.prior, reference, self.classes) if normalization == "virtual" else None
        by_class = None if concatenated else self.classes
        self.project = Labelled(
            nn.Linear(latent + (self.label.size if self.label else 0), maps[0] * heights[0] * widths[0], bias=biased),
            ToPicture(maps[0], heights[0], widths[0]),
            norm_then_activate(normalization, maps[0], activation, reference, by_class),
        )
        blocks: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(maps)):
            size, target = (heights[i], widths[i]), (heights[i + 1], widths[i + 1])
            blocks.append(upward(before, after, size, target, kernel, strides[i], biased))
            blocks.append(norm_then_activate(normalization, after, activation, reference, by_class))
        self.body = Labelled(*blocks)
        size, target = (heights[-2], widths[-2]), (heights[-1], widths[-1])
        self.picture = upward(maps[-1], shape.channels, size, target, kernel, strides[-1], bias=True)
        initialize_normal(self, deviation)

    @staticmethod
    def _check_start(start: int | tuple[int, int] | None, shape: Shape, found: tuple[int, int]) -> None:
        asked = (start, start) if isinstance(start, int) else start
        if asked is not None and asked != found:
            raise GanatomyError(
                f"DCGANGenerator: its strides lead to {shape} from {found[0]}x{found[1]}, not {asked[0]}x{asked[1]}; "
                "change channels, stride or start."
            )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.reference is not None:
            z, y = self.reference.before(z, y)
        if self.label is not None:
            z = torch.cat([z, self.label(asked(y))], dim=1)
        h = self.body(self.project(z, y), y)
        if self.reference is not None:
            h = h[len(self.reference) :]
        return torch.tanh(self.picture(h))


@part
class DCGANDiscriminator(Discriminator):
    """DCGAN's D: images [N, C, H, W] in [-1, 1], and classes [N] where it is conditional, to scores [N], high for real.

    channels: output maps of the strided convolutions, one entry each. A linear layer gives the score.
    kernel, stride: of all convolutions.
    normalization: after every convolution but the first.
    reference: size of the reference batch of virtual batch norm.
    dropout: after every convolution.
    noise: standard deviation of Gaussian noise on the features in training mode.
    minibatch_deviation: give the score the standard deviation over the batch as one more map.
    conditional: whether D is told the class.
    conditioning: how: as planes concatenated to the image, or by a projection discriminator's inner product.
    embedding: number of learned planes per class; None: one-hot.
    auxiliary: a head `classify` that predicts the class, for ACGAN; the score then does not depend on it.
    deviation: standard deviation of the initial weights.
    width: a factor on all channels.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        channels: Maps = (64, 128, 256, 512),
        kernel: PositiveInt = 4,
        stride: PositiveInt = 2,
        activation: Activation = "leaky",
        normalization: Normalization = "batch",
        reference: PositiveInt = 64,
        dropout: Probability = 0.0,
        noise: NonNegativeFloat = 0.0,
        minibatch_deviation: bool = False,
        conditional: bool = False,
        conditioning: Literal["concatenation", "projection"] = "concatenation",
        embedding: PositiveInt | None = None,
        auxiliary: Head = "none",
        deviation: PositiveFloat = 0.02,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape = Shape(*shape)
        self.classes = needs_labels("DCGANDiscriminator", classes) if conditional else None
        concatenated = conditioning == "concatenation"
        self.label = label_input(self.classes, embedding) if self.classes and concatenated else None
        maps = [shape.channels + (self.label.size if self.label else 0), *(scaled(c, width) for c in channels)]
        if kernel < stride:
            raise GanatomyError(
                f"DCGANDiscriminator: a kernel of {kernel} skips pixels at stride {stride}; it must not be smaller."
            )
        self.reference = Reference(torch.zeros(reference, *shape)) if normalization == "virtual" else None
        size = list(shape[1:])
        blocks: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(maps)):
            norm: Normalization = "none" if i == 0 else normalization
            padding = math.ceil((kernel - stride) / 2)
            size = [(s + 2 * padding - kernel) // stride + 1 for s in size]
            if min(size) < 1:
                raise GanatomyError(
                    f"DCGANDiscriminator: {shape} is too small for {len(channels)} layers of stride {stride}."
                )
            check_instance_norm("DCGANDiscriminator", norm, size)
            convolution = NarrowConv2d if min(size) == 1 < max(size) else Conv2d
            blocks.append(convolution(before, after, kernel, stride, padding, bias=norm == "none"))
            blocks.append(norm_then_activate(norm, after, activation, reference))
            if dropout:
                blocks.append(Dropout(dropout))
        self.body = nn.Sequential(*blocks)
        self.differing = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        self.noise = GaussianNoise(noise) if noise else nn.Identity()
        flat = (maps[-1] + minibatch_deviation) * size[0] * size[1]
        self.score = nn.Linear(flat, 1)
        self.projection = Projection(self.classes, flat) if self.classes and not concatenated else None
        self.classify = auxiliary_head(auxiliary, classes, flat)
        initialize_normal(self, deviation)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if self.reference is not None:
            x, y = self.reference.before(x, y)
        if self.label is not None:
            planes = self.label(asked(y), (x.shape[2], x.shape[3])).to(x.dtype)
            x = torch.cat([x, planes], dim=1).contiguous(memory_format=torch.channels_last)
        h = self.body(x)
        if self.reference is not None:
            h = h[len(self.reference) :]
        return self.noise(self.differing(h).flatten(1))

    def scored(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        scores = self.score(features).squeeze(1)
        return scores if self.projection is None else scores + self.projection(features, y)


def check_instance_norm(network: str, norm: Normalization, size: Sequence[int]) -> None:
    """Raise GanatomyError for instance norm of maps of one pixel, which it sets to zero."""
    if norm == "instance" and max(size) == 1:
        raise GanatomyError(
            f"{network}: instance norm sets maps of 1x1 pixels to zero; use fewer channels, or normalization=layer."
        )


def last_stride_from(start: int | tuple[int, int], shape: Shape, grown: int) -> int:
    """The stride with which the last layer leads from a start size, which the others multiply by `grown`, to the image.

    >>> last_stride_from(8, Shape(3, 64, 64), 2**3), last_stride_from(4, Shape(3, 64, 64), 2**2)
    (1, 4)
    """
    height = start if isinstance(start, int) else start[0]
    return max(1, math.ceil(shape.height / (height * grown)))


def norm_then_activate(
    norm: Normalization, channels: int, kind: Activation, reference: int = 0, by_class: int | None = None
) -> nn.Module:
    """A normalization and an activation. by_class: number of classes of conditional batch norm, None for another."""
    if by_class is not None:
        return Labelled(ConditionalBatchNorm(channels, by_class), activation(kind))
    if norm == "none":
        return activation(kind)
    return nn.Sequential(normalization(norm, channels, 2, reference), activation(kind))


def upward_sizes(size: int, strides: list[int]) -> list[int]:
    """The sizes a generator passes through to reach `size`: [start, ..., size].

    >>> upward_sizes(28, [2, 2]), upward_sizes(30, [2, 2]), upward_sizes(64, [2, 2, 2, 1])
    ([7, 14, 28], [8, 15, 30], [8, 16, 32, 64, 64])
    """
    sizes = [size]
    for stride in reversed(strides):
        sizes.insert(0, math.ceil(sizes[0] / stride))
    return sizes
