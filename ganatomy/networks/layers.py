"""Layers that several networks share."""

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganatomy.core.float32 import at_least_float32
from ganatomy.networks.normalization import VirtualBatchNorm

Activation = Literal["relu", "leaky", "selu"]
Maps = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
"""Output channels, one entry per layer."""

LEAK = 0.2  # Radford et al. (2016), section 3


def activation(kind: Activation) -> nn.Module:
    """ReLU, leaky ReLU with slope 0.2, or SELU; in place."""
    if kind == "selu":
        return nn.SELU(inplace=True)
    return nn.LeakyReLU(LEAK, inplace=True) if kind == "leaky" else nn.ReLU(inplace=True)


class NarrowConv2d(nn.Conv2d):
    """For convolutions whose output is one pixel wide or high: in float32 on the CPU, whatever autocast says.

    oneDNN's bfloat16 convolution sometimes gave NaN or infinity there for finite inputs (128 -> 256 maps,
    5x3 -> 2x1, kernel 4, stride 2, in torch 2.13).
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        weight = self.weight  # read once: a parametrization computes it anew each time
        with torch.autocast("cpu", enabled=False):
            return self._conv_forward(x.to(weight.dtype), weight, self.bias)


class GaussianNoise(nn.Module):
    """Adds N(0, sigma^2) in training mode; one report puts it after D's flatten layer, with sigma 0.02."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sigma * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        return f"sigma={self.sigma}"


class Dropout(nn.Dropout):
    """torch's dropout, with a mask that is drawn faster on the CPU.

    There torch draws one Bernoulli number after another, which took a third of a small DCGAN's training time. Here one
    byte of a 64-bit draw decides if p is a multiple of 1/256; otherwise two bytes do, with p rounded to 1/65536.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu" or not is_dense(x):
            return super().forward(x)
        kind, values = (torch.uint8, 2**8) if (self.p * 2**8).is_integer() else (torch.int16, 2**16)
        words = torch.empty(-(-x.numel() * kind.itemsize // 8), dtype=torch.int64).random_(-(2**63), None)
        numbers = words.view(kind)[: x.numel()].as_strided(x.shape, x.stride())
        dropped = min(round(self.p * values), values - 1)
        keep = numbers >= dropped + torch.iinfo(kind).min
        return x * keep.to(x.dtype).mul_(values / (values - dropped))


def is_dense(x: Tensor) -> bool:
    """Whether a tensor's memory has no gaps: contiguous, or contiguous in channels-last order."""
    return x.is_contiguous() or (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last))


class ToPicture(nn.Module):
    """Vectors [N, H * W * C] to maps [N, C, H, W]: a view that is in channels-last memory already."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, self.size).permute(0, 3, 1, 2)


class MinibatchDeviation(nn.Module):
    """Minibatch standard deviation: Karras et al. (2018), "Progressive growing of GANs", arXiv:1710.10196, section 3.

    Features [N, C, H, W] to [N, C + 1, H, W]. The new map holds one number per group of `group` images: the standard
    deviation over the group, averaged over channels and pixels. If `group` does not divide N, all N images are a group.

    Penalties on D's gradient differentiate the sum of all scores, here as in StyleGAN2. This map makes every score of a
    group depend on every image in it, so its part of an image's gradient is counted once per image of the group.
    """

    compares_images = "Minibatch deviation"

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        size = self.group if len(x) % self.group == 0 else len(x)
        groups = at_least_float32(x).unflatten(0, (size, -1))
        variance = (groups - groups.mean(0)).square().mean(0)  # `var` along the first dimension is slow on CPUs
        deviation = (variance + 1e-8).sqrt().mean((1, 2, 3))
        plane = deviation.repeat(size)[:, None, None, None].to(x.dtype).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, plane], dim=1)


def scaled(channels: int, width: float) -> int:
    """Channels times a width factor, rounded; at least one."""
    return max(1, round(channels * width))


def initialize_normal(network: nn.Module, deviation: float = 0.02) -> None:
    """Radford et al. (2016), section 4: weights N(0, deviation^2), batch-norm gains N(1, deviation^2), biases 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, VirtualBatchNorm)) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, deviation)
            nn.init.zeros_(module.bias)
