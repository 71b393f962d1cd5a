"""Pairs of images and latents, and who wants what of them."""

import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Play
from ganatomy.core.randomness import Draws
from ganatomy.core.recipe import find_recipe
from ganatomy.core.shape import Shape
from ganatomy.games.bigan import BiGAN
from ganatomy.networks.bigan import ConvEncoder, JointDiscriminator
from ganatomy.networks.dcgan import DCGANGenerator
from ganatomy.objectives.adversarial import LeastSquares, NonSaturating, Wasserstein

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


def test_e_wants_the_label_of_generated_pairs():
    bigan, asked = game(loss=LeastSquares()), batch()
    encoded = bigan.D(asked.x, bigan.E(asked.x))
    torch.testing.assert_close(bigan.generator_and_encoder(asked)["encoded"], 0.5 * encoded.square().mean())
    bigan.discriminator(asked)
    assert asked.play.notes["accuracy_real"] == (encoded > 0.5).float().mean()
    assert bigan.held_out(asked)["accuracy_real"] == asked.play.notes["accuracy_real"]


def test_a_critic_is_never_right_or_wrong():
    bigan, asked = game(loss=Wasserstein()), batch()
    bigan.discriminator(asked)
    assert set(asked.play.notes) == {"score_real", "score_fake"} and set(bigan.held_out(asked)) == {"score_real"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["players.G.latent=50"], r"players\.G\.latent=50, players\.E\.latent=100, .*: set all three alike"),
        (["players.G.conditional=true"], r"set players\.G\.conditional=false"),
        (["players.E.normalization=virtual"], "should be 'batch', 'instance', 'layer' or 'none'"),
        (["game.loss.two_sided=true"], "two_sided=true does nothing with smoothing=0"),
    ],
)
def test_what_does_not_fit_is_refused_when_declared(words, said):
    with pytest.raises(GanatomyError, match=said):
        find_recipe("mnist-bigan").overridden(words)


def test_latents_of_another_size_are_one_setting_for_three():
    words = [f"players.{name}.latent=50" for name in ("G", "E", "D")]
    assert find_recipe("mnist-bigan").overridden(words).players["E"].settings["latent"] == 50


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
