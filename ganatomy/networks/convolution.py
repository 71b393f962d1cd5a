"""Drop-in convolutions that compute their weight gradient in the faster of two ways, on CPUs in bfloat16.

oneDNN's bfloat16 weight gradient is slow for small pictures with many channels. The same sum is one matrix product,
small^T [A, M] @ columns [M, k * k * B], over the M = N * h * w pixels of the smaller of the layer's two pictures; the
columns are windows of the larger one, copied from its channels-last memory (im2col). On two cores with AVX-512 and
bfloat16 this took 0.45 to 0.9 of the time (128 -> 256 maps, 7x7 -> 3x3; 256 -> 512, 8x8 -> 4x4; 64 -> 128, 14x14 ->
7x7). Once the columns outgrow the cache it is slower, and oneDNN is used. On GPUs both classes are torch's own.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv_transpose2d, pad

CACHE = 16 * 2**20  # bytes of columns, up to which copying them pays
FEWEST_MAPS = 64  # channels in and out, from which on it pays


class Conv2d(nn.Conv2d):
    """nn.Conv2d, with its weight gradient as a matrix product where that is faster."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = (
            (size + 2 * p - k) // s + 1
            for size, p, k, s in zip(x.shape[2:], pads(self), self.kernel_size, self.stride, strict=True)
        )
        weight = self.weight  # read once: a parametrization computes it anew each time
        if not is_faster(self, x, weight, len(x) * height * width, self.in_channels):
            return self._conv_forward(x, weight, self.bias)
        return Convolution.apply(*in_bfloat16(x, weight), self.stride, pads(self), False, (0, 0))


class ConvTranspose2d(nn.ConvTranspose2d):
    """nn.ConvTranspose2d, with its weight gradient as a matrix product where that is faster."""

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        if output_size is not None:
            return super().forward(x, output_size)
        weight, further = self.weight, (int(self.output_padding[0]), int(self.output_padding[1]))
        if not is_faster(self, x, weight, len(x) * x.shape[2] * x.shape[3], self.out_channels):
            return conv_transpose2d(x, weight, self.bias, self.stride, pads(self), further, self.groups, self.dilation)
        return Convolution.apply(*in_bfloat16(x, weight), self.stride, pads(self), True, further)


class Convolution(torch.autograd.Function):
    """A convolution, or a transposed one, of x [N, C, H, W] with a weight: both bfloat16 and channels-last."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        stride: tuple[int, int],
        padding: tuple[int, int],
        transposed: bool,
        output_padding: tuple[int, int],
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how = (stride, padding, (1, 1), transposed, output_padding, 1)
        return torch.ops.aten.convolution(x, weight, None, *ctx.how)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, _, transposed, *_ = ctx.how
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_x = None
        if ctx.needs_input_grad[0]:
            wanted = [True, False, False]
            of_x = torch.ops.aten.convolution_backward(gradient, x, weight, None, *ctx.how, wanted)[0]
        large, small = (gradient, x) if transposed else (x, gradient)
        return of_x, weight_gradient(large, small, weight.shape[2:], stride, padding), None, None, None, None


def weight_gradient(
    large: Tensor, small: Tensor, kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """The weight gradient [A, B, kh, kw] from both sides of the layer, channels-last.

    large: [N, B, H, W] and small: [N, A, h, w], of which one is the input and the other the output's gradient.
    """
    flat = small.permute(0, 2, 3, 1).reshape(-1, small.shape[1])
    product = flat.t() @ columns(large, (small.shape[2], small.shape[3]), kernel, stride, padding)
    return product.view(-1, *kernel, large.shape[1]).permute(0, 3, 1, 2)


def columns(
    x: Tensor, size: tuple[int, int], kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """im2col: the windows of a channels-last x [N, B, H, W] as rows [N * h * w, kh * kw * B]; size: (h, w)."""
    rows = pad(x, (padding[1], padding[1], padding[0], padding[0])).permute(0, 2, 3, 1).contiguous()
    image, row, pixel, number = rows.stride()
    windows = rows.as_strided(
        (len(rows), *size, *kernel, rows.shape[3]), (image, row * stride[0], pixel * stride[1], row, pixel, number)
    )
    return windows.reshape(len(rows) * size[0] * size[1], -1)


def is_faster(layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, weight: Tensor, pixels: int, maps: int) -> bool:
    """Whether to use the matrix product: on a CPU, under bfloat16 autocast, for columns [pixels, kh * kw * maps]."""
    return (
        x.device.type == "cpu"
        and torch.is_grad_enabled()
        and weight.requires_grad
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
        and plain(layer)
        and min(layer.in_channels, layer.out_channels) >= FEWEST_MAPS
        and pixels * maps * layer.kernel_size[0] * layer.kernel_size[1] * 2 <= CACHE
    )


def plain(layer: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    """Whether a layer has nothing that the matrix product does not know: bias, groups, dilation, other padding."""
    return (
        layer.bias is None
        and layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


def pads(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    """Zeros added on each side, (vertical, horizontal); (0, 0) for "same" and "valid", which `plain` excludes."""
    return (0, 0) if isinstance(layer.padding, str) else (int(layer.padding[0]), int(layer.padding[1]))


def in_bfloat16(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both as autocast would cast them, channels-last."""
    last = torch.channels_last
    return x.to(torch.bfloat16, memory_format=last), weight.to(torch.bfloat16, memory_format=last)
