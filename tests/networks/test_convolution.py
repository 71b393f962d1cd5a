"""The faster way to a weight gradient: the same numbers, behind torch's interface, only where it is wanted."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganatomy.networks import convolution
from ganatomy.networks.convolution import Conv2d, Convolution, ConvTranspose2d, columns, weight_gradient

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "even": (lambda: Conv2d(64, 96, 4, 2, 1, bias=False), (8, 8)),
    "odd": (lambda: Conv2d(64, 96, 4, 2, 1, bias=False), (7, 5)),
    "plain": (lambda: Conv2d(64, 64, 3, 1, 1, bias=False), (4, 6)),
    "unequal": (lambda: Conv2d(64, 64, (3, 4), (1, 2), (2, 0), bias=False), (5, 8)),
    "transposed": (lambda: ConvTranspose2d(96, 64, 4, 2, 1, bias=False), (4, 4)),
    "padded": (lambda: ConvTranspose2d(64, 64, 5, 2, 2, 1, bias=False), (4, 3)),
}


def gradients(layer: nn.Module, x: Tensor, bfloat16: bool) -> tuple[Tensor, Tensor, Tensor]:
    layer, x = copy.deepcopy(layer), x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        y = layer(x)
    weights = torch.linspace(-1, 1, y.numel()).view_as(y).sin()
    (y.float() * weights).sum().backward()
    assert isinstance(layer.weight, Tensor) and layer.weight.grad is not None and x.grad is not None
    return y.detach(), x.grad, layer.weight.grad


@pytest.mark.parametrize("name", LAYERS)
def test_both_ways_come_as_near_to_float32(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    make, size = LAYERS[name]
    layer = make().to(memory_format=torch.channels_last)
    x = torch.randn(6, layer.in_channels, *size).to(memory_format=torch.channels_last)
    exact = gradients(layer, x, bfloat16=False)
    taken = []
    monkeypatch.setattr(convolution, "weight_gradient", lambda *a: taken.append(1) or weight_gradient(*a))
    ours = gradients(layer, x, bfloat16=True)
    assert taken, "the other way was taken"
    monkeypatch.setattr(convolution, "CACHE", 0)
    usual = gradients(layer, x, bfloat16=True)
    assert len(taken) == 1
    assert ours[0].dtype == usual[0].dtype == torch.bfloat16 and torch.equal(ours[0], usual[0])
    assert torch.equal(ours[1], usual[1])
    errors = [float((g[2] - exact[2]).norm() / exact[2].norm()) for g in (ours, usual)]
    assert errors[0] < 0.01 and errors[0] < 1.5 * errors[1] and ours[2].shape == exact[2].shape


def test_the_formula_is_that_of_the_convolution() -> None:
    torch.manual_seed(0)
    x, w = (
        torch.randn(3, 5, 7, 6, dtype=torch.float64),
        torch.randn(4, 5, 3, 2, dtype=torch.float64, requires_grad=True),
    )
    y = nn.functional.conv2d(x, w, None, (2, 1), (1, 0))
    g = torch.randn_like(y)
    (expected,) = torch.autograd.grad(y, w, g)
    assert torch.allclose(weight_gradient(x, g, (3, 2), (2, 1), (1, 0)), expected, atol=1e-12)
    rows = columns(x, (y.shape[2], y.shape[3]), (3, 2), (2, 1), (1, 0))
    product = rows @ w.permute(2, 3, 1, 0).reshape(-1, 4)
    assert torch.allclose(product.view(3, y.shape[2], y.shape[3], 4).permute(0, 3, 1, 2), y, atol=1e-12)


def test_in_float32_it_is_torchs_own_and_can_be_differentiated_twice() -> None:
    layer = Conv2d(64, 64, 4, 2, 1, bias=False)
    x = torch.randn(2, 64, 8, 8, requires_grad=True)
    y = layer(x)
    assert torch.equal(y, nn.functional.conv2d(x, layer.weight, None, 2, 1))
    (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    first.square().sum().backward()
    assert layer.weight.grad is not None


def test_a_frozen_layer_and_one_with_a_bias_take_torchs_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Convolution, "apply", None)
    x = torch.randn(2, 64, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        Conv2d(64, 64, 4, 2, 1, bias=False).requires_grad_(False)(x)
        Conv2d(64, 64, 4, 2, 1)(x)
        Conv2d(64, 64, 3, padding="same", bias=False)(x)
        Conv2d(8, 64, 4, 2, 1, bias=False)(x[:, :8])
        with torch.no_grad():
            Conv2d(64, 64, 4, 2, 1, bias=False)(x)
