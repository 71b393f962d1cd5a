"""BigGAN's and R3GAN's players: shapes, shared embedding, how they begin, what is refused."""

import pytest
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.networks.r3gan import R3GANDiscriminator, R3GANGenerator, ResidualBlock
from ganatomy.networks.residual import BigGANDiscriminator, BigGANGenerator, DownBlock, LinearBatchNorm, SelfAttention

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
    told = [m.gain.in_features for m in G.modules() if isinstance(m, LinearBatchNorm)]
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
    assert not any(isinstance(m, LinearBatchNorm) for m in G.modules())
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
    layer, x = LinearBatchNorm(3, 4), torch.randn(5, 3, 2, 2)
    torch.testing.assert_close(layer(x, torch.zeros(5, 4)), nn.BatchNorm2d(3)(x))


def test_attention_begins_as_the_identity():
    layer, x = SelfAttention(16), torch.randn(2, 16, 4, 6)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.gain.fill_(1.0)
    assert layer(x).shape == x.shape and not torch.equal(layer(x), x)


def test_attention_is_a_mean_of_values_over_the_places_that_keys_are_of():
    """Zhang et al., equations 1 to 3, a query after another: of its weights over all keys the sum is 1."""
    torch.manual_seed(0)
    layer, x = SelfAttention(16).double(), torch.randn(2, 16, 4, 6, dtype=torch.float64)
    layer.gain.data.fill_(0.7)
    wanted = x.clone()
    for image in range(2):
        of = {name: conv.weight[:, :, 0, 0] for name, conv in layer.named_children()}
        maps = {name: torch.einsum("oc,chw->ohw", of[name], x[image]) for name in ("query", "key", "value")}
        halved = {name: maps[name].unflatten(2, (3, 2)).unflatten(1, (2, 2)).amax((2, 4)) for name in ("key", "value")}
        places = [(row, column) for row in range(2) for column in range(3)]
        for row in range(4):
            for column in range(6):
                near = [maps["query"][:, row, column] @ halved["key"][:, i, j] for i, j in places]
                share = torch.stack(near).exp() / torch.stack(near).exp().sum()
                seen = sum(s * halved["value"][:, i, j] for s, (i, j) in zip(share, places, strict=True))
                wanted[image, :, row, column] += 0.7 * (of["out"] @ seen)
    torch.testing.assert_close(layer(x), wanted)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2)])
def test_attention_takes_pictures_of_any_size(size):
    """Of one pixel there is one key: all that is seen is its own value. It was an error of torch's, in training."""
    layer, x = SelfAttention(16), torch.randn(2, 16, *size)
    layer.gain.data.fill_(1.0)
    assert layer(x).shape == x.shape
    if size == (1, 1):
        torch.testing.assert_close(layer(x), x + layer.out(layer.value(x)))


def test_attention_is_learned_from_its_gain_on():
    layer = SelfAttention(16)
    assert isinstance(layer.gain, nn.Parameter) and layer.gain == 0
    layer(torch.randn(2, 16, 4, 6)).square().sum().backward()
    assert layer.gain.grad.abs() > 0 and not layer.query.weight.grad.any()


def convolved(conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """A convolution as the sum over its kernel of shifted pictures."""
    k, padded = conv.kernel_size[0], nn.functional.pad(x, (conv.padding[0],) * 4)
    height, width = x.shape[2:]
    total = sum(
        torch.einsum("oc,nchw->nohw", conv.weight[:, :, i, j], padded[:, :, i : i + height, j : j + width])
        for i in range(k)
        for j in range(k)
    )
    return total + conv.bias[:, None, None]


def means_of_four(x: torch.Tensor) -> torch.Tensor:
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


@pytest.mark.parametrize(("before", "after"), [(3, 4), (4, 4)])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("halve", [True, False])
def test_a_block_of_d_is_figure_15c(halve, first, before, after):
    """A ReLU before each 3x3 convolution but the picture's, none beside them; both ways halved, the body in its end."""
    torch.manual_seed(0)
    block = DownBlock(before, after, halve=halve, first=first).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, before, 4, 6, dtype=torch.float64)
    given, smaller = x.clone(), means_of_four if halve else (lambda h: h)
    h = convolved(block.convs[0], x if first else x.clamp(min=0))
    body = smaller(convolved(block.convs[1], h.clamp(min=0)))
    beside = smaller(x if block.beside is None else convolved(block.beside, x))
    assert (block.beside is None) == (before == after and not halve)
    torch.testing.assert_close(block(x), body + beside)
    assert torch.equal(x, given), "what goes beside was not rectified in place"


def test_d_halves_in_its_first_blocks_and_sums_what_is_positive():
    torch.manual_seed(0)
    D = BigGANDiscriminator(Shape(3, 16, 24), 3, channels=(4, 5, 6), halvings=2, attention=(), conditional=True)
    assert [(block.halve, block.first) for block in D.blocks] == [(True, True), (True, False), (False, False)]
    x, sizes = torch.randn(2, 3, 16, 24), []
    h = x
    for block in D.blocks:
        h = block(h)
        sizes.append(tuple(h.shape[2:]))
    assert sizes == [(8, 12), (4, 6), (4, 6)] and (h < 0).any()
    features = h.clamp(min=0).flatten(2).sum(2)
    y = torch.tensor([2, 0])
    wanted = features @ D.score.weight[0] + D.score.bias + (D.projection.table.weight[y] * features).sum(1)
    torch.testing.assert_close(D(x, y), wanted)


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


@pytest.mark.parametrize("player", [R3GANGenerator, R3GANDiscriminator])
def test_r3gans_labels_begin_smaller_than_a_latent(player):
    """As a linear layer of one-hot classes does: of labels as large as latents `mnist-projection-collapse` dies."""
    torch.manual_seed(0)
    label = player(Shape(1, 8, 8), 25, channels=(4, 4), embedding=64, conditional=True).label
    assert abs(label.table.weight.std() - 1 / 5) < 0.02
