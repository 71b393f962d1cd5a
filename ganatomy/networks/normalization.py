"""Normalization layers: batch, virtual batch, instance, layer, or none."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganatomy.core.float32 import at_least_float32

Normalization = Literal["batch", "virtual", "instance", "layer", "none"]
OfVectors = Literal["batch", "virtual", "layer", "none"]  # instance norm needs maps


def normalization(kind: Normalization, channels: int, dimensions: int = 2, reference: int = 0) -> nn.Module:
    """A normalization layer for maps [N, C, H, W] (`dimensions` = 2) or vectors [N, C] (1).

    kind: "layer" normalizes all numbers of an image together, with a gain per channel (Ba et al., 2016); "instance"
        each map of an image by itself, which vectors do not have (Ulyanov et al., 2016).
    reference: size of the reference batch of virtual batch norm.
    """
    assert kind != "instance" or dimensions == 2
    if kind == "none":
        return nn.Identity()
    if kind == "virtual":
        return VirtualBatchNorm(channels, reference)
    if kind == "layer":
        return nn.GroupNorm(1, channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.BatchNorm2d(channels) if dimensions == 2 else nn.BatchNorm1d(channels)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and mean square of each map of an example, [N, C, 1, ...]; of vectors [N, C], the numbers and squares."""
    if x.dim() > 2:
        return Moments.apply(x)
    numbers = at_least_float32(x)
    return numbers, numbers.square()


class Moments(torch.autograd.Function):
    """`moments` of maps, with one pass over them for both gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x)
        numbers, pixels = at_least_float32(x), list(range(2, x.dim()))
        return numbers.mean(pixels, keepdim=True), numbers.square().mean(pixels, keepdim=True)

    @staticmethod
    def backward(ctx: Any, of_mean: Tensor, of_square: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        pixels = x[0, 0].numel()
        return torch.addcmul((of_mean / pixels).to(x.dtype), x, (2 * of_square / pixels).to(x.dtype))


class Affine(torch.autograd.Function):
    """x * gain + bias in the precision of x; gain and bias: [N, C, 1, ...], with gradients in their own precision."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, gain)
        return torch.addcmul(bias.to(x.dtype), x, gain.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, of_y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, gain = ctx.saved_tensors
        of_y = of_y.to(x.dtype)
        pixels = list(range(2, x.dim()))

        def summed(t: Tensor) -> Tensor:
            return at_least_float32(t).sum(pixels, keepdim=True) if pixels else at_least_float32(t)

        return of_y * gain.to(x.dtype), summed(of_y * x), summed(of_y)


class VirtualBatchNorm(nn.Module):
    """Salimans et al. (2016), "Improved techniques for training GANs", arXiv:1606.03498, section 3.5.

    x: [n + N, C, ...], the n examples of the reference batch first. An example is normalized by the statistics of the
    reference batch and itself, with weight 1 / (n + 1) for itself, so it does not depend on the rest of its batch. The
    reference batch is normalized by its own statistics, as in batch norm.
    """

    normalizes = True

    def __init__(self, channels: int, reference: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.reference, self.eps = reference, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        n = self.reference
        own = moments(x)  # [n + N, C, 1, ...] each
        whole = [part[:n].mean(0, keepdim=True) for part in own]
        mean, square = (
            torch.cat([w.expand(n, *w.shape[1:]), (part[n:] + n * w) / (n + 1)])
            for part, w in zip(own, whole, strict=True)
        )
        shape = [1, -1] + [1] * (x.dim() - 2)
        gain = self.weight.view(shape) * ((square - mean.square()).clamp(min=0) + self.eps).rsqrt()
        return Affine.apply(x, gain, self.bias.view(shape) - mean * gain)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, reference={self.reference}"


class Reference(nn.Module):
    """The reference batch of virtual batch norm: inputs [n, ...] and classes [n], fixed when training starts.

    Both are buffers: a resumed run keeps its reference batch.
    """

    inputs: Tensor
    classes: Tensor

    def __init__(self, inputs: Tensor, classes: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("inputs", inputs)
        self.register_buffer("classes", torch.zeros(len(inputs), dtype=torch.int64) if classes is None else classes)

    def __len__(self) -> int:
        return len(self.inputs)

    @torch.no_grad()
    def take(self, inputs: Tensor, classes: Tensor | None) -> None:
        """Fix the reference batch: inputs [n, ...] and classes [n]."""
        self.inputs.copy_(inputs)
        if classes is not None:
            self.classes.copy_(classes)

    def before(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The reference batch followed by examples x [N, ...]; y: classes [N], mixtures [N, classes], or None."""
        inputs = torch.cat([self.inputs.to(x.dtype), x])
        if y is None:
            return inputs, None
        own = nn.functional.one_hot(self.classes, y.shape[1]).to(y.dtype) if y.is_floating_point() else self.classes
        return inputs, torch.cat([own, y])
