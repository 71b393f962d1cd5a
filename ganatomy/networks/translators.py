"""CycleGAN's players: Zhu et al. (2017), "Unpaired image-to-image translation", arXiv:1703.10593, appendix 7.2.

Both are fully convolutional, so they take pictures of other sizes than those they were trained on.
"""

from itertools import pairwise

from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import PatchDiscriminator, Translator
from ganatomy.core.registry import part
from ganatomy.core.shape import Shape
from ganatomy.networks.convolution import Conv2d, ConvTranspose2d
from ganatomy.networks.layers import Dropout, activation, initialize_normal, scaled
from ganatomy.networks.mlp import Probability


@part
class ResNetTranslator(Translator):
    """Images [N, C, H, W] in [-1, 1] to images of the same size; H and W are multiples of 4.

    c7s1-k, d2k, d4k, `blocks` residual blocks, u2k, uk, c7s1-C in the paper's notation, with k = `maps`: reflection
    padding, instance norm, ReLU, tanh at the end. `dropout` is inside the residual blocks.
    """

    multiple = 4

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        maps: PositiveInt = 64,
        blocks: PositiveInt = 9,
        dropout: Probability = 0.0,
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.shape, k = Shape(*shape), scaled(maps, width)
        if any(size % self.multiple for size in self.shape[1:]) or min(self.shape[1:]) < 8:
            raise GanatomyError(
                f"ResNetTranslator halves its pictures twice: {self.shape} must be of multiples of 4, 8 or more; set "
                "data.size."
            )
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), Conv2d(self.shape.channels, k, 7, bias=False), *normed(k)]
        for before, wider in pairwise((k, 2 * k, 4 * k)):
            layers += [Conv2d(before, wider, 3, 2, 1, bias=False), *normed(wider)]
        layers += [ResidualBlock(4 * k, dropout) for _ in range(blocks)]
        for before, narrower in pairwise((4 * k, 2 * k, k)):
            layers += [ConvTranspose2d(before, narrower, 3, 2, 1, 1, bias=False), *normed(narrower)]
        layers += [nn.ReflectionPad2d(3), Conv2d(k, self.shape.channels, 7), nn.Tanh()]
        self.body = nn.Sequential(*layers)
        initialize_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class ResidualBlock(nn.Module):
    """x + two 3x3 convolutions of x, with reflection padding and instance norm."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.ReflectionPad2d(1), Conv2d(channels, channels, 3, bias=False), *normed(channels)),
            *([Dropout(dropout)] if dropout else []),
            *(nn.ReflectionPad2d(1), Conv2d(channels, channels, 3, bias=False), nn.InstanceNorm2d(channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


@part
class PatchGAN(PatchDiscriminator):
    """Images [N, C, H, W] in [-1, 1] to scores of overlapping patches [N, h, w], high for real.

    C64-C128-C256-C512 in the paper's notation: 4x4 convolutions, instance norm after all but the first, leaky ReLU.
    Each score sees 70x70 pixels; with fewer `channels` the patches are smaller.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int | None = None,
        *,
        channels: tuple[PositiveInt, ...] = (64, 128, 256, 512),
        width: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        shape, maps = Shape(*shape), [scaled(c, width) for c in channels]
        layers: list[nn.Module] = []
        smallest = min(shape[1:])
        for i, (before, own) in enumerate(pairwise([shape.channels, *maps])):
            stride = 1 if i == len(maps) - 1 else 2
            smallest = (smallest - 2) // stride + 1
            layers.append(Conv2d(before, own, 4, stride, 1, bias=i == 0))
            layers += [activation("leaky")] if i == 0 else [nn.InstanceNorm2d(own), activation("leaky")]
        if smallest < 3:
            raise GanatomyError(f"PatchGAN: {shape} is too small for {len(maps)} layers; give it fewer channels.")
        self.body = nn.Sequential(*layers)
        self.score = Conv2d(maps[-1], 1, 4, 1, 1)
        initialize_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.body(x)).squeeze(1)


def normed(channels: int) -> tuple[nn.Module, nn.Module]:
    """Instance norm and ReLU."""
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)
