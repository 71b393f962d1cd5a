"""Who plays, in which order, and what is logged."""

from collections import Counter
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Play
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.prior import Prior
from ganatomy.core.randomness import Draws, keyed, reseed_default_generator
from ganatomy.engine.engine import Engine, Settings
from ganatomy.engine.optimizers import SGD
from ganatomy.games.adversarial import Adversarial
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.objectives.adversarial import LeastSquares, Minimax, NonSaturating
from ganatomy.objectives.augment import AdaptiveAugment, Augment, DiffAugment, InstanceNoise
from ganatomy.objectives.penalties import DRAGAN, R1, R2, Consistency, GradientPenalty, LeCam


class G(Generator):
    """Remembers the latents and classes it was given."""

    def __init__(self, classes: int | None = None) -> None:
        super().__init__()
        self.prior, self.classes = Prior(2), classes
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.given: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        self.given.append((z.detach().clone(), y))
        return (z * self.weight).view(-1, 2, 1, 1)


class D(Discriminator):
    """Remembers the images and classes it was shown."""

    def __init__(self, classes: int | None = None) -> None:
        super().__init__()
        self.classes = classes
        self.weight = torch.nn.Parameter(torch.tensor([0.5, -0.25]))
        self.shown: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        self.shown.append((x.detach().clone(), y))
        return x.flatten(1) @ self.weight


class Numbers:
    """Batch n is full of n."""

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor | None]:
        count = len(range(size)[rows or slice(None)])
        return torch.full((count, 2, 1, 1), float(number)), torch.arange(count) % 3


def batch(round: int = 0, repetition: int = 0, y: Tensor | None = None) -> Batch:
    play = Play(round, 0, Draws((0, round, 0, repetition), slice(0, 4), 4))
    return Batch(torch.linspace(-1, 1, 8).view(4, 2, 1, 1), y, play)


def order(**how) -> list[tuple[tuple[str, ...], int, bool]]:
    return [(turn.movers, turn.times, turn.fresh) for turn in Adversarial(G(), D(), **how).order()]


def played(rounds: int = 2, **how) -> tuple[Adversarial, Engine]:
    game = Adversarial(G(), D(), **how)
    engine = Engine(game, {"G": SGD(lr=0.1), "D": SGD(lr=0.1)}, Numbers(), Settings(batch=4, precision="float32"))
    for _ in range(rounds):
        engine.play_round()
    return game, engine


def test_alternating_play_is_d_then_g_on_no_new_images():
    assert order() == [(("D",), 1, True), (("G",), 1, False)]
    assert order(d_steps=5, g_steps=2) == [(("D",), 5, True), (("G",), 2, False)]


def test_split_play_is_d_on_real_then_on_generated_then_g():
    half = [(("D",), 1, True), (("D",), 1, False)]
    assert order(order="split") == [*half, (("G",), 1, False)]
    assert order(order="split", d_steps=2, g_steps=3) == [*half, *half, (("G",), 3, False)]


def test_simultaneous_play_is_one_turn_of_both():
    assert order(order="simultaneous") == [(("D", "G"), 1, True)]


@pytest.mark.parametrize(("g", "d"), [(3, None), (None, 3)])
def test_one_conditional_player_is_refused(g, d):
    with pytest.raises(GanatomyError, match=r"set players\.G\.conditional and players\.D\.conditional alike"):
        Adversarial(G(g), D(d))


class Normed(D):
    """Has batch norm, and no setting that says so."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(2)


@pytest.mark.parametrize("penalty", [R1(), R2(), GradientPenalty(), DRAGAN()])
def test_a_penalty_on_the_gradient_of_ones_own_d_with_batch_norm_is_refused(penalty):
    Adversarial(G(), Normed(), penalties=(Consistency(), LeCam()))
    with pytest.raises(GanatomyError, match="gradient and batch norm in D do not go together: it needs scores that"):
        Adversarial(G(), Normed(), penalties=(LeCam(), penalty))


TURNS = {
    "alternating": [{"real", "fake"}, {"adversarial"}],
    "split": [{"real"}, {"fake"}, {"adversarial"}],
}


@pytest.mark.parametrize("kind", TURNS)
def test_every_term_has_its_name(kind):
    game = Adversarial(G(), D(), order=kind)
    assert [set(turn.terms(batch())) for turn in game.order()] == TURNS[kind]


def test_simultaneous_terms_belong_to_their_movers():
    (turn,) = Adversarial(G(), D(), order="simultaneous").order()
    grouped = turn.terms(batch())
    assert {movers: set(terms) for movers, terms in grouped.items()} == {
        ("D",): {"real", "fake"},
        ("G",): {"adversarial"},
    }


@pytest.mark.parametrize("loss", [NonSaturating(smoothing=0.1), Minimax()])
def test_all_orders_ask_the_same_of_d_at_the_same_weights(loss):
    def terms(kind: str) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for turn in Adversarial(G(), D(), loss=loss, order=kind).order():
            own = turn.terms(batch())
            found |= {k: v for terms in own.values() for k, v in terms.items()} if len(turn.movers) > 1 else own
        return found

    first = terms("alternating")
    for kind in ("split", "simultaneous"):
        torch.testing.assert_close(terms(kind), first)


def test_notes_say_how_sure_and_how_right_d_is():
    game, asked = Adversarial(G(), D()), batch()
    game.discriminator(asked)
    (x, _), (fake, _) = game.D.shown
    real_scores, fake_scores = (p.flatten(1) @ game.D.weight for p in (x, fake))
    notes = asked.play.notes
    assert set(notes) == {"score_real", "score_fake", "accuracy_real", "accuracy_fake"}
    torch.testing.assert_close(notes["score_real"], torch.sigmoid(real_scores).mean())
    assert notes["accuracy_real"] == (real_scores > 0).float().mean()
    assert notes["accuracy_fake"] == (fake_scores < 0).float().mean()
    assert not any(note.requires_grad for note in notes.values())


def test_five_steps_of_d_see_five_batches_and_five_latents_and_g_another():
    game, engine = played(rounds=2, d_steps=5)
    latents = [z for z, _ in game.G.given]
    assert len(latents) == 12
    assert len({tuple(z.flatten().tolist()) for z in latents}) == 12
    real = [x[0, 0, 0, 0].item() for x, _ in game.D.shown if x.std() == 0]
    assert real == list(range(10))
    assert engine.images == 40


def test_split_play_shows_each_batch_once_and_draws_noise_for_g_anew():
    game, engine = played(rounds=3, order="split")
    assert [x.std().item() == 0 for x, _ in game.D.shown] == [True, False, False] * 3
    assert len({tuple(z.flatten().tolist()) for z, _ in game.G.given}) == 6
    assert engine.images == 12


def test_simultaneous_play_makes_one_pass_of_g_for_both():
    game, _ = played(rounds=1, order="simultaneous")
    assert len(game.G.given) == 1
    assert Counter(x.std().item() == 0 for x, _ in game.D.shown) == {True: 1, False: 1}


def test_unconditional_players_are_shown_no_labels():
    game = Adversarial(G(), D())
    for turn in game.order():
        turn.terms(batch(y=torch.tensor([0, 1, 2, 0])))
    assert all(y is None for _, y in [*game.G.given, *game.D.shown])


def test_conditional_players_see_the_labels_of_what_they_see():
    game, y = Adversarial(G(3), D(3)), torch.tensor([2, 1, 0, 0])
    game.discriminator(batch(y=y))
    (_, asked), (_, of_real), (_, of_fake) = game.G.given[0], *game.D.shown
    assert torch.equal(of_real, y)
    assert torch.equal(of_fake, asked)
    assert torch.equal(asked, y), "generated images are asked for the classes that the real ones have"


def test_held_out_images_are_only_looked_at():
    game = Adversarial(G(), D())
    figures = game.held_out(batch())
    assert set(figures) == {"score_real", "accuracy_real"}
    assert game.G.given == []


def test_held_out_images_are_augmented_as_those_of_training_are():
    """Else D would seem to be better or worse at images that it never saw."""
    game, asked = Adversarial(G(), D(), augment=(InstanceNoise(sigma=1.0),)), batch()
    figures = game.held_out(asked)
    game.discriminator(asked)
    (held_out, _), (trained, _), _ = game.D.shown
    assert torch.equal(held_out, trained) and not torch.equal(held_out, asked.x)
    assert figures["score_real"] == asked.play.notes["score_real"]


@pytest.mark.parametrize(("scores", "rises"), [(0.4, False), (0.6, True)])
def test_adaptive_augmentation_hears_on_which_side_of_the_middle_a_score_is(scores, rises):
    """With least squares D is undecided at 0.5, so 0.4 is no sign of overfitting."""
    augment = AdaptiveAugment(images=8)
    augment.probability.fill_(0.5)
    game = Adversarial(G(), D(), loss=LeastSquares(), augment=(augment,))
    game.D.forward = lambda x, y: x.flatten(1).sum(1) * 0 * game.D.weight[0] + scores
    game.discriminator(batch())
    assert (augment.probability > 0.5) == rises


class Squared(Augment):
    def forward(self, x: Tensor, play: Play, which: str) -> Tensor:
        return x**2


def test_r1_and_r2_are_of_the_images_before_they_are_augmented():
    """The gradient of w x^2 at x is 2 w x."""
    game = Adversarial(G(), D(), penalties=(R1(gamma=2.0), R2(gamma=2.0)), augment=(Squared(),))
    terms, (fake, _) = game.discriminator(batch()), game.generated(batch())
    for title, x in (("r1", batch().x), ("r2", fake)):
        torch.testing.assert_close(terms[title], (2 * x.flatten(1) * game.D.weight).square().sum(1).mean())


RULES = {
    "penalties": (GradientPenalty(), R1(every=2), R2(), Consistency(on="both", shift=1), LeCam(decay=0.5)),
    "augment": (DiffAugment(changes=("translation",)), AdaptiveAugment(images=16, target=-0.9), InstanceNoise()),
}


def test_parts_of_a_batch_equal_the_whole_with_every_penalty_and_augmentation():
    def played(accumulate: int) -> tuple[dict[str, Tensor], dict[str, float]]:
        reseed_default_generator("players")
        players = {"G": MLPGenerator((1, 4, 4), latent=3, hidden=(5,)), "D": MLPDiscriminator((1, 4, 4), hidden=(5,))}
        game = Adversarial(**players, **deepcopy(RULES))
        settings = Settings(batch=8, accumulate=accumulate, precision="float64")
        engine = Engine(game, {"G": SGD(lr=0.02), "D": SGD(lr=0.02)}, Squares(), settings)
        for _ in range(4):
            engine.play_round()
        return dict(game.state_dict()), engine.ledger.means()

    (whole, figures), (parts, of_parts) = played(1), played(4)
    assert whole["augment.1.probability"] > 0 and whole["penalties.4.real_average"] != 0
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-10)
    assert of_parts == pytest.approx(figures, abs=1e-10)


class Squares:
    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, None]:
        x = torch.from_numpy(keyed("squares", number).random((size, 1, 4, 4))) * 2 - 1
        return x[rows or slice(None)], None


def test_bfloat16_scores_become_float32_and_float64_stays():
    game = Adversarial(G(), D())
    for dtype, found in (
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        assert game.to(dtype).discriminate(torch.zeros(1, 2, 1, 1, dtype=dtype), None).scores.dtype == found


class Symmetric(D):
    """Sees an image and its mirror image alike, to the bit."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (x + x.flip(3)).flatten(1) @ self.weight.repeat_interleave(4)


def test_consistency_of_a_d_that_sees_no_change_is_zero_in_bfloat16_too():
    """Both scores are then as coarse: that of a changed image in float32 would differ by the rounding."""
    game = Adversarial(G(), Symmetric(), penalties=(Consistency(shift=0),))
    x = torch.randn(4, 2, 1, 4, generator=torch.Generator().manual_seed(0))
    asked = Batch(x, None, batch().play)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        step = game.discriminator_step(asked, x.flip(0), None)
        assert step.score(x, None).dtype == torch.float32 and not torch.equal(step.score(x, None), step.real_scores)
        assert game.discriminator_loss(step)["consistency"] == 0
