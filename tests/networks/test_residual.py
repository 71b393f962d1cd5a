"""BigGAN's and R3GAN's players: shapes, shared embedding, how they begin, what is refused."""

import pytest
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.networks.r3gan import R3GANDiscriminator, R3GANGenerator, ResidualBlock
from ganatomy.networks.residual import BigGANDiscriminator, BigGANGenerator, SelfAttention, ToldBatchNorm

Y = torch.tensor([0, 2, 1])


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("shape", [Shape(1, 16, 16), Shape(3, 16, 32), Shape(4, 16, 24)])
def test_biggan_players_take_and_give_pictures(shape, conditional):
    G = BigGANGenerator(shape, 3, latent=12, channels=(8, 8), attention=(8,), embedding=4, conditional=conditional)
    D = BigGANDiscriminator(shape, 3, channels=(8, 8), attention=(8,), halvings=2, conditional=conditional)
    y = Y if conditional else None
    images = G(torch.randn(3, 12), y)
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    assert D(images, y).shape == (3,)


def test_one_embedding_is_shared_by_all_blocks_and_a_latent_is_cut_into_chunks():
    G = BigGANGenerator(Shape(3, 16, 16), 3, latent=12, channels=(8, 8), attention=(), embedding=4, conditional=True)
    assert sum(isinstance(m, nn.Embedding) for m in G.modules()) == 1
    told = [m.gain.in_features for m in G.modules() if isinstance(m, ToldBatchNorm)]
    assert told == [4 + 4] * 4
    z = torch.randn(2, 12)
    seen = []
    for block in G.blocks:
        block.norms[0].register_forward_hook(lambda _m, given, _out: seen.append(given[1]))
    G(z, Y[:2])
    for i, given in enumerate(seen):
        assert torch.equal(given, torch.cat([G.shared(Y[:2]), z[:, 4 * (i + 1) : 4 * (i + 2)]], 1))


@pytest.mark.parametrize("conditional", [False, True])
def test_an_unsplit_latent_is_the_input_and_no_gain(conditional):
    """SNGAN's generator: only the first layer sees z, and batch norms have gains of their own, or of each class."""
    torch.manual_seed(0)
    rules = {"channels": (8, 8), "attention": (), "split": False, "conditional": conditional}
    G = BigGANGenerator(Shape(3, 16, 16), 3, latent=7, **rules)
    assert G.project.in_features == 7 and G.shared is None
    assert not any(isinstance(m, ToldBatchNorm) for m in G.modules())
    z, y = torch.randn(3, 7), Y if conditional else None
    gains = [norm[0].gain if conditional else norm[0].weight for block in G.blocks for norm in block.norms]
    assert [gain.shape for gain in gains] == [(3, 8) if conditional else (8,)] * 4
    plain = G(z, y)
    assert torch.equal(G(z, y), plain)
    with torch.no_grad():
        (gains[0][0] if conditional else gains[0]).mul_(2)
    changed = (G(z, y) - plain).flatten(1).norm(dim=1)
    assert changed[0] > 1e-4


def test_batch_norm_told_nothing_new_is_batch_norm():
    layer, x = ToldBatchNorm(3, 4), torch.randn(5, 3, 2, 2)
    torch.testing.assert_close(layer(x, torch.zeros(5, 4)), nn.BatchNorm2d(3)(x))


def test_attention_begins_as_the_identity():
    layer, x = SelfAttention(16), torch.randn(2, 16, 4, 6)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.gain.fill_(1.0)
    assert layer(x).shape == x.shape and not torch.equal(layer(x), x)


def test_orthogonal_start():
    weight = BigGANDiscriminator(Shape(3, 16, 16), channels=(8, 8), attention=()).blocks[1].convs[0].weight.flatten(1)
    torch.testing.assert_close(weight @ weight.t(), torch.eye(8))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: BigGANGenerator(Shape(3, 16, 16), latent=10, channels=(4, 4), attention=()), "into 3 chunks.*; 9 can"),
        (
            lambda: BigGANGenerator(Shape(3, 18, 16), latent=9, channels=(4, 4), attention=()),
            "cannot be halved 2 times",
        ),
        (lambda: BigGANGenerator(Shape(3, 16, 16), latent=9, channels=(4, 4), attention=(7,)), "there are: 8, 16"),
        (lambda: BigGANDiscriminator(Shape(3, 16, 16), channels=(4,), halvings=2), "1 blocks cannot halve 2"),
        (lambda: R3GANDiscriminator(Shape(1, 4, 4), channels=(4, 4, 4)), "too small for 3 stages"),
    ],
)
def test_what_cannot_be_is_one_line(build, said):
    with pytest.raises(GanatomyError, match=said):
        build()


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("shape", [Shape(1, 28, 28), Shape(3, 32, 20), Shape(4, 17, 16)])
def test_r3gan_players_take_and_give_pictures(shape, conditional):
    y = Y if conditional else None
    G = R3GANGenerator(shape, 3, latent=6, channels=(8, 8, 4), group=4, embedding=5, conditional=conditional)
    D = R3GANDiscriminator(shape, 3, channels=(4, 8, 8), group=4, embedding=5, conditional=conditional)
    images = G(torch.randn(3, 6), y)
    assert images.shape == (3, *shape)
    assert D(images, y).shape == (3,)


def test_a_residual_block_begins_as_the_identity_and_groups_fit():
    x = torch.randn(2, 10, 5, 5)
    block = ResidualBlock(10, 2, 16, 4)
    assert torch.equal(block(x), x)
    assert ResidualBlock(24, 2, 16, 4).body[2].groups == 3


def test_r3gan_keeps_the_variance_at_the_start():
    torch.manual_seed(0)
    shape = Shape(3, 32, 32)
    G = R3GANGenerator(shape, latent=64, channels=(64, 64, 32))
    h = G.body(G.weigh(torch.randn(64, 64))[:, :, None, None] * G.basis)
    assert 0.3 < h.std() < 1.5
    scores = R3GANDiscriminator(shape, channels=(32, 64, 64))(torch.randn(64, *shape))
    assert 0.02 < scores.std() < 3
