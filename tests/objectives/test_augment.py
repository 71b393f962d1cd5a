"""What D sees, and that G gets a gradient through it."""

import pytest
import torch

from ganatomy.core.game import Play
from ganatomy.core.randomness import Draws
from ganatomy.core.registry import parts
from ganatomy.objectives.augment import AdaptiveAugment, Augment, DiffAugment, InstanceNoise, flipped, shifted

AUGMENTS = [p for p in parts.values() if isinstance(p, type) and issubclass(p, Augment)]
X = torch.randn(8, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def play(round: int = 0, images: int = 0, rows: slice = slice(0, 8)) -> Play:
    return Play(round, images, Draws((0, round, 0, 0), rows, 8))


@pytest.mark.parametrize("kind", AUGMENTS)
def test_shape_and_gradient_go_through(kind):
    augment, x = kind(), X.clone().requires_grad_()
    if isinstance(augment, AdaptiveAugment):
        augment.probability.fill_(1.0)
    y = augment(x, play(), "real")
    assert y.shape == x.shape
    assert not torch.equal(y, x)
    y.square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all() and x.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", AUGMENTS)
def test_the_same_turn_and_purpose_is_the_same_and_others_are_not(kind):
    augment = kind()
    if isinstance(augment, AdaptiveAugment):
        augment.probability.fill_(1.0)
    once = augment(X, play(), "real")
    assert torch.equal(once, augment(X, play(), "real"))
    assert not torch.equal(once, augment(X, play(), "fake"))
    assert not torch.equal(once, augment(X, play(round=1), "real"))


@pytest.mark.parametrize("kind", AUGMENTS)
def test_parts_of_a_batch_are_changed_as_the_whole(kind):
    whole = kind()(X, play(), "real")
    halves = [kind()(X[rows], play(rows=rows), "real") for rows in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(torch.cat(halves), whole)


def test_shifted_moves_down_and_right_and_brings_zeros():
    x = torch.arange(12.0).view(1, 1, 3, 4) + 1
    moved = shifted(x, torch.tensor([[1, -2]]), (2, 2))
    assert moved[0, 0].tolist() == [[0, 0, 0, 0], [3, 4, 0, 0], [7, 8, 0, 0]]


def test_flipped_mirrors_where_it_is_true():
    x = torch.arange(4.0).view(2, 1, 1, 2)
    assert flipped(x, torch.tensor([True, False])).flatten().tolist() == [1, 0, 2, 3]


def test_each_change_does_what_its_name_says():
    ones = torch.ones(8, 3, 12, 10)
    cut = DiffAugment(changes=("cutout",))(ones, play(), "x")
    assert ((cut == 0) | (cut == 1)).all() and torch.equal(cut[:, 0], cut[:, 1])
    holes = (cut[:, 0] == 0).sum((1, 2))
    assert (holes > 0).all() and (holes <= 6 * 5).all()
    moved = DiffAugment(changes=("translation",))(ones, play(), "x")
    assert (moved == 0).any() and (moved[:, :, 4:8, 4:6] == 1).all()
    colored = DiffAugment(changes=("color",))(ones, play(), "x")
    assert (colored.amin((1, 2, 3)) == colored.amax((1, 2, 3))).all(), "no structure where there was none"
    assert ((colored - 1).abs() <= 0.5 + 1e-6).all()


def test_noise_has_its_sigma_and_fades():
    zeros = torch.zeros(8, 3, 40, 40)
    for images, wanted in ((0, 0.4), (500, 0.2), (1000, 0.0), (2000, 0.0)):
        noise = InstanceNoise(sigma=0.4, until=1000)(zeros, play(images=images), "x")
        assert abs(noise.std().item() - wanted) < 0.01


def test_adaptive_probability_rises_when_d_overfits_and_falls_when_not():
    augment = AdaptiveAugment(target=0.6, images=80)
    for _ in range(3):
        augment.learn(torch.ones(8), play())
    torch.testing.assert_close(augment.probability.item(), 0.3)
    augment.learn(torch.tensor([1.0, -1.0] * 4), play())
    torch.testing.assert_close(augment.probability.item(), 0.2)
    for _ in range(20):
        augment.learn(-torch.ones(8), play())
    assert augment.probability == 0
    for _ in range(20):
        augment.learn(torch.ones(8), play())
    assert augment.probability == 1
    assert set(augment.state_dict()) == {"probability"}


def test_adaptive_probability_moves_once_a_turn_by_what_all_parts_say():
    """Of this batch 5 in 8 are positive, r = 0.25: the first half alone would make p rise, the second fall twice."""
    scores, augment = torch.tensor([1.0, 1, 1, 1, 1, -1, -1, -1]), AdaptiveAugment(target=0.2, images=80)
    for rows in (slice(0, 4), slice(4, 8)):
        augment.learn(scores[rows], play(rows=rows))
    torch.testing.assert_close(augment.probability.item(), 0.1)


def test_adaptive_augmentation_begins_with_nothing():
    assert torch.equal(AdaptiveAugment()(X, play(), "real"), X)
