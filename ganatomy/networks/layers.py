"""Pieces that several networks are made of."""

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganatomy.core.float32 import at_least_float32
from ganatomy.networks.normalization import VirtualBatchNorm

Activation = Literal["relu", "leaky", "selu"]
Maps = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]  # of one layer after another

LEAK = 0.2  # Radford et al. (2016), section 3


def activation(kind: Activation) -> nn.Module:
    if kind == "selu":
        return nn.SELU(inplace=True)
    return nn.LeakyReLU(LEAK, inplace=True) if kind == "leaky" else nn.ReLU(inplace=True)


class NarrowConv2d(nn.Conv2d):
    """A convolution whose output is one pixel wide or high, in float32 on the CPU.

    oneDNN's bfloat16 convolution now and then made such an output of finite numbers infinite or NaN (128 -> 256 maps,
    5x3 -> 2x1, kernel 4, stride 2, in torch 2.13).
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        weight = self.weight  # once: it may be computed, and each time anew
        with torch.autocast("cpu", enabled=False):
            return self._conv_forward(x.to(weight.dtype), weight, self.bias)


class GaussianNoise(nn.Module):
    """Adds N(0, sigma) while training; one report puts it after D's flatten layer with sigma 0.02."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sigma * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        return f"sigma={self.sigma}"


class Dropout(nn.Dropout):
    """torch's dropout, with a faster mask on the CPU.

    torch draws one Bernoulli number at a time there, which took a third of a small DCGAN's training. A byte of a 64-bit
    draw decides where the probability is a multiple of 1/256; else two bytes do, rounded to a multiple of 1/65536.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu" or not dense(x):
            return super().forward(x)
        kind, values = (torch.uint8, 2**8) if (self.p * 2**8).is_integer() else (torch.int16, 2**16)
        words = torch.empty(-(-x.numel() * kind.itemsize // 8), dtype=torch.int64).random_(-(2**63), None)
        numbers = words.view(kind)[: x.numel()].as_strided(x.shape, x.stride())
        dropped = min(round(self.p * values), values - 1)
        keep = numbers >= dropped + torch.iinfo(kind).min
        return x * keep.to(x.dtype).mul_(values / (values - dropped))


def dense(x: Tensor) -> bool:
    """Whether a tensor's numbers lie side by side in some order of its axes."""
    return x.is_contiguous() or (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last))


class ToPicture(nn.Module):
    """Vectors [N, H * W * C] to pictures [N, C, H, W] that lie in channels-last memory without being moved."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, self.size).permute(0, 3, 1, 2)


class MinibatchDeviation(nn.Module):
    """Karras et al. (2018), "Progressive growing of GANs", arXiv:1710.10196, section 3.

    Features [N, C, H, W] to [N, C + 1, H, W]: one more map, of how much images differ. It is the standard deviation
    over groups of `group` images (of the batch, where it cannot be cut so), averaged over everything else.

    A penalty on D's gradient is of the sum of the scores, here as in StyleGAN2, and this map reaches those of a whole
    group: its part of the gradient counts as often as the group has images.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        size = self.group if len(x) % self.group == 0 else len(x)
        groups = at_least_float32(x).unflatten(0, (size, -1))
        deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
        plane = deviation.repeat(size)[:, None, None, None].to(x.dtype).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, plane], dim=1)


def scaled(channels: int, width: float) -> int:
    """A layer's channels under a width factor, at least one."""
    return max(1, round(channels * width))


def initialize_normal(network: nn.Module, deviation: float = 0.02) -> None:
    """Radford et al. (2016), section 4: weights N(0, 0.02); batch-norm gains N(1, 0.02), as in the authors' code."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, VirtualBatchNorm)) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, deviation)
            nn.init.zeros_(module.bias)
