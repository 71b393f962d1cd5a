"""Samples depend on the seed and their number alone."""

import numpy as np
import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.experiments import sampling
from ganatomy.experiments.sampling import CHUNK, Sampler
from ganatomy.networks.dcgan import DCGANGenerator
from ganatomy.networks.mlp import MLPGenerator


def generator(**how) -> DCGANGenerator:
    torch.manual_seed(0)
    G = DCGANGenerator(Shape(1, 8, 8), 10, latent=6, channels=(8, 4), **how)
    for parameter in G.parameters():
        parameter.data.mul_(10)  # first weights draw the same gray for every latent
    return G


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler(generator())


def test_pixels_do_not_depend_on_how_many_were_asked_for(sampler):
    many = sampler.images(0, range(130))
    assert many.shape == (130, 8, 8, 1)
    assert many.dtype == np.uint8
    assert len(np.unique(many.reshape(130, -1), axis=0)) == 130
    for count in (1, 5, 63, 64, 65):
        assert np.array_equal(sampler.images(0, range(count)), many[:count])


def test_the_generator_always_sees_whole_chunks():
    """The last bits of a matrix product may depend on how many rows it has."""
    sampler, rows = Sampler(generator()), []
    sampler.G.register_forward_pre_hook(lambda G, inputs: rows.append(len(inputs[0])))
    sampler.images(0, range(1))
    sampler.images(0, range(CHUNK + 1))
    assert rows == [CHUNK] * 3


def test_any_indices_in_any_order_give_the_same_pictures(sampler):
    many = sampler.images(0, range(70))
    chosen = [69, 3, 3, 40]
    assert np.array_equal(sampler.images(0, chosen), many[chosen])


def test_another_seed_gives_other_pictures(sampler):
    assert not np.array_equal(sampler.images(0, range(4)), sampler.images(1, range(4)))


def test_sampling_changes_neither_the_generator_nor_the_random_numbers_of_others():
    G = generator().train()
    before = {name: value.clone() for name, value in G.state_dict().items()}
    torch.manual_seed(5)
    Sampler(G).images(0, range(3))
    drawn = torch.randn(3)
    torch.manual_seed(5)
    assert torch.equal(torch.randn(3), drawn)
    assert all(torch.equal(value, before[name]) for name, value in G.state_dict().items())
    assert G.training
    assert all(p.requires_grad for p in G.parameters())


def test_two_samplers_of_one_generator_draw_the_same(sampler):
    assert np.array_equal(Sampler(generator()).images(3, range(9)), sampler.images(3, range(9)))


def test_standing_statistics_are_those_of_the_weights_and_not_of_training():
    lagging = generator().train()
    for module in lagging.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.fill_(100.0)
    assert np.array_equal(Sampler(lagging).images(0, range(3)), Sampler(generator()).images(0, range(3)))


def test_classes_are_asked_for_alike_often_unless_said(sampler):
    conditional = Sampler(generator(conditional=True))
    assert conditional.labels(range(25)) == [i % 10 for i in range(25)]
    assert sampler.labels(range(5)) is None
    default = conditional.images(0, range(25))
    assert np.array_equal(conditional.images(0, range(25), [i % 10 for i in range(25)]), default)
    assert not np.array_equal(conditional.images(0, range(25), [3] * 25), default)


def test_an_unconditional_generator_cannot_be_asked_for_a_class(sampler):
    with pytest.raises(GanatomyError, match="is not conditional: it cannot be asked for a class"):
        sampler.images(0, range(2), [0, 1])


@pytest.mark.parametrize("chunk", [16, 128])
def test_pixels_of_vectors_are_nearly_those_of_any_chunk(monkeypatch, chunk):
    """Fixed chunks make them exactly equal; even other chunks stay within one step of 255."""
    torch.manual_seed(0)
    G = MLPGenerator(Shape(1, 8, 8), latent=6, hidden=(16,))
    usual = Sampler(G).images(0, range(20)).astype(int)
    monkeypatch.setattr(sampling, "CHUNK", chunk)
    assert chunk != CHUNK
    assert abs(Sampler(G).images(0, range(20)).astype(int) - usual).max() <= 1


def test_tensors_are_in_the_range_of_images_and_pixels_are_theirs(sampler):
    x = torch.cat(list(sampler.tensors(0, range(70))))
    assert x.shape == (70, 1, 8, 8)
    assert x.abs().max() <= 1
    pixels = torch.from_numpy(sampler.images(0, range(70))).permute(0, 3, 1, 2)
    assert (pixels / 127.5 - 1 - x).abs().max() <= 1 / 255 + 1e-6
