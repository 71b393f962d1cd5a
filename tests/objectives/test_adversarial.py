"""Adversarial losses against the formulas of Goodfellow et al. (2014), in float64."""

import math

import pytest
import torch
from torch import Tensor

from ganatomy.core.registry import parts
from ganatomy.objectives.adversarial import (
    AdversarialLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    SeparateLoss,
    Wasserstein,
)

ALL = [parts[name] for name in parts if isinstance(parts[name], type) and issubclass(parts[name], AdversarialLoss)]
LOSSES = [loss for loss in ALL if issubclass(loss, SeparateLoss)]
SCORES = torch.linspace(-6, 6, 101, dtype=torch.float64)


def probability(score: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-score))


@pytest.mark.parametrize("loss", [NonSaturating(), Minimax()])
def test_d_minimizes_the_log_loss_of_its_probabilities(loss):
    """Equation 1: D maximizes E log D(x) + E log(1 - D(G(z)))."""
    torch.testing.assert_close(loss.real(SCORES), -torch.log(probability(SCORES)).mean())
    torch.testing.assert_close(loss.fake(SCORES), -torch.log(1 - probability(SCORES)).mean())


def test_g_minimizes_what_the_paper_says():
    torch.testing.assert_close(Minimax().generator(SCORES), torch.log(1 - probability(SCORES)).mean())
    torch.testing.assert_close(NonSaturating().generator(SCORES), -torch.log(probability(SCORES)).mean())


def test_minimax_g_loses_exactly_what_d_gains_on_generated_images():
    loss = Minimax(smoothing=0.2)
    torch.testing.assert_close(loss.generator(SCORES), -loss.fake(SCORES))


@pytest.mark.parametrize("smoothing", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("loss", [NonSaturating, Minimax])
def test_smoothing_makes_the_best_score_of_real_images_the_logit_of_the_label(loss, smoothing):
    """Salimans et al. (2016), section 3.4: the real label is 1 - s, the generated one stays 0."""
    best = torch.tensor([math.log((1 - smoothing) / smoothing)], dtype=torch.float64, requires_grad=True)
    smooth = loss(smoothing=smoothing)
    (gradient,) = torch.autograd.grad(smooth.real(best), best)
    assert abs(gradient.item()) < 1e-12
    for aside in (-0.5, 0.5):
        assert smooth.real(best + aside) > smooth.real(best)
    torch.testing.assert_close(smooth.fake(SCORES), loss().fake(SCORES))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("score", [-1e4, -100.0, 100.0, 1e4])
def test_sure_scores_give_finite_losses_and_gradients(loss, dtype, score):
    for name in ("real", "fake", "generator"):
        scores = torch.full((4,), score, dtype=dtype, requires_grad=True)
        value = getattr(loss(), name)(scores)
        value.backward()
        assert value.isfinite(), name
        assert scores.grad is not None
        assert scores.grad.isfinite().all(), name


@pytest.mark.parametrize("loss", LOSSES)
def test_d_pushes_real_scores_up_and_generated_ones_down_and_g_pushes_back(loss):
    for name, sign in (("real", -1), ("fake", 1), ("generator", -1)):
        scores = torch.full((3,), loss().threshold or 0.0, dtype=torch.float64, requires_grad=True)
        getattr(loss(), name)(scores).backward()
        assert scores.grad is not None
        assert (scores.grad.sign() == sign).all(), name


def test_a_sure_d_silences_a_minimax_g_and_not_a_non_saturating_one():
    """Section 3: why the non-saturating loss exists."""
    sizes = {}
    for loss in (Minimax(), NonSaturating()):
        scores = torch.full((1,), -12.0, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(loss.generator(scores), scores)
        sizes[type(loss)] = abs(gradient.item())
    assert sizes[Minimax] < 1e-5
    assert sizes[NonSaturating] > 0.99


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_a_mean_so_the_batch_size_does_not_scale_it(loss):
    for name in ("real", "fake", "generator"):
        term = getattr(loss(), name)
        torch.testing.assert_close(term(SCORES), term(SCORES.repeat(3)))
        assert term(SCORES).shape == ()


OTHERS = torch.linspace(-3, 4, 101, dtype=torch.float64).flip(0)


def test_least_squares_are_equation_2_with_its_halves():
    loss = LeastSquares(fake_label=-1, real_label=1, wanted=0)
    torch.testing.assert_close(loss.real(SCORES), 0.5 * ((SCORES - 1) ** 2).mean())
    torch.testing.assert_close(loss.fake(SCORES), 0.5 * ((SCORES + 1) ** 2).mean())
    torch.testing.assert_close(loss.generator(SCORES), 0.5 * (SCORES**2).mean())
    assert (loss.threshold, LeastSquares().threshold) == (0, 0.5)


def test_least_squares_smooth_the_real_label():
    best = torch.tensor([0.9], dtype=torch.float64)
    assert LeastSquares(smoothing=0.1).real(best) == 0
    torch.testing.assert_close(LeastSquares(smoothing=0.1).fake(SCORES), LeastSquares().fake(SCORES))


def test_least_squares_smooth_both_labels_when_asked():
    both = LeastSquares(fake_label=-1, real_label=1, smoothing=0.1, two_sided=True)
    assert both.real(torch.tensor([0.8], dtype=torch.float64)) < 1e-12
    assert both.fake(torch.tensor([-0.8], dtype=torch.float64)) < 1e-12


MIRRORED = {
    NonSaturating: lambda s: -torch.log(1 - probability(s)).mean(),
    Minimax: lambda s: torch.log(probability(s)).mean(),
    LeastSquares: lambda s: 0.5 * (s**2).mean(),  # least at the label of generated things
    Wasserstein: lambda s: s.mean(),
    Hinge: lambda s: s.mean(),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_who_wants_real_taken_for_generated_minimizes_the_mirrored_loss(loss):
    torch.testing.assert_close(loss().mirrored(SCORES), MIRRORED[loss](SCORES))


def test_mirrored_least_squares_want_what_g_wants_on_the_other_side_of_the_threshold():
    odd = LeastSquares(fake_label=1, real_label=4, wanted=3)
    torch.testing.assert_close(odd.mirrored(SCORES), 0.5 * ((SCORES - 2) ** 2).mean())


@pytest.mark.parametrize("loss", ALL)
def test_d_is_right_on_its_side_of_the_threshold(loss):
    for kind, sign in (("real", 1), ("fake", -1)):
        figures = loss().figures(
            kind, torch.tensor([sign * 0.1, sign * 0.2, sign * 0.3, sign * -3]) + (loss().threshold or 0)
        )
        assert set(figures) == {f"score_{kind}"} | ({f"accuracy_{kind}"} if loss().threshold is not None else set())
        assert figures.get(f"accuracy_{kind}", 0.75) == 0.75


def test_two_sided_smoothing_labels_generated_images_too():
    best = torch.tensor([math.log(0.1 / 0.9)], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(NonSaturating(smoothing=0.1, two_sided=True).fake(best), best)
    assert abs(gradient.item()) < 1e-12


def test_wasserstein_is_a_difference_of_means():
    loss = Wasserstein()
    distance = SCORES.mean() - OTHERS.mean()
    torch.testing.assert_close(sum(loss.discriminator(SCORES, OTHERS).values()), -distance)
    torch.testing.assert_close(loss.generator(OTHERS), -OTHERS.mean())


def test_hinge_saturates_beyond_its_margin():
    loss = Hinge()
    assert loss.real(torch.tensor([1.0, 5.0])) == 0 == loss.fake(torch.tensor([-1.0, -7.0]))
    assert loss.real(torch.tensor([0.0])) == 1 == loss.fake(torch.tensor([0.0]))
    scores = torch.tensor([1.5], requires_grad=True)
    loss.real(scores).backward()
    assert scores.grad is not None and scores.grad.item() == 0
    assert loss.generator(torch.tensor([5.0])) == -5, "G is never content"


def test_relativistic_players_want_the_opposite_of_every_pair():
    loss = Relativistic()
    (d,) = loss.discriminator(SCORES, OTHERS).values()
    torch.testing.assert_close(d, -torch.log(probability(SCORES - OTHERS)).mean())
    torch.testing.assert_close(loss.generator(OTHERS, SCORES), -torch.log(probability(OTHERS - SCORES)).mean())
    torch.testing.assert_close(next(iter(loss.discriminator(SCORES + 3, OTHERS + 3).values())), d)


@pytest.mark.parametrize("loss", ALL)
def test_what_is_logged_of_scores_is_finite_and_rises_with_them(loss):
    logged = loss().logged(torch.tensor([-1e4, -1.0, 0.0, 1.0, 1e4]))
    assert logged.isfinite().all()
    assert (logged.diff() >= 0).all() and logged[-1] > logged[0]
