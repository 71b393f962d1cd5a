"""What must hold of the engine whatever the game."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Game, Play, Terms, Turn
from ganatomy.core.observer import Moment, Observer
from ganatomy.core.randomness import Draws, keyed, reseed_default_generator
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.engine import Engine, Settings
from ganatomy.engine.optimizers import SGD, Adam, Optimizer
from ganatomy.games.adversarial import Adversarial
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.networks.mlp import MLPDiscriminator, MLPGenerator
from ganatomy.networks.normalization import Normalization
from ganatomy.objectives.adversarial import Minimax, NonSaturating
from ganatomy.objectives.penalties import DiscriminatorStep, Penalty

SHAPE = (1, 8, 8)
DEVICE = torch.device("cpu")  # tests/gpu has another


class Noise:
    """A feed of pictures drawn by number."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor | None]:
        self.asked.append(number)
        x = torch.from_numpy(keyed("feed", number).random((size, *SHAPE))).float() * 2 - 1
        return x[rows or slice(None)].to(DEVICE), torch.arange(size, device=DEVICE)[rows or slice(None)] % 3


def smooth_players(conditional: bool = False) -> dict[str, nn.Module]:
    """Players without batch statistics or dropout, for laws that hold to rounding."""
    reseed_default_generator("players")
    common: dict[str, Any] = {"hidden": (16,), "conditional": conditional}
    return {"G": MLPGenerator(SHAPE, 3, latent=4, **common), "D": MLPDiscriminator(SHAPE, 3, **common)}


def conv_players(normalization: Normalization = "batch") -> dict[str, nn.Module]:
    reseed_default_generator("players")
    return {
        "G": DCGANGenerator(SHAPE, latent=4, channels=(8, 4)),
        "D": DCGANDiscriminator(SHAPE, channels=(4, 8), normalization=normalization, dropout=0.25, noise=0.02),
    }


def engine(
    players: dict[str, nn.Module] | None = None,
    how: Optimizer | None = None,
    average: ExponentialAverage | None = None,
    observers: tuple[Observer, ...] = (),
    game: Callable[..., Game] = Adversarial,
    rules: dict[str, Any] | None = None,
    **settings: Any,
) -> Engine:
    players = players or smooth_players()
    how = how or SGD(lr=0.1)
    fixed = Settings(**{"batch": 8, "precision": "float64", "seed": 3, **settings})
    return Engine(
        game(**players, **(rules or {})),
        dict.fromkeys(players, how),
        Noise(),
        fixed,
        average=average,
        device=DEVICE,
        observers=observers,
    )


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def largest_difference(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def test_accumulating_equals_one_batch() -> None:
    whole, parts = engine(), engine(accumulate=4)
    for _ in range(5):
        whole.play_round()
        parts.play_round()
    assert largest_difference(weights(whole.game), weights(parts.game)) < 1e-10
    assert whole.ledger.means() == pytest.approx(parts.ledger.means(), abs=1e-10)


def test_accumulating_equals_one_batch_in_simultaneous_play() -> None:
    rules = {"order": "simultaneous"}
    whole, parts = engine(rules=rules), engine(rules=rules, accumulate=2)
    for _ in range(5):
        whole.play_round()
        parts.play_round()
    assert largest_difference(weights(whole.game), weights(parts.game)) < 1e-10


def test_frozen_players_keep_their_weights_and_optimizer_state() -> None:
    played = engine(conv_players(), Adam(), precision="float32")
    played.play_round()
    turns = list(played.game.order())
    for index, (mover, other) in enumerate((("D", "G"), ("G", "D"))):
        still, moving = weights(played.players[other]), weights(played.players[mover])
        state = copy.deepcopy(played.torch_optimizers[other].state_dict()["state"])
        played.play_turn(turns[index], (0, 0, index, 0))
        assert largest_difference(still, weights(played.players[other])) == 0
        assert largest_difference(moving, weights(played.players[mover])) > 0
        after = played.torch_optimizers[other].state_dict()["state"]
        assert all(torch.equal(state[i][key], after[i][key]) for i in state for key in state[i])


def test_movers_move_exactly_as_often_as_the_order_says() -> None:
    played = engine(conv_players(), Adam(), precision="float32", rules={"d_steps": 3, "g_steps": 2})
    for _ in range(2):
        played.play_round()
    steps = {name: int(s.state_dict()["state"][0]["step"]) for name, s in played.torch_optimizers.items()}
    assert steps == {"D": 6, "G": 4}


def test_every_discriminator_step_sees_fresh_images_and_fresh_latents() -> None:
    seen: list[Tensor] = []

    class Listening(Adversarial):
        def generated(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
            seen.append(self.G.prior.draw(batch.play.draws))
            return super().generated(batch)

    played = engine(game=Listening, rules={"d_steps": 5})
    played.play_round()
    assert played.feed.asked == [0, 1, 2, 3, 4]  # type: ignore[attr-defined]
    assert len(seen) == 6
    assert len({tuple(z.flatten().tolist()) for z in seen}) == 6
    assert played.images == 40


def test_buffers_advance_as_in_a_plain_loop() -> None:
    """Batch-norm statistics and weights after three rounds equal those of the loop one would write by hand."""
    played = engine(conv_without_chance(), Adam(), precision="float32")
    by_hand = conv_without_chance()
    G, D = by_hand["G"], by_hand["D"]
    for module in (G, D):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step_g, step_d = Adam().make(G.parameters()), Adam().make(D.parameters())
    loss = NonSaturating()
    for round in range(3):
        x = Noise().batch(round, 8)[0]
        z = [G.prior.draw(Draws((3, round, turn, 0), slice(0, 8), 8)) for turn in range(2)]
        step_d.zero_grad()
        real = loss.real(D(x))
        fake = loss.fake(D(G(z[0]).detach()))
        torch.stack([real, fake]).sum().backward()
        step_d.step()
        step_g.zero_grad()
        loss.generator(D(G(z[1]))).backward()
        step_g.step()
        played.play_round()
    for name, player in (("G", G), ("D", D)):
        for key, value in player.state_dict().items():
            torch.testing.assert_close(played.players[name].state_dict()[key], value, rtol=1e-5, atol=1e-6)


def conv_without_chance() -> dict[str, nn.Module]:
    reseed_default_generator("players")
    return {"G": DCGANGenerator(SHAPE, latent=4, channels=(8, 4)), "D": DCGANDiscriminator(SHAPE, channels=(4, 8))}


@pytest.mark.parametrize("loss", [NonSaturating(smoothing=0.1), Minimax()])
def test_simultaneous_gradients_equal_alternating_ones_at_the_same_weights(loss: NonSaturating | Minimax) -> None:
    """Under minimax the two losses would cancel in one sum; each group must descend its own."""
    together = engine(rules={"loss": loss, "order": "simultaneous"})
    gradients = gradients_of(together, next(iter(together.game.order())))
    apart = engine(rules={"loss": loss})
    turns = list(apart.game.order())
    key = (3, 0, 0, 0)
    for turn in turns:
        alone = gradients_of(apart, turn, key)
        mover = turn.movers[0]
        for name, gradient in alone[mover].items():
            torch.testing.assert_close(gradients[mover][name], gradient, rtol=0, atol=1e-12)


def gradients_of(played: Engine, turn: Turn, key: tuple[int, ...] = (3, 0, 0, 0)) -> dict[str, dict[str, Tensor]]:
    from ganatomy.engine.engine import only_moving

    played.game.zero_grad()
    played.drawn = max(played.drawn, 1)
    with only_moving(played.trained, turn.movers):
        played._gradients(turn, played._batches(key))
        found = {
            name: {key: p.grad.clone() for key, p in player.named_parameters() if p.grad is not None}
            for name, player in played.players.items()
        }
    assert all(found[mover] for mover in turn.movers)
    return found


def test_watching_changes_nothing() -> None:
    """A run that is looked at, with held-out figures, ends with the same bits as one that is not."""

    class Busy(Observer):
        def after_round(self, moment: Moment) -> None:
            torch.randn(1000)
            torch.manual_seed(moment.round)

    alone = engine(conv_players(), Adam(), precision="float32", log_every=10**9)
    watched = engine(conv_players(), Adam(), precision="float32", log_every=8, observers=(Busy(),))
    watched.held_out = Noise()
    alone.play(64)
    watched.play(64)
    assert largest_difference(weights(alone.game), weights(watched.game)) == 0
    for name, value in alone.game.state_dict().items():
        assert torch.equal(value, watched.game.state_dict()[name]), name


def test_who_watches_gives_back_what_it_holds_also_if_another_cannot_begin() -> None:
    closed = list[str]()

    class Bar(Observer):
        def close(self) -> None:
            closed.append("bar")

    class Broken(Observer):
        def begin(self, moment: Moment) -> None:
            raise GanatomyError("no")

    with pytest.raises(GanatomyError, match="no"):
        engine(observers=(Bar(), Broken())).play(8)
    assert closed == ["bar"]


def test_the_time_of_the_device_counts_and_not_only_that_of_handing_it_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is late with all it was given, wherever that is waited for."""
    waits = list[float]()

    def late(device: torch.device) -> None:
        time.sleep(0.2)
        waits.append(time.perf_counter())

    played, told = engine(), list[Moment]()

    class Told(Observer):
        def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
            told.append(moment)

        def end(self, moment: Moment) -> None:
            told.append(moment)

    monkeypatch.setattr("ganatomy.engine.engine.wait_for", late)
    played.observers = [Told()]
    played.settings = replace(played.settings, log_every=2 * played.settings.batch)
    played.play(3 * played.settings.batch)
    assert len(waits) == 2 and [moment.round for moment in told] == [2, 3], "with each line of figures, and at the end"
    assert told[0].seconds > 0.2 and told[1].seconds > 0.4 and played.seconds == told[1].seconds


def test_the_average_follows_its_formula() -> None:
    average = ExponentialAverage(half_life=100, warm_up=0.05)
    assert average.decay(10**9, 100) == 0.5
    assert average.decay(1000, 50) == 0.5  # a half-life of 0.05 x 1000 images
    played = engine(average=average)
    expected = weights(played.players["G"])
    for _ in range(4):
        played.play_round()
        decay = average.decay(played.images, 8)
        now = weights(played.players["G"])
        expected = {name: decay * value + (1 - decay) * now[name] for name, value in expected.items()}
        assert largest_difference(expected, weights(played.averaged["G"].module)) < 1e-12


def test_clipping_bounds_the_gradient() -> None:
    before = engine()
    clipped = engine(how=SGD(lr=0.1, clip=1e-3))
    start = weights(before.players["D"])
    clipped.play_round()
    moved = torch.cat([(value - start[name]).flatten() for name, value in weights(clipped.players["D"]).items()])
    assert float(moved.norm()) == pytest.approx(0.1 * 1e-3, rel=1e-4)


class Exploding(Game):
    """A game whose term becomes infinite in its fifth round."""

    def __init__(self, G: nn.Module) -> None:
        super().__init__()
        self.G = G
        self.register_buffer("rounds", torch.zeros(()))

    def order(self) -> Iterator[Turn]:
        yield Turn(("G",), self.terms)

    def terms(self, batch: Batch) -> Terms:
        self.rounds += 1
        return {"steady": self.G.weight.sum() * 0, "wild": self.G.weight.sum() * (torch.inf if self.rounds >= 5 else 1)}


def test_a_term_that_is_not_finite_stops_the_run_and_names_its_true_round() -> None:
    played = Engine(Exploding(nn.Linear(1, 1)), {"G": SGD()}, Noise(), Settings(8, log_every=160, precision="float32"))
    with pytest.raises(GanatomyError, match=r"G/wild became -?(inf|nan) in round 5") as caught:
        played.play(10_000)
    assert "steady" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_state_is_given_away_over_a_loss_that_is_not_finite() -> None:
    played = Engine(Exploding(nn.Linear(1, 1)), {"G": SGD()}, Noise(), Settings(8, precision="float32"))
    for _ in range(5):
        played.play_round()
    with pytest.raises(GanatomyError, match="round 5"):
        played.state()


def test_no_state_is_given_away_with_weights_that_are_not_finite() -> None:
    played = engine()
    played.play_round()
    with torch.no_grad():
        next(iter(played.players["D"].parameters())).fill_(torch.nan)
    with pytest.raises(GanatomyError, match=r"game\.D\.\S+ is not finite after round 1"):
        played.state()


def test_a_batch_that_cannot_be_cut_is_refused() -> None:
    with pytest.raises(GanatomyError, match="8 cannot be cut into 3 equal parts"):
        engine(accumulate=3)


def test_the_engine_names_no_game() -> None:
    from pathlib import Path

    import ganatomy.engine.engine as module

    text = Path(module.__file__).read_text(encoding="utf-8").lower()
    for word in ("adversarial", "wasserstein", "gan(", "discriminator", "generator("):
        assert word not in text.replace("reseed_default_generator(", ""), word


def test_precision_float64_plays_in_float64() -> None:
    played = engine()
    played.play_round()
    assert {p.dtype for p in played.game.parameters()} == {torch.float64}


def test_bfloat16_stays_near_float32() -> None:
    coarse, fine = (engine(conv_players(), Adam(), precision=p) for p in ("bfloat16", "float32"))  # type: ignore[arg-type]
    coarse.play_round()
    fine.play_round()
    rough, exact = coarse.ledger.means(), fine.ledger.means()
    assert rough["D/real"] == pytest.approx(exact["D/real"], abs=0.02)
    assert {p.dtype for p in coarse.game.parameters()} == {torch.float32}


class Watched(Penalty):
    """Looks whether a GPU would round to TF32, forwards and backwards."""

    title = "watched"

    def value(self, step: DiscriminatorStep) -> Tensor:
        value = 0 * step.real_scores.sum()
        self.seen = [torch.backends.cudnn.allow_tf32]
        value.register_hook(lambda _: self.seen.append(torch.backends.cudnn.allow_tf32))
        return value


def test_what_a_turn_has_in_float32_is_no_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Second derivatives are taken as the turn goes backwards."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    penalty = Watched(weight=1.0)
    engine(rules={"penalties": (penalty,)}).play_round()
    assert penalty.seen == [False, False] and torch.backends.cudnn.allow_tf32


def test_notes_are_logged_and_not_descended() -> None:
    play = Play(0, 0, Draws((0,), slice(0, 1), 1))
    weight = torch.ones((), requires_grad=True)
    play.note("watched", weight * 2)
    assert not play.notes["watched"].requires_grad
