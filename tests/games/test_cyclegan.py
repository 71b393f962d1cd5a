"""Four players, two histories: who moves, what each pays, and that the histories are state."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Play
from ganatomy.core.players import PatchDiscriminator, Translator
from ganatomy.core.randomness import Draws
from ganatomy.core.shape import Shape
from ganatomy.distributed import processes
from ganatomy.engine.engine import Engine, Settings
from ganatomy.engine.optimizers import SGD
from ganatomy.games.cyclegan import CycleGAN
from ganatomy.networks.translators import PatchGAN, ResNetTranslator
from ganatomy.objectives.history import ImageHistory
from ganatomy.objectives.penalties import Consistency

SHAPE = Shape(1, 16, 16)


class Identity(Translator):
    """Gives back what it is given."""

    shape = SHAPE

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Mean(PatchDiscriminator):
    """One patch, its score the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return (x.mean((1, 2, 3)) * self.weight)[:, None, None]


class Pixels(PatchDiscriminator):
    """Every pixel a patch, its score the pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0] * self.weight


class Pairs:
    """Batch n: x full of n / 100, y of -n / 100."""

    def batch(self, number: int, size: int, rows: slice | None = None) -> tuple[Tensor, Tensor]:
        count = len(range(size)[rows or slice(None)])
        x = torch.full((count, *SHAPE), number / 100)
        return x, -x


def batch(n: int = 3, seed: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    x, y = (torch.rand(n, *SHAPE, generator=draw) * 2 - 1 for _ in range(2))
    return Batch(x, y, Play(0, 0, Draws((seed,), slice(0, n), n)))


def small(**rules) -> CycleGAN:
    torch.manual_seed(0)
    translators = [ResNetTranslator(SHAPE, maps=2, blocks=1) for _ in range(2)]
    return CycleGAN(*translators, *(PatchGAN(SHAPE, channels=(2, 4)) for _ in range(2)), **rules)


def test_translators_move_together_and_then_both_discriminators():
    turns = list(small().order())
    assert [(t.movers, t.fresh) for t in turns] == [(("G", "F"), True), (("D_X", "D_Y"), False)]


def test_nobody_else_moves():
    game = small()
    engine = Engine(
        game, dict.fromkeys(("G", "F", "D_X", "D_Y"), SGD(lr=0.1)), Pairs(), Settings(2, precision="float32")
    )
    engine.drawn = 1
    for turn in game.order():
        before = {name: value.clone() for name, value in game.named_parameters()}
        engine.play_turn(turn, (0, 0, 0, 0))
        moved = {name.split(".")[0] for name, value in game.named_parameters() if not torch.equal(value, before[name])}
        assert moved == set(turn.movers)


def test_terms_are_float64_where_weights_are():
    game, drawn = small(consistency=Consistency()).double(), batch()
    draws = Draws((0,), slice(0, 3), 3, dtype=torch.float64)
    asked = Batch(drawn.x.double(), drawn.y.double(), Play(0, 0, draws))
    terms = {**game.translators(asked), **game.discriminators(asked)}
    assert {value.dtype for value in terms.values()} == {torch.float64}


def test_identity_players_pay_nothing_for_cycles_and_identity():
    terms = CycleGAN(Identity(), Identity(), Mean(), Mean()).translators(batch())
    assert {
        name: float(terms[name].detach()) for name in ("cycle_X", "cycle_Y", "G_identity", "F_identity")
    } == dict.fromkeys(("cycle_X", "cycle_Y", "G_identity", "F_identity"), 0.0)


def test_every_term_is_the_papers():
    game, asked = small(cycle=7.0, identity=3.0), batch()
    x, y, terms = asked.x, asked.y, game.translators(asked)
    fake_y, fake_x = game.G(x), game.F(y)
    wanted = {
        "G_adversarial": (game.D_Y(fake_y) - 1).square().mean() / 2,
        "F_adversarial": (game.D_X(fake_x) - 1).square().mean() / 2,
        "cycle_X": 7 * (game.F(fake_y) - x).abs().mean(),
        "cycle_Y": 7 * (game.G(fake_x) - y).abs().mean(),
        "G_identity": 3 * (game.G(y) - y).abs().mean(),
        "F_identity": 3 * (game.F(x) - x).abs().mean(),
    }
    torch.testing.assert_close(dict(terms), wanted)
    d = game.discriminators(asked)
    torch.testing.assert_close(d["X_real"], (game.D_X(x) - 1).square().mean() / 2)
    torch.testing.assert_close(d["Y_fake"], game.D_Y(fake_y).square().mean() / 2)
    l2 = small(distance="l2").translators(asked)
    torch.testing.assert_close(l2["cycle_X"], 10 * (game.F(fake_y) - x).square().mean())


def test_without_identity_loss_there_is_none():
    assert not any("identity" in name for name in small(identity=0.0).translators(batch()))


def consistency_of(D: PatchDiscriminator, x: Tensor, **how: object) -> float:
    """What D pays for generated images of X, which are x."""
    game = CycleGAN(Identity(), Identity(), D, D, consistency=Consistency(weight=1.0, on="fake", **how))
    play = batch(len(x)).play
    return float(game.discriminators(Batch(x, x, play))["X_consistency"].detach())


def test_consistency_is_zero_for_a_discriminator_that_does_not_see_the_change():
    """A mean does not see a shift that moves nothing but zeros out; a pixel's own score is mirrored with it."""
    x = batch(8).x
    assert consistency_of(Mean(), pad(x[:, :, 4:-4, 4:-4], (4, 4, 4, 4)), shift=4) < 1e-12
    assert consistency_of(Mean(), x, shift=4) > 1e-6
    assert consistency_of(Pixels(), x, shift=0) == 0
    assert consistency_of(Pixels(), x, shift=1, flip=False) > 0.1


def test_consistency_is_of_patches_not_of_their_mean():
    x = torch.zeros(8, *SHAPE)
    x[..., 6:10, 6:10] = 1.0
    assert consistency_of(Mean(), x, shift=2) < 1e-12
    assert consistency_of(Pixels(), x, shift=2, flip=False) > 1e-3


def test_a_history_fills_and_then_shows_half_old_images():
    history, shown = ImageHistory(Shape(1, 1, 1), 4), []
    for n in range(200):
        fresh = torch.full((1, 1, 1, 1), float(n))
        shown.append(int(history.shown(fresh, Draws((0, n), slice(0, 1), 1), "X")))
    assert shown[:4] == [0, 1, 2, 3]
    old = [a for n, a in enumerate(shown[4:], 4) if a != n]
    assert 70 < len(old) < 126
    assert len(set(old)) == len(old), "an image that was shown again is not kept"
    assert len(set(history.images.flatten().tolist())) == 4


def test_a_history_that_was_read_from_a_checkpoint_goes_on_where_it_stood():
    """Old or new, in a half-full and in a full history."""
    for before in (2, 9):
        straight, again = ImageHistory(Shape(1, 1, 1), 4), ImageHistory(Shape(1, 1, 1), 4)
        for n in range(20):
            draws, fresh = Draws((0, n), slice(0, 1), 1), torch.full((1, 1, 1, 1), float(n))
            shown = straight.shown(fresh, draws, "X")
            if n == before:
                again.load_state_dict(straight.state_dict())
            if n > before:
                assert torch.equal(again.shown(fresh, draws, "X"), shown)
        assert torch.equal(again.images, straight.images) and int(again.count) == 4


def test_processes_keep_one_history_and_show_their_own_rows(monkeypatch):
    """Each of two gives its half of a batch of four and sees the other's only through the history."""
    rows = (slice(0, 2), slice(2, 4))
    alone, halves = ImageHistory(Shape(1, 1, 1), 3), [ImageHistory(Shape(1, 1, 1), 3) for _ in rows]
    for n in range(12):
        fresh = torch.arange(4.0).view(4, 1, 1, 1) + 4 * n
        whole = Draws((0, n), slice(0, 4), 4)
        wanted = alone.shown(fresh, whole, "X")
        everyone = (fresh, whole.uniform("X history") < 0.5, whole.integers("X history place", 3))
        for rank, own in enumerate(rows):
            told = iter(everyone)

            def gather(part, own=own, told=told):
                gathered = next(told)
                assert torch.equal(gathered[own], part)
                return gathered

            with monkeypatch.context() as several:
                for name, value in (("world", lambda: 2), ("rank", lambda rank=rank: rank), ("gather", gather)):
                    several.setattr(processes, name, value)
                shown = halves[rank].shown(fresh[own], Draws((0, n), own, 4), "X")
            assert torch.equal(shown, wanted[own])
    assert all(torch.equal(half.images, alone.images) for half in halves)


def test_accuracies_are_logged_under_their_own_discriminator():
    engine = Engine(
        small(), dict.fromkeys(("G", "F", "D_X", "D_Y"), SGD(lr=0.1)), Pairs(), Settings(2, precision="float32")
    )
    engine.play_round()
    named = {name for name in engine.ledger.means() if "accuracy" in name}
    assert named == {f"{player}/accuracy_{kind}" for player in ("D_X", "D_Y") for kind in ("real", "fake")}


def test_no_history_shows_what_is_new():
    fresh = torch.rand(3, *SHAPE)
    assert ImageHistory(SHAPE, 0).shown(fresh, Draws((0,), slice(0, 3), 3), "X") is fresh


def test_a_restart_goes_on_to_the_same_bits():
    def engine() -> Engine:
        return Engine(
            small(history=3),
            dict.fromkeys(("G", "F", "D_X", "D_Y"), SGD(lr=0.05)),
            Pairs(),
            Settings(2, precision="float32"),
        )

    straight, broken, again = engine(), engine(), engine()
    for _ in range(6):
        straight.play_round()
    for _ in range(3):
        broken.play_round()
    again.restore(*broken.state())
    for _ in range(3):
        again.play_round()
    one, other = straight.game.state_dict(), again.game.state_dict()
    assert {"history_X.images", "history_Y.count"} <= set(one)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_one_domain_is_refused():
    with pytest.raises(GanatomyError, match="images of two domains"):
        small().translators(Batch(torch.zeros(2, *SHAPE), torch.zeros(2), Play(0, 0, Draws((0,), slice(0, 2), 2))))


@pytest.mark.parametrize("shape", [Shape(3, 24, 16), Shape(1, 64, 64)])
def test_players_keep_sizes_and_score_patches(shape):
    x = torch.rand(2, *shape)
    assert ResNetTranslator(shape, maps=2, blocks=2, dropout=0.5)(x).shape == x.shape
    scores = PatchGAN(shape, channels=(2, 4, 8))(x)
    assert scores.dim() == 3 and len(scores) == 2


def test_a_score_sees_70_pixels():
    x = torch.zeros(1, 1, 256, 256, requires_grad=True)
    D = PatchGAN(Shape(1, 256, 256), channels=(2, 2, 2, 2))
    D.body = nn.Sequential(*(m for m in D.body if not isinstance(m, nn.InstanceNorm2d)))
    scores = D(x)
    scores[0, scores.shape[1] // 2, scores.shape[2] // 2].backward()
    assert x.grad is not None
    rows = x.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_sizes_that_do_not_fit_are_one_line():
    with pytest.raises(GanatomyError, match=r"18x16x1 must be of multiples of 4"):
        ResNetTranslator(Shape(1, 18, 16))
    with pytest.raises(GanatomyError, match="too small for 4 layers"):
        PatchGAN(Shape(1, 16, 16))
