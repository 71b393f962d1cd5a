"""Drop-in convolutions that compute what oneDNN is slow at in a faster way, on CPUs in bfloat16.

Both sums are over the pixels of the two pictures of a layer, the larger one [N, B, H, W] and the smaller [N, A, h, w].

The weight gradient of many maps in small pictures is one matrix product, small^T [A, M] @ columns [M, k * k * B], over
the M = N * h * w pixels of the smaller picture; the columns are windows of the larger one, copied from its
channels-last memory (im2col). On two cores with AVX-512 and bfloat16 this took 0.45 to 0.9 of the time (128 -> 256
maps, 7x7 -> 3x3; 256 -> 512, 8x8 -> 4x4; 64 -> 128, 14x14 -> 7x7). Once the columns outgrow the cache it is slower, and
oneDNN is used.

From the smaller picture to a larger one of few maps, such as an image, which is what G's last layer does, and D's first
one on the way back, is a matrix product, weight^T [k * k * B, A] @ small [A, M], whose parts, in bfloat16, are added up
where they belong (col2im). Forward and back, the layer took 0.4 to 0.8 of the time (128 -> 1 maps, 14x14 -> 28x28; 64
-> 3, 32x32 -> 64x64), D's first one 0.7 (1 -> 64, 28x28 -> 14x14; 3 -> 64, 3x3 kernel). With more parts of a pixel it
was no faster (3 -> 64, 4x4 kernel), as oneDNN is better on the way back than on the way there.

On GPUs both classes are torch's own.
"""

from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv_transpose2d, pad

CACHE = 16 * 2**20  # bytes of columns, up to which copying them pays
MANY_MAPS = 64  # in and out, from which on the weight gradient by columns pays
FEW_MAPS = 4  # up to which adding up parts pays
FEW_PARTS = 32  # of a pixel, up to which it pays on the way back


class Conv2d(nn.Conv2d):
    """nn.Conv2d, with its gradients computed in another way where that is faster."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = (
            (size + 2 * p - k) // s + 1
            for size, p, k, s in zip(x.shape[2:], pads(self), self.kernel_size, self.stride, strict=True)
        )
        weight = self.weight  # read once: a parametrization computes it anew each time
        by_columns = fits(weight, len(x) * height * width)
        back = torch.is_grad_enabled() and x.requires_grad and is_spread(weight, transposed=False)
        if not knows(self, x) or not (by_columns or back):
            return self._conv_forward(x, weight, self.bias)
        tensors = in_bfloat16(x, weight, self.bias)
        return Convolution.apply(*tensors, self.stride, pads(self), False, (0, 0), by_columns)


class ConvTranspose2d(nn.ConvTranspose2d):
    """nn.ConvTranspose2d, computed in another way where that is faster, and so its gradient."""

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        if output_size is not None:
            return super().forward(x, output_size)
        weight, further = self.weight, (int(self.output_padding[0]), int(self.output_padding[1]))
        by_columns = fits(weight, len(x) * x.shape[2] * x.shape[3])
        if not knows(self, x) or not (by_columns or is_spread(weight, transposed=True)):
            return conv_transpose2d(x, weight, self.bias, self.stride, pads(self), further, self.groups, self.dilation)
        tensors = in_bfloat16(x, weight, self.bias)
        return Convolution.apply(*tensors, self.stride, pads(self), True, further, by_columns)


class Convolution(torch.autograd.Function):
    """A convolution, or a transposed one, of x [N, C, H, W] with a weight: both bfloat16 and channels-last."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        transposed: bool,
        output_padding: tuple[int, int],
        by_columns: bool,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how, ctx.by_columns = (stride, padding, (1, 1), transposed, output_padding, 1), by_columns
        if not transposed or not is_spread(weight, transposed):
            return torch.ops.aten.convolution(x, weight, bias, *ctx.how)
        height, width = (
            (size - 1) * s - 2 * p + k + more
            for size, s, p, k, more in zip(x.shape[2:], stride, padding, weight.shape[2:], output_padding, strict=True)
        )
        return spread(x, weight, bias, (height, width), stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, _, transposed, *_ = ctx.how
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)

        def usual(which: int) -> Tensor | None:
            wanted = [which == 0, which == 1, False]
            return torch.ops.aten.convolution_backward(gradient, x, weight, None, *ctx.how, wanted)[which]

        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            size, back = (x.shape[2], x.shape[3]), not transposed and is_spread(weight, transposed)
            of_x = spread(gradient, weight, None, size, stride, padding) if back else usual(0)
        if ctx.needs_input_grad[1]:
            large, small = (gradient, x) if transposed else (x, gradient)
            kernel = weight.shape[2:]
            of_weight = weight_gradient(large, small, kernel, stride, padding) if ctx.by_columns else usual(1)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3), dtype=torch.float32).to(gradient.dtype)
        return of_x, of_weight, of_bias, None, None, None, None, None


def weight_gradient(
    large: Tensor, small: Tensor, kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """The weight gradient [A, B, kh, kw] from both sides of the layer, channels-last.

    large: [N, B, H, W] and small: [N, A, h, w], of which one is the input and the other the output's gradient.
    """
    flat = small.permute(0, 2, 3, 1).reshape(-1, small.shape[1])
    found = flat.t() @ columns(large, (small.shape[2], small.shape[3]), kernel, stride, padding)
    return found.view(-1, *kernel, large.shape[1]).permute(0, 3, 1, 2)


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


def spread(
    small: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> Tensor:
    """The transposed convolution of small [N, A, h, w] with a weight [A, B, kh, kw] to [N, B, H, W], channels-last.

    size: (H, W). The parts are added in float32 at least.
    """
    n, a, h, w = small.shape
    kh, kw = weight.shape[2:]
    rows = small.permute(0, 2, 3, 1).reshape(-1, a)
    parts = (weight.permute(2, 3, 1, 0).reshape(-1, a) @ rows.t()).view(kh, kw, -1, n, h, w)
    parts = parts.to(torch.promote_types(parts.dtype, torch.float32))
    whole = parts.new_zeros(weight.shape[1], n, size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    for i, j in product(range(kh), range(kw)):
        rows_of_it = slice(i, i + stride[0] * (h - 1) + 1, stride[0])
        whole[:, :, rows_of_it, j : j + stride[1] * (w - 1) + 1 : stride[1]] += parts[i, j]
    found = whole[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]].transpose(0, 1)
    if bias is not None:
        found = found + bias[:, None, None]
    return found.to(small.dtype, memory_format=torch.channels_last)


def knows(layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor) -> bool:
    """Whether a layer can be computed here: on a CPU, under bfloat16 autocast, without groups and other padding."""
    return (
        x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
        and layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


def is_spread(weight: Tensor, transposed: bool) -> bool:
    """Whether what leads to the larger picture, the way there of a transposed layer, is faster by adding up parts."""
    return weight.shape[1] <= FEW_MAPS and (transposed or weight[0].numel() <= FEW_PARTS)


def fits(weight: Tensor, pixels: int) -> bool:
    """Whether a weight gradient by columns [pixels, kh * kw * B] is wanted, and is faster."""
    wanted = torch.is_grad_enabled() and weight.requires_grad
    return wanted and min(weight.shape[:2]) >= MANY_MAPS and pixels * weight[0].numel() * 2 <= CACHE


def pads(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    """Zeros added on each side, (vertical, horizontal); (0, 0) for "same" and "valid", which are not known here."""
    return (0, 0) if isinstance(layer.padding, str) else (int(layer.padding[0]), int(layer.padding[1]))


def in_bfloat16(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """All as autocast would cast them, pictures channels-last."""
    last = torch.channels_last
    cast = None if bias is None else bias.to(torch.bfloat16)
    return x.to(torch.bfloat16, memory_format=last), weight.to(torch.bfloat16, memory_format=last), cast
