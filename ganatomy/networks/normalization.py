"""Ways to normalize activations: over the batch, against a reference batch, within an image, or not at all."""

from typing import Literal

import torch
from torch import Tensor, nn

Normalization = Literal["batch", "virtual", "instance", "layer", "none"]


def normalization(kind: Normalization, channels: int, dimensions: int = 2, reference: int = 0) -> nn.Module:
    """Over images (`dimensions` = 2) or over vectors (1); `reference` is how many a virtual one's reference batch has.

    "layer" is over all numbers of an image, with a gain per channel (Ba et al., 2016); "instance", of each map of an
    image (Ulyanov et al., 2016).
    """
    if kind == "none":
        return nn.Identity()
    if kind == "virtual":
        return VirtualBatchNorm(channels, reference)
    if kind == "layer":
        return nn.GroupNorm(1, channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True) if dimensions == 2 else nn.GroupNorm(1, channels)
    return nn.BatchNorm2d(channels) if dimensions == 2 else nn.BatchNorm1d(channels)


class VirtualBatchNorm(nn.Module):
    """Salimans et al. (2016), "Improved techniques for training GANs", arXiv:1606.03498, section 3.5.

    x: [n + N, C, ...], of which the first n are the reference batch at this layer. An example is normalized by the
    statistics of the reference batch and itself, which weighs 1 / (n + 1); so it does not depend on its batch-mates.
    The reference batch is normalized by its own, which is batch norm.
    """

    def __init__(self, channels: int, reference: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.reference, self.eps = reference, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        numbers = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        pixels = list(range(2, x.dim()))
        own_mean, own_square = (t.mean(pixels, keepdim=True) if pixels else t for t in (numbers, numbers.square()))
        n = self.reference
        mean, square = own_mean[:n].mean(0, keepdim=True), own_square[:n].mean(0, keepdim=True)
        of_examples = [(part[n:] + n * whole) / (n + 1) for part, whole in ((own_mean, mean), (own_square, square))]
        mean = torch.cat([mean.expand(n, *mean.shape[1:]), of_examples[0]])
        square = torch.cat([square.expand(n, *square.shape[1:]), of_examples[1]])
        shape = [1, -1] + [1] * len(pixels)
        gain = self.weight.view(shape) * ((square - mean.square()).clamp(min=0) + self.eps).rsqrt()
        return ((numbers - mean) * gain + self.bias.view(shape)).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, reference={self.reference}"


class Reference(nn.Module):
    """The reference batch of virtual batch norm: inputs [n, ...] and classes [n], fixed when training starts.

    Both are state: a run that is continued keeps its reference batch.
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
        self.inputs.copy_(inputs)
        if classes is not None:
            self.classes.copy_(classes)

    def before(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The reference batch, and then the examples."""
        return torch.cat([self.inputs.to(x.dtype), x]), None if y is None else torch.cat([self.classes, y])
