"""Pieces that several networks are made of."""

from typing import Literal

import torch
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError

Activation = Literal["relu", "leaky", "selu"]
Normalization = Literal["batch", "none"]

LEAK = 0.2  # Radford et al. (2016), section 3


def activation(kind: Activation) -> nn.Module:
    if kind == "selu":
        return nn.SELU(inplace=True)
    return nn.LeakyReLU(LEAK, inplace=True) if kind == "leaky" else nn.ReLU(inplace=True)


def normalization(kind: Normalization, channels: int, dimensions: int = 2) -> nn.Module:
    """Batch norm over images (`dimensions` = 2) or over vectors (1), or nothing."""
    if kind == "none":
        return nn.Identity()
    return nn.BatchNorm2d(channels) if dimensions == 2 else nn.BatchNorm1d(channels)


class NarrowConv2d(nn.Conv2d):
    """A convolution whose output is one pixel wide or high, in float32 on the CPU.

    oneDNN's bfloat16 convolution now and then made such an output of finite numbers infinite or NaN (128 -> 256 maps,
    5x3 -> 2x1, kernel 4, stride 2, in torch 2.13).
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.to(self.weight.dtype))


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


class OneHot(nn.Module):
    """Class numbers [N] to one-hot vectors [N, classes]; as planes [N, classes, H, W] when a picture size is given."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, y: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        vectors = nn.functional.one_hot(y, self.classes).float()
        return vectors if size is None else vectors[:, :, None, None].expand(-1, -1, *size)


def scaled(channels: int, width: float) -> int:
    """A layer's channels under a width factor, at least one."""
    return max(1, round(channels * width))


def asked(y: Tensor | None) -> Tensor:
    """The classes that a conditional network was given."""
    if y is None:
        raise GanatomyError("A conditional network needs the class of every image.")
    return y


def needs_labels(network: str, classes: int | None) -> int:
    if classes is None:
        raise GanatomyError(f"{network} is conditional, and the data has no labels.")
    return classes


def initialize_normal(network: nn.Module, deviation: float = 0.02) -> None:
    """Radford et al. (2016), section 4: weights N(0, 0.02); batch-norm gains N(1, 0.02), as in the authors' code."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.weight, 1.0, deviation)
            nn.init.zeros_(module.bias)
