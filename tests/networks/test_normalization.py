"""Virtual batch norm after its definition; conditional batch norm; what else there is."""

import pytest
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.networks.conditioning import ConditionalBatchNorm, LabelEmbedding, Projection
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.layers import MinibatchDeviation
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.networks.normalization import VirtualBatchNorm, normalization

torch.manual_seed(0)
REFERENCE = torch.randn(5, 3, 4, 4, dtype=torch.float64)
EXAMPLES = torch.randn(7, 3, 4, 4, dtype=torch.float64) * 2 + 1


@pytest.mark.parametrize("vectors", [False, True])
def test_the_reference_pass_is_batch_norm(vectors):
    reference, examples = (t[:, :, 0, 0] if vectors else t for t in (REFERENCE, EXAMPLES))
    layer = VirtualBatchNorm(3, 5).double()
    plain = (nn.BatchNorm1d if vectors else nn.BatchNorm2d)(3).double()
    nn.init.normal_(layer.weight), nn.init.normal_(layer.bias)
    plain.weight, plain.bias = layer.weight, layer.bias
    torch.testing.assert_close(layer(torch.cat([reference, examples]))[:5], plain(reference))


def test_an_example_is_normalized_by_the_reference_and_itself():
    """Its weight is 1 / (n + 1): the statistics of the reference batch with the example put to it."""
    layer = VirtualBatchNorm(3, 5, eps=0.0).double()
    together = layer(torch.cat([REFERENCE, EXAMPLES]))[5:]
    for example, normalized in zip(EXAMPLES, together, strict=True):
        six = torch.cat([REFERENCE, example[None]])
        mean, variance = six.mean((0, 2, 3)), six.var((0, 2, 3), correction=0)
        wanted = (example - mean[:, None, None]) / variance.sqrt()[:, None, None]
        torch.testing.assert_close(normalized, wanted)


NETWORKS = {
    "dcgan-g": lambda: DCGANGenerator(
        Shape(1, 8, 8), 3, latent=4, channels=(6, 4), normalization="virtual", reference=5
    ),
    "dcgan-d": lambda: DCGANDiscriminator(Shape(1, 8, 8), 3, channels=(4, 6), normalization="virtual", reference=5),
    "dcgan-cg": lambda: DCGANGenerator(
        Shape(1, 8, 8), 3, latent=4, channels=(6, 4), normalization="virtual", reference=5, conditional=True
    ),
    "dcgan-cd": lambda: DCGANDiscriminator(
        Shape(1, 8, 8), 3, channels=(4, 6), normalization="virtual", reference=5, conditional=True
    ),
    "mlp-g": lambda: MLPGenerator(Shape(1, 8, 8), latent=4, hidden=(6,), normalization="virtual", reference=5),
    "mlp-d": lambda: MLPDiscriminator(Shape(1, 8, 8), 3, hidden=(6,), normalization="virtual", conditional=True),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_an_output_does_not_depend_on_its_batch_mates(name):
    network = NETWORKS[name]()
    x = torch.randn(6, 4) if name.endswith("g") else torch.randn(6, 1, 8, 8)
    y = torch.tensor([0, 1, 2, 2, 1, 0])
    if not name.endswith("g"):
        network.reference.take(torch.randn(len(network.reference), 1, 8, 8), torch.arange(len(network.reference)) % 3)
    whole = network(x, y)
    assert len(whole) == 6
    torch.testing.assert_close(torch.cat([network(x[i : i + 1], y[i : i + 1]) for i in range(6)]), whole)


@pytest.mark.parametrize("name", ["dcgan-cg", "dcgan-cd", "mlp-d"])
def test_classes_may_be_mixed_beside_a_reference_batch(name):
    network = NETWORKS[name]()
    x, y = torch.randn(6, 4) if name.endswith("g") else torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2, 2, 1, 0])
    torch.testing.assert_close(network(x, nn.functional.one_hot(y, 3).float()), network(x, y))


def test_a_generators_reference_batch_is_none_of_its_samples():
    network = NETWORKS["dcgan-cg"]()
    assert not torch.isin(network.reference.inputs, network.prior.sample(0, 0, 64)).any()


def test_a_reference_batch_is_state_and_never_trained():
    network = NETWORKS["dcgan-cd"]()
    assert {"reference.inputs", "reference.classes"} <= set(network.state_dict())
    assert not any("reference" in name for name, _ in network.named_parameters())


def test_a_generators_reference_has_every_class():
    assert NETWORKS["dcgan-cg"]().reference.classes.tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("dimensions", [1, 2])
def test_conditional_batch_norm_with_equal_rows_is_batch_norm(dimensions):
    x = torch.randn(6, 3, 4, 4) if dimensions == 2 else torch.randn(6, 3)
    layer, plain = ConditionalBatchNorm(3, 4, dimensions), (nn.BatchNorm2d if dimensions == 2 else nn.BatchNorm1d)(3)
    y = torch.tensor([0, 1, 2, 3, 0, 1])
    torch.testing.assert_close(layer(x, y), plain(x))
    with torch.no_grad():
        layer.gain[2] = 5.0
    changed = layer(x, y)
    torch.testing.assert_close(changed[2], 5 * plain(x)[2])
    torch.testing.assert_close(changed[[0, 1, 3, 4, 5]], plain(x)[[0, 1, 3, 4, 5]])


def test_conditional_batch_norm_needs_classes():
    with pytest.raises(GanatomyError, match="needs the class"):
        ConditionalBatchNorm(3, 4)(torch.randn(2, 3, 1, 1))


def test_projection_is_an_inner_product_with_the_classes_vector():
    layer, features = Projection(3, 5), torch.randn(4, 5)
    y = torch.tensor([2, 0, 2, 1])
    torch.testing.assert_close(layer(features, y), (layer.table.weight[y] * features).sum(1))


def test_a_label_embedding_begins_like_a_latent():
    numbers = LabelEmbedding(200, 50).table.weight
    assert abs(numbers.std().item() - 1) < 0.05


def test_layer_and_instance_norm_are_of_one_image_alone():
    x = torch.randn(4, 3, 5, 5)
    for kind in ("layer", "instance"):
        layer = normalization(kind, 3)
        torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]))
        assert layer.weight.shape == (3,)
    torch.testing.assert_close(normalization("layer", 3)(x).mean((1, 2, 3)), torch.zeros(4), atol=1e-6, rtol=0)


def test_minibatch_deviation_is_zero_for_equal_images_and_known_for_two():
    layer, x = MinibatchDeviation(2), torch.zeros(4, 3, 2, 2)
    assert layer(x).shape == (4, 4, 2, 2)
    assert layer(x)[:, 3].abs().max() < 1e-3
    x[0] = 2.0  # with image 2, whose partner it is: a deviation of 1
    found = layer(x)[:, 3, 0, 0]
    torch.testing.assert_close(found, torch.tensor([1.0, 1e-4, 1.0, 1e-4]), atol=1e-3, rtol=0)
    assert MinibatchDeviation(4)(torch.randn(3, 2, 2, 2)).shape == (3, 3, 2, 2)


@pytest.mark.parametrize("norm", ["none", "virtual"])
def test_a_batch_of_equal_images_has_no_deviation_whatever_the_reference_batch_is(norm):
    D = DCGANDiscriminator(Shape(1, 8, 8), channels=(4, 6), normalization=norm, minibatch_deviation=True)
    if D.reference is not None:
        D.reference.take(torch.randn(len(D.reference), 1, 8, 8), None)
    seen = []
    D.differing.register_forward_hook(lambda _module, _given, out: seen.append(out[:, -1]))
    D(torch.randn(1, 1, 8, 8).expand(4, 1, 8, 8))
    D(torch.randn(4, 1, 8, 8))
    assert seen[0].abs().max() < 1e-3 < seen[1].min()


@pytest.mark.parametrize("size", [(), (3, 5)])
def test_virtual_batch_norm_has_the_gradients_of_its_formula_twice(size: tuple[int, ...]) -> None:
    norm = VirtualBatchNorm(4, reference=3).double()
    x = torch.randn(5, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(norm, (x,)) and torch.autograd.gradgradcheck(norm, (x,))
    assert torch.autograd.gradcheck(lambda w: torch.func.functional_call(norm, {"weight": w}, (x,)), (norm.weight,))


def test_virtual_batch_norm_keeps_bfloat16_close_to_float32() -> None:
    norm = VirtualBatchNorm(8, reference=4)
    x = torch.randn(12, 8, 6, 6, generator=torch.Generator().manual_seed(0)) * 3 + 1
    assert (norm(x) - norm(x.bfloat16()).float()).abs().max() < 0.05
