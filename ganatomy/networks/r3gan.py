"""R3GAN: Huang et al. (2024), "The GAN is dead; long live the GAN! A modern GAN baseline", arXiv:2501.05441.

Residual blocks without normalization (1x1, grouped 3x3, 1x1), leaky ReLU, bilinear resampling, and initial weights that
keep the variance constant (Fixup: Zhang et al., 2019). Here at the size of a DCGAN, and with tanh after G.
"""

import math

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.prior import Distribution, Prior
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.networks.conditioning import Head, LabelEmbedding, asked, auxiliary_head, needs_labels
from ganatomy.networks.convolution import Conv2d
from ganatomy.networks.dcgan import upward_sizes
from ganatomy.networks.layers import LEAK, Maps, scaled

GAIN = math.sqrt(2 / (1 + LEAK**2))  # of a leaky ReLU (He et al., 2015)


@part
class R3GANGenerator(Generator):
    """R3GAN's G: latents z [N, latent], and classes [N] where conditional, to images [N, C, H, W] in [-1, 1].

    Learned maps at the start size, each times a linear function of z; then `blocks` residual blocks for each entry of
    `channels`, with the size doubled in between; then a 1x1 convolution and tanh.

    latent, prior: the size of z and its distribution.
    expansion: how many times more channels a block has inside.
    group: channels per group of the 3x3 convolutions.
    conditional: whether an `embedding` of the class, of that size, is concatenated to z.
    width: a factor on all channels.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        latent: PositiveInt = 64,
        prior: Distribution = "normal",
        channels: Maps = (128, 128, 64),
        blocks: PositiveInt = 1,
        expansion: PositiveInt = 2,
        group: PositiveInt = 16,
        embedding: PositiveInt = 32,
        conditional: bool = False,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape, maps = Shape(*shape), [scaled(c, width) for c in channels]
        self.prior = Prior(latent, prior)
        self.classes = needs_labels("R3GANGenerator", classes) if conditional else None
        self.label = embedded(self.classes, embedding) if self.classes else None
        heights, widths = (upward_sizes(size, [2] * (len(maps) - 1)) for size in shape[1:])
        self.basis = nn.Parameter(torch.randn(maps[0], heights[0], widths[0]))
        self.weigh = scaled_start(nn.Linear(latent + (embedding if self.classes else 0), maps[0], bias=False), 1.0)
        self.body = nn.Sequential(*stages(maps, heights, widths, blocks, expansion, group))
        self.picture = scaled_start(nn.Conv2d(maps[-1], shape.channels, 1), 1.0)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.label is not None:
            z = torch.cat([z, self.label(asked(y))], dim=1)
        h = self.weigh(z)[:, :, None, None] * self.basis
        return torch.tanh(self.picture(self.body(h.contiguous(memory_format=torch.channels_last))))


@part
class R3GANDiscriminator(Discriminator):
    """R3GAN's D: images [N, C, H, W] in [-1, 1], and classes [N] where conditional, to scores [N], high for real.

    The generator reversed: residual blocks, with the size halved in between. The features are inner products of the
    last maps with learned ones.

    blocks, expansion, group, width: as in `R3GANGenerator`.
    conditional: whether the score is the inner product of an `embedding` of the class with as many linear outputs.
    auxiliary: a head `classify` that predicts the class, for ACGAN.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        channels: Maps = (64, 128, 128),
        blocks: PositiveInt = 1,
        expansion: PositiveInt = 2,
        group: PositiveInt = 16,
        embedding: PositiveInt = 32,
        conditional: bool = False,
        auxiliary: Head = "none",
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape, maps = Shape(*shape), [scaled(c, width) for c in channels]
        self.classes = needs_labels("R3GANDiscriminator", classes) if conditional else None
        heights, widths = (upward_sizes(size, [2] * (len(maps) - 1))[::-1] for size in shape[1:])
        if min(heights[-1], widths[-1]) < 2:
            raise GanatomyError(f"R3GANDiscriminator: {shape} is too small for {len(maps)} stages.")
        picture = scaled_start(nn.Conv2d(shape.channels, maps[0], 1), 1.0)
        self.body = nn.Sequential(picture, *stages(maps, heights, widths, blocks, expansion, group))
        self.basis = nn.Parameter(torch.randn(maps[-1], heights[-1], widths[-1]) / math.sqrt(heights[-1] * widths[-1]))
        self.score = scaled_start(nn.Linear(maps[-1], embedding if self.classes else 1, bias=False), 1.0)
        self.label = embedded(self.classes, embedding) if self.classes else None
        self.classify = auxiliary_head(auxiliary, classes, maps[-1])

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (self.body(x) * self.basis).sum((2, 3))

    def scored(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        outputs = self.score(features)
        if self.label is None:
            return outputs.squeeze(1)
        embedding = self.label(asked(y)).to(outputs.dtype)
        return (outputs * embedding).sum(1) / math.sqrt(embedding.shape[1])


class ResidualBlock(nn.Module):
    """x + 1x1(act(grouped 3x3(act(1x1(x))))). The last weight is zero at first, so the block begins as the identity."""

    def __init__(self, channels: int, expansion: int, group: int, depth: int) -> None:
        super().__init__()
        inner = channels * expansion
        groups = max(1, inner // group)
        while inner % groups:
            groups -= 1
        gain = GAIN * depth ** (-1 / 4)  # three layers: L^(-1 / (2 * 3 - 2))
        self.body = nn.Sequential(
            scaled_start(Conv2d(channels, inner, 1), gain),
            nn.LeakyReLU(LEAK, inplace=True),
            scaled_start(Conv2d(inner, inner, 3, 1, 1, groups=groups), gain),
            nn.LeakyReLU(LEAK, inplace=True),
            scaled_start(Conv2d(inner, channels, 1, bias=False), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Resample(nn.Module):
    """To `size` (H, W): bilinear upsampling, or average pooling of 2x2 pixels; 1x1 convolution if the channels change.

    The convolution is computed at the smaller of the two sizes.
    """

    def __init__(self, before: int, after: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.maps = scaled_start(Conv2d(before, after, 1, bias=False), 1.0) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if self.size[0] > x.shape[2]:
            return interpolate(self.maps(x), size=self.size, mode="bilinear", align_corners=False)
        return self.maps(avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False))


def embedded(classes: int, size: int) -> LabelEmbedding:
    """A label embedding, N(0, 1 / classes) at first, as in the authors' linear layer of one-hot classes."""
    label = LabelEmbedding(classes, size)
    nn.init.normal_(label.table.weight, 0.0, classes**-0.5)
    return label


def stages(
    maps: list[int], heights: list[int], widths: list[int], blocks: int, expansion: int, group: int
) -> list[nn.Module]:
    """Residual blocks for each entry of `maps`, at sizes `heights` x `widths`, and resampling in between."""
    depth, layers = blocks * len(maps), list[nn.Module]()
    for i, channels in enumerate(maps):
        if i > 0:
            layers.append(Resample(maps[i - 1], channels, (heights[i], widths[i])))
        layers.append(nn.Sequential(*(ResidualBlock(channels, expansion, group, depth) for _ in range(blocks))))
    return layers


def scaled_start(layer: nn.Module, gain: float) -> nn.Module:
    """A layer with initial weights N(0, gain^2 / fan-in) and biases 0."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, nn.Parameter)
    nn.init.normal_(weight, 0.0, gain / math.sqrt(weight[0].numel()))
    if isinstance(bias, nn.Parameter):
        nn.init.zeros_(bias)
    return layer
