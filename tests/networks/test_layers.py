"""Pieces of networks: our dropout is torch's, only faster."""

import pytest
import torch
from torch import nn

from ganatomy.networks.conditioning import OneHot
from ganatomy.networks.layers import LEAK, Dropout, GaussianNoise, activation, scaled
from ganatomy.networks.normalization import normalization

LAYOUTS = {
    "pictures": lambda dtype: torch.ones(16, 5, 20, 30, dtype=dtype),
    "channels_last": lambda dtype: torch.ones(16, 5, 20, 30, dtype=dtype).contiguous(memory_format=torch.channels_last),
    "vectors": lambda dtype: torch.ones(300, 163, dtype=dtype),
    "strided": lambda dtype: torch.ones(300, 326, dtype=dtype)[:, ::2],
    "transposed": lambda dtype: torch.ones(163, 300, dtype=dtype).t(),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_dropout_drops_so_many_and_keeps_the_mean(layout, dtype, p):
    torch.manual_seed(0)
    x = layout(dtype)
    dropped = Dropout(p)(x)
    assert (dropped.shape, dropped.dtype) == (x.shape, dtype)
    assert abs((dropped == 0).double().mean() - p) < 0.01
    scale = dropped[dropped != 0]
    torch.testing.assert_close(
        scale, torch.full_like(scale, 1 / (1 - p)), rtol=1e-2 if dtype == torch.bfloat16 else 1e-3, atol=0
    )
    assert abs(dropped.double().mean() - 1) < 0.06


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_place_is_dropped_by_a_draw_of_its_own(layout):
    """No two rows, columns or masks agree more often than chance."""
    torch.manual_seed(0)
    layer, x = Dropout(0.5), layout(torch.float32)
    first, second = layer(x) != 0, layer(x) != 0
    assert abs((first == second).double().mean() - 0.5) < 0.02
    flat = first.flatten(1)
    assert abs((flat[0] == flat[1]).double().mean() - 0.5) < 0.1
    assert abs((flat[:, :-1] == flat[:, 1:]).double().mean() - 0.5) < 0.02
    assert abs((flat[:, :-4] == flat[:, 4:]).double().mean() - 0.5) < 0.02  # four numbers come from one draw


def test_dropout_is_nothing_in_evaluation_and_at_zero():
    x = torch.randn(4, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_dropout_is_repeated_by_the_same_seed(layout):
    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return Dropout(0.5)(layout(torch.float32))

    assert torch.equal(drawn(3), drawn(3))
    assert not torch.equal(drawn(3), drawn(4))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_gradient_goes_where_the_mask_let_through(layout):
    x = layout(torch.float32).requires_grad_(True)
    dropped = Dropout(0.3)(x)
    (gradient,) = torch.autograd.grad(dropped.sum(), x)
    assert torch.equal(gradient, dropped.detach())


@pytest.mark.parametrize("p", [0.99999, 0.9999999])
def test_a_dropout_of_nearly_all_keeps_nearly_nothing(p):
    assert Dropout(p)(torch.ones(10_000)).count_nonzero() < 20


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (3,), (5, 1)])
def test_dropout_takes_tensors_of_any_size(shape):
    assert Dropout(0.5)(torch.ones(shape)).shape == shape


def test_dropout_keeps_the_memory_layout():
    x = torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert Dropout(0.5)(x).is_contiguous(memory_format=torch.channels_last)


def test_gaussian_noise_has_the_sigma_asked_for_and_none_in_evaluation():
    torch.manual_seed(0)
    x = torch.zeros(100, 100)
    noise = GaussianNoise(0.02)
    assert abs(noise(x).std() - 0.02) < 1e-3
    assert noise.eval()(x) is x


def test_classes_become_vectors_or_planes():
    one_hot = OneHot(3)
    assert one_hot(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    planes = one_hot(torch.tensor([1]), (2, 4))
    assert planes.shape == (1, 3, 2, 4)
    assert planes.sum((2, 3)).tolist() == [[0, 8, 0]]


def test_activations_and_normalizations_are_the_ones_named():
    assert activation("leaky")(torch.tensor(-1.0)).item() == pytest.approx(-LEAK)
    assert isinstance(activation("relu"), nn.ReLU)
    assert isinstance(activation("selu"), nn.SELU)
    assert isinstance(normalization("batch", 3), nn.BatchNorm2d)
    assert isinstance(normalization("batch", 3, dimensions=1), nn.BatchNorm1d)
    assert isinstance(normalization("none", 3), nn.Identity)


def test_a_width_leaves_at_least_one_channel():
    assert [scaled(64, width) for width in (1e-9, 0.1, 0.5, 1, 2)] == [1, 6, 32, 64, 128]
