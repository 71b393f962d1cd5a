"""Pairs of images and latents, and who wants what of them."""

import torch

from ganatomy.core.game import Batch, Play
from ganatomy.core.randomness import Draws
from ganatomy.core.shape import Shape
from ganatomy.games.bigan import BiGAN
from ganatomy.networks.bigan import ConvEncoder, JointDiscriminator
from ganatomy.networks.dcgan import DCGANGenerator
from ganatomy.objectives.adversarial import NonSaturating

SHAPE = Shape(1, 16, 12)


def game(**rules) -> BiGAN:
    torch.manual_seed(0)
    return BiGAN(
        DCGANGenerator(SHAPE, latent=5, channels=(6, 4), normalization="none"),
        ConvEncoder(SHAPE, latent=5, channels=(4, 6), normalization="none"),
        JointDiscriminator(SHAPE, latent=5, channels=(4, 6), hidden=8, normalization="none", dropout=0.0),
        **rules,
    )


def batch() -> Batch:
    x = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(1))
    return Batch(x, None, Play(0, 0, Draws((0,), slice(0, 4), 4)))


def test_g_and_e_move_together_against_d():
    assert [(t.movers, t.fresh) for t in game().order()] == [(("D",), True), (("G", "E"), False)]
    assert [t.movers for t in game(order="simultaneous").order()] == [("D", "G", "E")]


def test_d_tells_encoded_from_generated_pairs_and_the_others_turn_the_labels():
    bigan, asked = game(), batch()
    z = bigan.G.prior.draw(asked.play.draws)
    encoded, generated = bigan.D(asked.x, bigan.E(asked.x)), bigan.D(bigan.G(z), z)
    loss = NonSaturating()
    d, ge = bigan.discriminator(asked), bigan.generator_and_encoder(asked)
    torch.testing.assert_close(d["real"], loss.real(encoded))
    torch.testing.assert_close(d["fake"], loss.fake(generated))
    torch.testing.assert_close(ge["generated"], loss.real(generated))
    torch.testing.assert_close(ge["encoded"], loss.fake(encoded))


def test_simultaneous_play_asks_the_same():
    together = game(order="simultaneous").all_three(batch())
    apart = game()
    for movers, terms in ((("D",), apart.discriminator(batch())), (("G", "E"), apart.generator_and_encoder(batch()))):
        torch.testing.assert_close(together[movers], terms)


def test_a_perfect_pair_leaves_d_nothing():
    """Theorem 2: if E inverts G and G's images are the data, both kinds of pair are the same."""
    bigan, asked = game(), batch()
    z = bigan.G.prior.draw(asked.play.draws)
    x = bigan.G(z).detach()
    bigan.E.forward = lambda images: z
    encoded, generated = bigan.scores(Batch(x, None, asked.play))
    torch.testing.assert_close(encoded, generated)
