"""The faster ways: the same numbers, behind torch's interface, only where they are wanted."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganatomy.networks import convolution
from ganatomy.networks.convolution import Conv2d, Convolution, ConvTranspose2d, columns, spread, weight_gradient

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "biased": (lambda: Conv2d(64, 96, 4, 2, 1), (8, 8)),
    "transposed and biased": (lambda: ConvTranspose2d(96, 64, 4, 2, 1), (4, 4)),
    "even": (lambda: Conv2d(64, 96, 4, 2, 1, bias=False), (8, 8)),
    "odd": (lambda: Conv2d(64, 96, 4, 2, 1, bias=False), (7, 5)),
    "plain": (lambda: Conv2d(64, 64, 3, 1, 1, bias=False), (4, 6)),
    "unequal": (lambda: Conv2d(64, 64, (3, 4), (1, 2), (2, 0), bias=False), (5, 8)),
    "transposed": (lambda: ConvTranspose2d(96, 64, 4, 2, 1, bias=False), (4, 4)),
    "padded": (lambda: ConvTranspose2d(64, 64, 5, 2, 2, 1, bias=False), (4, 3)),
}
OF_PICTURES: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "gray": (lambda: Conv2d(1, 64, 4, 2, 1), (8, 8)),
    "color": (lambda: Conv2d(3, 16, 3, 2, 1, bias=False), (7, 9)),
    "same size": (lambda: Conv2d(3, 16, 3, 1, 1), (5, 6)),
    "unequal": (lambda: Conv2d(2, 16, (3, 4), (1, 2), (2, 0)), (5, 8)),
    "to gray": (lambda: ConvTranspose2d(96, 1, 4, 2, 1), (4, 4)),
    "to color": (lambda: ConvTranspose2d(64, 3, 4, 2, 1, bias=False), (4, 3)),
    "to color, padded": (lambda: ConvTranspose2d(16, 3, 5, 2, 2, 1), (4, 3)),
}


def gradients(layer: nn.Module, x: Tensor, bfloat16: bool) -> list[Tensor]:
    """The output, and the gradients of x, the weight and the bias."""
    layer, x = copy.deepcopy(layer), x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        y = layer(x)
    weights = torch.linspace(-1, 2, y.numel()).view_as(y).sin()
    (y.float() * weights).sum().backward()
    found = [x.grad, *(parameter.grad for parameter in layer.parameters())]
    return [y.detach(), *(one for one in found if one is not None)]


def in_both_ways(
    layer: nn.Module, size: tuple[int, int], way: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Tensor], list[Tensor]]:
    """What comes in our way, and in torch's; that ours is taken, and comes as near to float32, is asserted."""
    layer = layer.to(memory_format=torch.channels_last)
    x = torch.randn(6, layer.in_channels, *size).to(memory_format=torch.channels_last)
    exact = gradients(layer, x, bfloat16=False)
    taken, kept = [], getattr(convolution, way)
    monkeypatch.setattr(convolution, way, lambda *a: taken.append(1) or kept(*a))
    ours = gradients(layer, x, bfloat16=True)
    assert taken == [1], "the other way was taken"
    for limit in ("CACHE", "FEW_MAPS"):
        monkeypatch.setattr(convolution, limit, 0)
    usual = gradients(layer, x, bfloat16=True)
    assert taken == [1]
    for one, other, true in zip(ours, usual, exact, strict=True):
        assert one.dtype == other.dtype and one.shape == true.shape
        assert one.is_contiguous(memory_format=torch.channels_last) or one.dim() != 4 or one.shape[1] == 1
        errors = [float((found - true).norm() / true.norm()) for found in (one, other)]
        assert errors[0] < 0.01 and errors[0] < 2 * errors[1] + 1e-6
    return ours, usual


@pytest.mark.parametrize("name", LAYERS)
def test_both_ways_to_a_weight_gradient_come_as_near_to_float32(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    make, size = LAYERS[name]
    ours, usual = in_both_ways(make(), size, "weight_gradient", monkeypatch)
    assert ours[0].dtype == torch.bfloat16 and torch.equal(ours[0], usual[0]) and torch.equal(ours[1], usual[1])


@pytest.mark.parametrize("name", OF_PICTURES)
def test_both_ways_to_a_picture_come_as_near_to_float32(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    make, size = OF_PICTURES[name]
    ours, usual = in_both_ways(make(), size, "spread", monkeypatch)
    assert torch.equal(ours[2], usual[2]), "the weight gradient is torch's"
    same = 0 if isinstance(make(), Conv2d) else 1
    assert torch.equal(ours[same], usual[same]), "and so is what goes from the picture to its maps"


@pytest.mark.parametrize("further", [(0, 0), (1, 0)])
def test_spreading_is_the_transposed_convolution(further: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x, w, b = (torch.randn(*size, dtype=torch.float64) for size in ((2, 5, 4, 3), (5, 3, 4, 3), (3,)))
    expected = nn.functional.conv_transpose2d(x, w, b, (2, 1), (1, 2), further)
    found = spread(x, w, b, (expected.shape[2], expected.shape[3]), (2, 1), (1, 2))
    assert found.dtype == torch.float64 and torch.allclose(found, expected, atol=1e-12)


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


def test_where_there_is_nothing_to_gain_torchs_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Convolution, "apply", None)
    x = torch.randn(2, 64, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        Conv2d(64, 64, 4, 2, 1, bias=False).requires_grad_(False)(x)
        Conv2d(64, 64, 3, padding="same", bias=False)(x)
        Conv2d(64, 64, 4, 2, 1, groups=2)(x)
        Conv2d(3, 64, 4, 2, 1)(x[:, :3])
        Conv2d(3, 64, 4, 2, 1)(x[:, :3].clone().requires_grad_())
        Conv2d(8, 64, 4, 2, 1, bias=False)(x[:, :8])
        with torch.no_grad():
            Conv2d(64, 64, 4, 2, 1, bias=False)(x)
