"""Fully connected players."""

import pytest
import torch
from torch import nn

from ganatomy.core.shape import Shape
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator


@pytest.mark.parametrize("shape", [Shape(1, 8, 8), Shape(3, 5, 9), Shape(6, 1, 1)])
@pytest.mark.parametrize("hidden", [(), (8,), (8, 4)])
def test_any_picture_goes_out_and_in(shape, hidden):
    G = MLPGenerator(shape, latent=4, hidden=hidden)
    D = MLPDiscriminator(shape, hidden=hidden)
    x = G(torch.randn(3, 4))
    assert x.shape == (3, *shape)
    assert x.abs().max() <= 1
    assert D(x).shape == (3,)


def test_the_memory_layout_of_the_picture_changes_no_score():
    D = MLPDiscriminator(Shape(3, 4, 5), hidden=(6,))
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(D(x), D(x.contiguous(memory_format=torch.channels_last)))


def test_the_class_asked_for_changes_picture_and_score():
    G = MLPGenerator(Shape(1, 4, 4), 5, latent=3, hidden=(8,), conditional=True)
    D = MLPDiscriminator(Shape(1, 4, 4), 5, hidden=(8,), conditional=True)
    z, y = torch.zeros(2, 3), torch.tensor([1, 4])
    x = G(z, y)
    assert not torch.equal(x[0], x[1])
    assert not torch.equal(D(x, y), D(x, y.flip(0)))


def test_batch_norm_takes_the_place_of_the_bias():
    G = MLPGenerator(Shape(1, 4, 4), hidden=(8, 8), normalization="batch")
    assert [m.bias is None for m in G.body if isinstance(m, nn.Linear)] == [True, True]
    assert len([m for m in G.body if isinstance(m, nn.BatchNorm1d)]) == 2


def test_width_scales_the_hidden_layers():
    counts = [
        sum(p.numel() for p in MLPGenerator(Shape(1, 4, 4), latent=2, width=width).parameters())
        for width in (0.01, 0.1, 1)
    ]
    assert counts == sorted(set(counts))


def test_dropout_disturbs_d_in_training_only():
    D = MLPDiscriminator(Shape(1, 4, 4), hidden=(32,), dropout=0.5)
    x = torch.ones(1, 1, 4, 4)
    assert len({D(x).item() for _ in range(5)}) > 1
    D.eval()
    assert len({D(x).item() for _ in range(5)}) == 1
