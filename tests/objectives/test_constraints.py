"""Weights stay within the bounds that were asked for."""

import copy
from collections import Counter
from typing import get_args

import pytest
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.networks.conditioning import ConditionalBatchNorm
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.layers import NarrowConv2d
from ganatomy.networks.normalization import Normalization, normalization
from ganatomy.networks.r3gan import R3GANDiscriminator
from ganatomy.networks.residual import BigGANGenerator
from ganatomy.objectives.constraints import Spectral, SpectralNormalization, WeightClipping
from ganatomy.objectives.regularizers import OrthogonalRegularization, filters


def players() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    shape = Shape(3, 16, 16)
    G = DCGANGenerator(shape, latent=6, channels=(8, 4), deviation=0.3)
    return {"G": G, "D": DCGANDiscriminator(shape, channels=(4, 8), deviation=0.3)}


def test_clipping_bounds_the_weights_of_d_and_leaves_gains_and_g():
    both = players()
    before = copy.deepcopy(both)
    WeightClipping(window=0.01).project(both, ("D",))
    gains = 0
    for module in both["D"].modules():
        for parameter in module.parameters(recurse=False):
            if isinstance(module, nn.BatchNorm2d):
                gains += 1
            else:
                assert parameter.abs().max() <= 0.01
    assert gains
    assert max(p.abs().max() for p in both["D"].parameters()) > 0.5, "the gains are as they were"
    for name, value in before["G"].state_dict().items():
        assert torch.equal(both["G"].state_dict()[name], value)


NORMS = {
    **{
        kind: (lambda kind=kind: normalization(kind, 3, reference=2))
        for kind in get_args(Normalization)
        if kind != "none"
    },
    "by class": lambda: ConditionalBatchNorm(3, 4),
}


@pytest.mark.parametrize("kind", NORMS)
def test_clipping_knows_the_gains_of_every_normalization(kind):
    gains, asked = NORMS[kind](), NORMS[kind]()
    WeightClipping().project({"D": gains}, ("D",))
    WeightClipping(clip_gains=True).project({"D": asked}, ("D",))
    largest = [max(p.abs().max().item() for p in layer.parameters()) for layer in (gains, asked)]
    assert largest == [1, pytest.approx(0.01)]


def test_clipping_clips_gains_when_asked():
    both = players()
    WeightClipping(window=0.02, clip_gains=True).project(both, ("D",))
    assert max(p.abs().max() for p in both["D"].parameters()) <= 0.02


def test_nobody_is_clipped_who_did_not_step():
    both = players()
    before = copy.deepcopy(both["D"].state_dict())
    WeightClipping().project(both, ("G",))
    assert all(torch.equal(value, before[name]) for name, value in both["D"].state_dict().items())


def test_spectral_normalization_makes_every_largest_singular_value_one():
    both = players()
    SpectralNormalization(players=("G", "D")).attach(both)
    x, z = torch.randn(4, 3, 16, 16), torch.randn(4, 6)
    for _ in range(50):
        both["D"](x)
        both["G"](z)
    checked = 0
    for player in both.values():
        player.eval()
        for module in player.modules():
            if hasattr(module, "parametrizations"):
                outputs_first = (
                    module.weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else module.weight
                )
                largest = torch.linalg.matrix_norm(outputs_first.flatten(1), ord=2)
                assert abs(largest.item() - 1) < 0.01, module
                checked += 1
    assert checked == 6


def test_spectral_normalization_iterates_in_training_only():
    D = players()["D"]
    SpectralNormalization().attach({"D": D})
    buffers = lambda: torch.cat([b.flatten() for n, b in D.named_buffers() if n.endswith(".u")]).clone()  # noqa: E731
    x = torch.randn(2, 3, 16, 16)
    start = buffers()
    D.eval()(x)
    assert torch.equal(buffers(), start)
    D.train()(x)
    once = buffers()
    assert not torch.equal(once, start)
    matrix = D.score.parametrizations.weight.original.detach()
    u, v = D.score.parametrizations.weight[0].u, D.score.parametrizations.weight[0].v
    torch.testing.assert_close(torch.dot(u, matrix @ v), torch.linalg.matrix_norm(matrix, ord=2))


@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_normalization_iterates_as_often_as_it_says_in_every_pass(iterations, monkeypatch):
    shape = Shape(3, 8, 16)
    both = {
        "G": BigGANGenerator(shape, latent=6, channels=(4, 4), attention=(4,)),
        "D": DCGANDiscriminator(shape, 3, channels=(4, 4, 4), conditional=True, conditioning="projection"),
    }
    assert any(isinstance(m, NarrowConv2d) for m in both["D"].modules())
    SpectralNormalization(iterations=iterations, players=("G", "D")).attach(both)
    seen = Counter()
    monkeypatch.setattr(Spectral, "_iterate", lambda self, matrix, times: seen.update({self: times}))
    both["D"](both["G"](torch.randn(2, 6)), torch.tensor([0, 2]))
    spectrals = {m for player in both.values() for m in player.modules() if isinstance(m, Spectral)}
    assert seen == dict.fromkeys(spectrals, iterations)


def test_gs_embeddings_are_inputs_and_keep_their_length():
    """As in BigGAN's code; D's are its weights."""
    shape = Shape(1, 8, 8)
    both = {
        "G": DCGANGenerator(shape, 3, latent=4, channels=(4, 4), conditional=True, embedding=5),
        "D": DCGANDiscriminator(shape, 3, channels=(4, 4), conditional=True, embedding=5),
    }
    before = both["G"].label.table.weight.clone()
    SpectralNormalization(players=("G", "D")).attach(both)
    assert torch.equal(both["G"].label.table.weight, before)
    torch.testing.assert_close(torch.linalg.matrix_norm(both["D"].label.table.weight, ord=2), torch.tensor(1.0))


def test_a_layer_of_zeros_is_refused_by_its_name():
    with pytest.raises(GanatomyError, match=r"weights of R3GANDiscriminator's 'body\.1\.0\.body\.4' begin at zero"):
        SpectralNormalization().attach({"D": R3GANDiscriminator(Shape(1, 8, 8), channels=(4, 4))})


def test_spectral_normalization_is_the_same_under_autocast():
    D = players()["D"]
    SpectralNormalization().attach({"D": D})
    D.eval()
    plain = D.score.weight.clone()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert D.score.weight.dtype == torch.float32
        assert torch.equal(D.score.weight, plain)


def test_a_scaled_weight_is_normalized_to_the_same():
    D, twin = players()["D"], players()["D"]
    with torch.no_grad():
        for p in twin.parameters():
            if p.dim() > 1:
                p.mul_(7)
    for player in (D, twin):
        SpectralNormalization(iterations=30).attach({"D": player})
    x = torch.randn(2, 3, 16, 16)
    D(x), twin(x)
    torch.testing.assert_close(D.score.weight, twin.score.weight)


@pytest.mark.parametrize("kind", [nn.Linear, nn.Conv2d, nn.ConvTranspose2d])
def test_orthogonal_filters_cost_nothing_whatever_their_length(kind):
    layer = kind(4, 3) if kind is nn.Linear else kind(4, 3, 2)
    with torch.no_grad():
        matrix = torch.linalg.qr(torch.randn(filters(layer).shape[1], 3))[0].t() * torch.tensor([[1.0], [2.0], [5.0]])
        weight = matrix.view(3, 4, *layer.weight.shape[2:])
        layer.weight.copy_(weight.transpose(0, 1) if kind is nn.ConvTranspose2d else weight)
    rule = OrthogonalRegularization()
    assert rule.value(layer) < 1e-9
    with torch.no_grad():
        layer.weight.fill_(1.0)
    rows, numbers = filters(layer).shape
    torch.testing.assert_close(rule.value(layer).item(), float(rows * (rows - 1) * numbers**2))


def test_orthogonal_filters_cost_nothing_under_autocast_either():
    layer, rule = nn.Linear(256, 64), OrthogonalRegularization()
    nn.init.orthogonal_(layer.weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert rule.value(layer) < 1e-9
        rule.value(layer).backward()
    assert layer.weight.grad.abs().max() < 1e-5
