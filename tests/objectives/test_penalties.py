"""Penalties against their closed forms, on critics whose gradients are known."""

import math

import pytest
import torch
from torch import Tensor

from ganatomy.core.game import Play
from ganatomy.core.randomness import Draws
from ganatomy.core.registry import parts
from ganatomy.networks.layers import MinibatchDeviation
from ganatomy.objectives.penalties import (
    DRAGAN,
    R1,
    R2,
    Consistency,
    DiscriminatorStep,
    GradientPenalty,
    LeCam,
    Penalty,
)

PENALTIES = [p for p in parts.values() if isinstance(p, type) and issubclass(p, Penalty)]
SHAPE = (1, 4, 4)
X = torch.randn(6, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
FAKE = torch.randn(6, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
WEIGHT = torch.randn(16, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def step(score, round: int = 0, real: Tensor = X, fake: Tensor = FAKE, rows: slice = slice(0, 6)) -> DiscriminatorStep:
    play = Play(round, 0, Draws((0, round, 0, 0), rows, 6, dtype=real.dtype))
    real, fake = real[rows], fake[rows]
    return DiscriminatorStep(score, real, fake, None, score(real, None), score(fake, None), play)


def linear(weight: Tensor):
    return lambda x, y: x.flatten(1) @ weight


def quadratic(x: Tensor, y: Tensor | None) -> Tensor:
    """|x|^2 / 2, whose gradient is x."""
    return x.flatten(1).square().sum(1) / 2


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_the_gradient_penalty_of_a_linear_critic_is_that_of_its_weights(scale):
    weight = WEIGHT / WEIGHT.norm() * scale
    torch.testing.assert_close(GradientPenalty().value(step(linear(weight))).item(), (scale - 1) ** 2)
    one_sided = GradientPenalty(one_sided=True).value(step(linear(weight))).item()
    torch.testing.assert_close(one_sided, max(scale - 1, 0.0) ** 2)
    torch.testing.assert_close(DRAGAN().value(step(linear(weight))).item(), (scale - 1) ** 2)


def test_the_gradient_penalty_looks_between_real_and_generated_images():
    """The gradient of a quadratic at a point is the point itself: all of them lie on the segment."""
    seen = []

    def spied(x: Tensor, y: Tensor | None) -> Tensor:
        seen.append(x.detach())
        return quadratic(x, y)

    GradientPenalty().value(step(spied))
    between, share = seen[-1], (seen[-1] - X)[:, 0, 0, 0] / (FAKE - X)[:, 0, 0, 0]
    assert ((share > 0) & (share < 1)).all() and len(share.unique()) == 6
    torch.testing.assert_close(between, X + share[:, None, None, None] * (FAKE - X))


def test_dragan_looks_around_real_images():
    """Kodali et al.'s code: x + a * spread * std(x) * u, u uniform for each pixel and a for each image, on [0, 1)."""
    seen, count = [], 400
    real = 3 * torch.randn(count, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) + 1
    turn = Play(0, 0, Draws((0, 0, 0, 0), slice(0, count), count, dtype=torch.float64))

    def spied(x: Tensor, y: Tensor | None) -> Tensor:
        seen.append(x.detach())
        return quadratic(x, y)

    scores = torch.zeros(count, dtype=torch.float64)
    value = DRAGAN(spread=0.7).value(DiscriminatorStep(spied, real, 10 + real, None, scores, scores, turn))
    (around,) = seen
    torch.testing.assert_close(value, (around.flatten(1).norm(dim=1) - 1).square().mean())
    both = ((around - real) / (0.7 * real.std())).flatten(1)
    assert (both >= 0).all() and (both < 1).all()
    share = both.amax(1)  # of 64 numbers on [0, a) the largest is about a
    noise = both / share[:, None]
    for drawn in (share, noise):
        assert abs(drawn.mean() - 0.5) < 0.04 and abs(drawn.std() - 12**-0.5) < 0.03
    assert abs(torch.corrcoef(noise[:, :2].t())[0, 1]) < 0.15, "each pixel has its own"


def test_the_gradient_under_minibatch_deviation_is_that_of_a_groups_scores():
    """What its docstring says of R1: the deviation is in every score of the group, and counts as often."""
    torch.manual_seed(0)
    layer, x = MinibatchDeviation(2), torch.randn(2, 1, 4, 4, dtype=torch.float64)
    weight = torch.randn(32, dtype=torch.float64)
    score = lambda images, y: layer(images).flatten(1) @ weight  # noqa: E731
    found = R1(gamma=2.0).value(step(score, real=x, fake=x, rows=slice(0, 2)))
    a, b = x
    apart = (a - b).square() / 4 + 1e-8
    of_deviation = torch.stack([a - b, b - a]) / (4 * apart.sqrt() * 16)  # of the map's one number
    wanted = weight[:16].view(1, 4, 4) + 2 * weight[16:].sum() * of_deviation
    torch.testing.assert_close(found, wanted.flatten(1).square().sum(1).mean(), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("penalty", "images"), [(R1, X), (R2, FAKE)])
def test_r1_and_r2_of_a_quadratic_are_the_mean_square_of_their_images(penalty, images):
    half = penalty(gamma=3.0)
    wanted = 1.5 * images.flatten(1).square().sum(1).mean()
    torch.testing.assert_close(next(iter(half.terms(step(quadratic)).values())), wanted)


@pytest.mark.parametrize("kind", [GradientPenalty, DRAGAN, R1, R2, Consistency])
def test_a_lazy_penalty_averages_to_the_eager_one(kind):
    def weight(penalty: Penalty, rounds: int) -> float:
        linear_critic = linear(WEIGHT * 2)
        return sum(float(sum(penalty.terms(step(linear_critic, r)).values())) for r in range(rounds)) / rounds

    lazy, eager = weight(kind(every=4), 8), weight(kind(), 8)
    if kind is Consistency:  # a random shift: the same in the rounds where both are asked
        eager = sum(float(sum(kind().terms(step(linear(WEIGHT * 2), r)).values())) for r in (0, 4)) / 2
    torch.testing.assert_close(lazy, eager)
    assert kind(every=4).terms(step(quadratic, 3)) == {}


@pytest.mark.parametrize("kind", PENALTIES)
def test_a_flat_critic_has_finite_gradients(kind):
    """At zero norm the square root would make NaN of the gradient."""
    weight = torch.zeros(16, dtype=torch.float64, requires_grad=True)
    for term in kind().terms(step(linear(weight))).values():
        term.backward()
    assert weight.grad is None or weight.grad.isfinite().all()


@pytest.mark.parametrize("kind", PENALTIES)
def test_parts_of_a_batch_pay_on_average_what_the_whole_pays(kind):
    """In two turns, for LeCam remembers one. DRAGAN's deviation is that of a part, which a linear critic ignores."""
    whole, parts = kind().double(), kind().double()
    critic = linear(WEIGHT) if kind is DRAGAN else lambda x, y: quadratic(x, y) + linear(WEIGHT)(x, y)
    for round in range(2):
        wanted = whole.value(step(critic, round))
        found = [parts.value(step(critic, round, rows=slice(i, i + 2))) for i in (0, 2, 4)]
        torch.testing.assert_close(sum(found) / 3, wanted)
    assert wanted > 1e-3
    torch.testing.assert_close(parts.state_dict(), whole.state_dict())


@pytest.mark.parametrize("kind", [p for p in PENALTIES if p.per_sample])
def test_gradients_are_as_exact_as_the_weights_though_images_are_bfloat16(kind):
    """Under autocast G's images are, and the scores that D is asked for precisely are not."""
    exact = lambda x, y: (linear(WEIGHT.float())(x.float(), y)) ** 2  # noqa: E731
    real, fake = X.float(), FAKE.bfloat16()
    found = kind().value(step(exact, real=real, fake=fake))
    assert found.dtype == torch.float32
    assert torch.equal(found, kind().value(step(exact, real=real, fake=fake.float())))


@pytest.mark.parametrize("on", ["real", "fake", "both"])
def test_consistency_is_zero_for_a_critic_that_does_not_see_the_change(on):
    invariant = lambda x, y: x.new_full((len(x),), 2.0) + 0 * x.sum()  # noqa: E731
    assert Consistency(on=on).value(step(invariant)) == 0
    flip_invariant = lambda x, y: x.flatten(1).sum(1)  # noqa: E731
    torch.testing.assert_close(Consistency(on=on, shift=0).value(step(flip_invariant)), torch.zeros((), dtype=X.dtype))
    assert Consistency(on=on, shift=2).value(step(linear(WEIGHT))) > 0


def test_consistency_is_the_mean_square_of_what_flips_and_shifts_do_to_a_score():
    """A critic that reads where a ramp is at one pixel sees the shift: uniform on -4 to 4, its mean square is 20 / 3.

    Flips, half of the time, take a ramp across to its negative: (2 c)^2 / 2 at a place where it is c.
    """
    count, places = 4000, torch.arange(16, dtype=torch.float64) - 7.5
    turn = Play(0, 0, Draws((0, 0, 0, 0), slice(0, count), count, dtype=torch.float64))
    down, across = (ramp.expand(count, 1, 16, 16) for ramp in (places[:, None], places[None]))
    reads = lambda x, y: x[:, 0, 8, 5]  # noqa: E731
    for ramp, how, wanted in (
        (down, {"flip": False}, 20 / 3),
        (across, {"flip": False, "shift": 2}, 2.0),
        (across, {"shift": 0}, (2 * 2.5) ** 2 / 2),
    ):
        scores = reads(ramp, None)
        on_ramp = DiscriminatorStep(reads, ramp, ramp, None, scores, scores, turn)
        found = Consistency(weight=3.0, **how).value(on_ramp).item()
        assert math.isclose(found, 3 * wanted, rel_tol=0.05), how


def test_consistency_is_of_the_images_that_it_is_asked_of():
    """A critic that sees every change to a generated image and none to a real one, which is flat."""
    flat = step(linear(WEIGHT), real=torch.zeros_like(X))
    assert Consistency(on="real").value(flat) == 0
    assert Consistency(on="fake").value(flat) == Consistency(on="both").value(flat) > 0


def test_balanced_consistency_is_the_sum_of_both_with_their_weights():
    parts = [Consistency(weight=w, on=on).value(step(linear(WEIGHT))) for w, on in ((2.0, "real"), (3.0, "fake"))]
    both = Consistency(weight=2.0, fake_weight=3.0, on="both").value(step(linear(WEIGHT)))
    torch.testing.assert_close(both, sum(parts))


def test_lecam_is_the_distance_to_the_others_average_which_is_state():
    penalty, critics = LeCam(weight=1.0, decay=0.5).double(), [linear(WEIGHT * scale) for scale in (1, 2, -3, 1)]
    real, fake = (torch.stack([critic(x, None) for critic in critics]) for x in (X, FAKE))
    assert penalty.value(step(critics[0])) == 0, "there is no average yet"
    for turn in (1, 2, 3):
        weights = 0.5 ** torch.arange(turn, dtype=torch.float64).flip(0)
        of_real, of_fake = ((means[:turn].mean(1) * weights).sum() / weights.sum() for means in (real, fake))
        wanted = (real[turn] - of_fake).square().mean() + (fake[turn] - of_real).square().mean()
        torch.testing.assert_close(penalty.value(step(critics[turn])), wanted)
    assert set(penalty.state_dict()) == {"real_average", "fake_average", "turns"}


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_lecam_of_a_d_that_never_changes_its_mind_is_twice_the_squared_distance_at_once(decay):
    """Averages that begin at zero, and lean to it, would make it the squares of the scores at first."""
    penalty, brightness = LeCam(decay=decay).double(), lambda x, y: x.flatten(1).mean(1)
    same = step(brightness, real=torch.full_like(X, 3.0), fake=torch.full_like(X, -1.0))
    assert [penalty.value(same).item() for _ in range(4)] == [0, *[pytest.approx(2 * 4.0**2)] * 3]


def test_penalties_weigh_what_they_say():
    score = linear(WEIGHT * 2)
    one, ten = (next(iter(GradientPenalty(weight=w).terms(step(score)).values())) for w in (1.0, 10.0))
    assert math.isclose(ten.item(), 10 * one.item())
