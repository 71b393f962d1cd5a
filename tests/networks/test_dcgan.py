"""DCGAN's players reach any picture and are made as Radford et al. (2016) make them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator, upward_sizes

SMALL = {"latent": 5, "channels": (6, 4)}


def generated(network: DCGANGenerator, count: int = 3, y: torch.Tensor | None = None) -> torch.Tensor:
    return network(torch.randn(count, network.prior.size, generator=torch.Generator().manual_seed(0)), y)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.builds(Shape, st.integers(1, 6), st.integers(1, 40), st.integers(1, 40)),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 3),
    last_stride=st.none() | st.integers(1, 3),
    layers=st.integers(1, 3),
)
def test_a_generator_reaches_every_picture_with_every_kernel_and_stride(shape, kernel, stride, last_stride, layers):
    if kernel < max(stride, last_stride or 1):
        return
    G = DCGANGenerator(shape, latent=3, channels=(4,) * layers, kernel=kernel, stride=stride, last_stride=last_stride)
    images = generated(G, 2)
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1


@settings(max_examples=40, deadline=None)
@given(
    shape=st.builds(Shape, st.integers(1, 6), st.integers(4, 40), st.integers(4, 40)),
    kernel=st.integers(2, 5),
    stride=st.integers(1, 2),
)
def test_a_discriminator_scores_every_picture_once(shape, kernel, stride):
    D = DCGANDiscriminator(shape, channels=(3, 4), kernel=kernel, stride=stride)
    assert D(torch.zeros(2, *shape)).shape == (2,)


@pytest.mark.parametrize(
    ("size", "strides", "sizes"),
    [
        (64, [2, 2, 2, 2], [4, 8, 16, 32, 64]),
        (28, [2, 2], [7, 14, 28]),
        (30, [2, 2], [8, 15, 30]),
        (5, [3, 1], [2, 5, 5]),
    ],
)
def test_the_start_follows_from_the_picture_and_the_strides(size, strides, sizes):
    assert upward_sizes(size, strides) == sizes


def test_a_start_that_strides_do_not_reach_is_refused():
    DCGANGenerator(Shape(1, 8, 12), **SMALL, start=(2, 3))
    DCGANGenerator(Shape(1, 8, 8), **SMALL, start=2)
    with pytest.raises(GanatomyError, match=r"lead to 8x12x1 from 2x3, not 3x3; change channels, stride or start"):
        DCGANGenerator(Shape(1, 8, 12), **SMALL, start=3)


@pytest.mark.parametrize("sizes", [{"kernel": 2, "stride": 3}, {"kernel": 2, "last_stride": 4}])
def test_a_kernel_that_leaves_holes_is_refused(sizes):
    with pytest.raises(GanatomyError, match="a kernel of 2 leaves holes at stride"):
        DCGANGenerator(Shape(1, 8, 8), **SMALL, **sizes)


def test_a_kernel_that_skips_pixels_is_refused():
    DCGANDiscriminator(Shape(1, 8, 8), channels=(4, 4), kernel=2)
    with pytest.raises(GanatomyError, match="DCGANDiscriminator: a kernel of 2 skips pixels at stride 3"):
        DCGANDiscriminator(Shape(1, 8, 8), channels=(4, 4), kernel=2, stride=3)


def test_a_picture_too_small_for_d_is_refused():
    with pytest.raises(GanatomyError, match=r"^DCGANDiscriminator: 4x4x1 is too small for 4 layers of stride 2\.$"):
        DCGANDiscriminator(Shape(1, 4, 4))


def test_instance_norm_of_single_numbers_is_refused():
    with pytest.raises(
        GanatomyError, match=r"^DCGANDiscriminator: instance norm sets maps of 1x1 pixels to zero; use fewer"
    ):
        DCGANDiscriminator(Shape(1, 8, 8), channels=(4, 4, 4), normalization="instance")
    with pytest.raises(GanatomyError, match=r"^DCGANGenerator: instance norm sets maps"):
        DCGANGenerator(Shape(1, 4, 4), latent=5, channels=(6, 4), normalization="instance")
    DCGANDiscriminator(Shape(1, 8, 16), channels=(4, 4, 4), normalization="instance")(torch.zeros(2, 1, 8, 16))


def players(**how) -> tuple[DCGANGenerator, DCGANDiscriminator]:
    torch.manual_seed(0)
    return DCGANGenerator(Shape(3, 16, 16), **how), DCGANDiscriminator(Shape(3, 16, 16), channels=(64, 128), **how)


def test_no_layer_before_a_batch_norm_has_a_bias():
    for network in players():
        layers = [m for m in network.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        assert norms
        assert sum(layer.bias is None for layer in layers) == len(norms)
    for network in players(normalization="none"):
        assert not [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        layers = [m for m in network.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
        assert all(layer.bias is not None for layer in layers)


def test_batch_norm_is_everywhere_but_in_gs_output_and_ds_input():
    """Radford et al. (2016), section 3."""
    G, D = players()
    assert isinstance(G.picture, nn.ConvTranspose2d)
    assert len([m for m in G.modules() if isinstance(m, nn.BatchNorm2d)]) == 4  # the projection's, and three layers'
    normed = [isinstance(m, nn.BatchNorm2d) for m in D.body.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    assert normed == [False, False, True]


def test_first_weights_are_those_of_the_paper():
    """Weights N(0, 0.02), gains N(1, 0.02), everything else zero."""
    for network in players():
        weights = torch.cat(
            [m.weight.flatten() for m in network.modules() if hasattr(m, "weight") and m.weight.dim() > 1]
        )
        gains = torch.cat([m.weight for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
        assert abs(weights.std() - 0.02) < 1e-3
        assert abs(weights.mean()) < 1e-3
        assert abs(gains.mean() - 1) < 0.01
        assert abs(gains.std() - 0.02) < 0.01
        assert all((value == 0).all() for name, value in network.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("network", [DCGANGenerator, DCGANDiscriminator])
def test_width_scales_the_maps_and_never_to_nothing(network):
    shape = Shape(1, 16, 16)
    counts = [sum(p.numel() for p in network(shape, width=width).parameters()) for width in (1e-6, 0.25, 0.5, 1.0)]
    assert counts == sorted(set(counts))
    assert counts[0] < 400


def test_the_class_asked_for_changes_the_picture_and_the_score():
    shape, classes = Shape(1, 8, 8), 3
    G = DCGANGenerator(shape, classes, conditional=True, **SMALL).eval()
    D = DCGANDiscriminator(shape, classes, conditional=True, channels=(4, 6)).eval()
    zeros, ones = torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.long)
    assert (G.classes, D.classes) == (3, 3)
    assert not torch.equal(generated(G, 3, zeros), generated(G, 3, ones))
    x = generated(G, 3, zeros)
    assert not torch.equal(D(x, zeros), D(x, ones))


@pytest.mark.parametrize("network", [DCGANGenerator, DCGANDiscriminator])
def test_a_conditional_player_needs_labels(network):
    with pytest.raises(GanatomyError, match=r"has no labels: name .*data\.label, or use .*conditional=false"):
        network(Shape(1, 16, 16), None, conditional=True)
    assert network(Shape(1, 16, 16), 10).classes is None


def test_noise_and_dropout_disturb_d_in_training_only():
    D = DCGANDiscriminator(Shape(1, 8, 8), channels=(4,), normalization="none", noise=0.5, dropout=0.5)
    x = torch.ones(2, 1, 8, 8)
    assert not torch.equal(D(x), D(x))
    D.eval()
    assert torch.equal(D(x), D(x))


@pytest.mark.parametrize("activation", ["relu", "leaky", "selu"])
def test_every_activation_is_the_one_named(activation):
    kinds = {"relu": nn.ReLU, "leaky": nn.LeakyReLU, "selu": nn.SELU}
    for network in players(activation=activation):
        found = {type(m) for m in network.modules() if isinstance(m, tuple(kinds.values()))}
        assert found == {kinds[activation]}


@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_a_generator_knows_its_prior(prior):
    G = DCGANGenerator(Shape(1, 8, 8), latent=7, prior=prior)
    assert (G.prior.size, G.prior.distribution) == (7, prior)


@pytest.mark.parametrize(("start", "channels"), [(8, (8, 8, 4, 4)), (4, (8, 8, 4)), (16, (8, 4))])
def test_a_start_size_is_where_the_generator_starts(start: int, channels: tuple[int, ...]) -> None:
    network = DCGANGenerator((3, 64, 64), latent=5, channels=channels, start=start)
    assert network.project(torch.zeros(2, 5)).shape == (2, channels[0], start, start)
    assert network(torch.zeros(2, 5)).shape == (2, 3, 64, 64)


def test_a_narrow_picture_stays_finite_in_bfloat16() -> None:
    for seed in range(12):
        torch.manual_seed(seed)
        network = DCGANDiscriminator((5, 20, 12), channels=(64, 128, 256), dropout=0.25)
        network.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert network(torch.rand(64, 5, 20, 12) * 2 - 1).isfinite().all()
