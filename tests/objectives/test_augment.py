"""What D sees, and that G gets a gradient through it."""

import pytest
import torch

from ganatomy.core.game import Play
from ganatomy.core.randomness import CPU, Draws
from ganatomy.core.recipe import find_recipe
from ganatomy.core.registry import parts
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.experiments.build import build_engine
from ganatomy.games.adversarial import Adversarial
from ganatomy.objectives.augment import AdaptiveAugment, Augment, DiffAugment, InstanceNoise, flipped, shifted
from ganatomy.testing import random_images

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


MANY = 600


def many(height: int, width: int) -> tuple[torch.Tensor, Play]:
    """Many images whose pixels all differ, and a turn that draws for each."""
    x = torch.randn(MANY, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return x, Play(0, 0, Draws((0, 0, 0, 0), slice(0, MANY), MANY))


def is_uniform(values: torch.Tensor, low: float, high: float) -> bool:
    """Whether so many values are spread over a range and no further, as evenly as chance has it."""
    share = (values - low) / (high - low)
    inside = -1e-9 <= share.min() < 0.02 and 0.98 < share.max() <= 1 + 1e-9
    return bool(inside and abs(share.mean() - 0.5) < 0.05 and abs(share.std() - 12**-0.5) < 0.02)


def test_color_is_brightness_then_saturation_then_contrast_each_in_its_range():
    """Zhao et al., appendix: b in [-1/2, 1/2), s in [0, 2), c in [1/2, 3/2), of each image.

    Each can be read off: only brightness moves an image's mean; contrast alone stretches its gray about that mean, and
    contrast times saturation stretches what is not gray.
    """
    x, turn = many(6, 5)
    y = DiffAugment(changes=("color",))(x, turn, "x")
    means, grays = [t.mean((1, 2, 3), keepdim=True) for t in (x, y)], [t.mean(1, keepdim=True) for t in (x, y)]
    brightness = (means[1] - means[0]).flatten()
    contrast = ((grays[1] - means[1]) / (grays[0] - means[0])).flatten(1)
    both = ((y - grays[1]) / (x - grays[0])).flatten(1)
    torch.testing.assert_close(contrast, contrast[:, :1].expand_as(contrast), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(both, both[:, :1].expand_as(both), rtol=1e-6, atol=1e-6)
    saturation = both[:, 0] / contrast[:, 0]
    assert is_uniform(brightness, -0.5, 0.5) and is_uniform(saturation, 0, 2) and is_uniform(contrast[:, 0], 0.5, 1.5)
    drawn = torch.corrcoef(torch.stack([brightness, saturation, contrast[:, 0]]))
    assert (drawn - torch.eye(3)).abs().max() < 0.15, "each is drawn on its own"


@pytest.mark.parametrize(("height", "width", "reach"), [(16, 24, (2, 3)), (12, 10, (2, 1)), (20, 8, (3, 1))])
def test_translation_reaches_an_eighth_of_each_side_either_way(height: int, width: int, reach: tuple[int, int]):
    x, turn = many(height, width)
    y = DiffAugment(changes=("translation",))(x, turn, "x")
    seen = set()
    for before, after in zip(x, y, strict=True):
        down, right = (int(d) for d in ((before[0, height // 2, width // 2] == after[0]).nonzero()[0]))
        down, right = down - height // 2, right - width // 2
        wanted = before.roll((down, right), (1, 2))
        wanted[:, slice(0, down) if down >= 0 else slice(down, None)] = 0
        wanted[:, :, slice(0, right) if right >= 0 else slice(right, None)] = 0
        assert torch.equal(after, wanted), "zeros are moved in"
        seen.add((down, right))
    everywhere = {(i, j) for i in range(-reach[0], reach[0] + 1) for j in range(-reach[1], reach[1] + 1)}
    assert seen == everywhere


@pytest.mark.parametrize(("height", "width", "hole"), [(16, 24, (8, 12)), (10, 8, (5, 4))])
def test_cutout_is_a_hole_of_half_of_each_side_around_any_pixel(height: int, width: int, hole: tuple[int, int]):
    """As in the authors' code, middles are 0 to the size, or one less for an odd hole, which the border cuts."""

    def spans(size: int, length: int) -> set[tuple[int, int]]:
        middles = range(size + 1 - length % 2)
        return {(max(0, m - length // 2), min(size, m - length // 2 + length)) for m in middles}

    turn = many(height, width)[1]
    kept = DiffAugment(changes=("cutout",))(torch.ones(MANY, 3, height, width), turn, "x")
    seen: list[set[tuple[int, int]]] = [set(), set()]
    for image in kept:
        wanted, (rows, columns) = torch.ones(3, height, width), [(image[0] == 0).any(axis).nonzero() for axis in (1, 0)]
        own = [(int(places.min()), int(places.max()) + 1) for places in (rows, columns)]
        wanted[:, slice(*own[0]), slice(*own[1])] = 0
        assert torch.equal(image, wanted), "one rectangle of zeros in all channels"
        for place, span in zip(seen, own, strict=True):
            place.add(span)
    assert seen == [spans(height, hole[0]), spans(width, hole[1])]


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


def test_adaptive_probability_is_how_often_each_change_happens_to_an_image():
    x, turn = many(8, 8)
    for change in ("color", "translation", "cutout"):
        augment = AdaptiveAugment(changes=(change,))
        augment.probability.fill_(0.3)
        changed = (augment(x, turn, "x") != x).flatten(1).any(1)
        there = 1 - (1 / 9 if change == "translation" else 0)  # at 8 px one translation in nine moves nothing
        assert abs(changed.double().mean() - 0.3 * there) < 0.05
    together = AdaptiveAugment(changes=("color", "cutout"))
    together.probability.fill_(0.5)
    y = together(x, turn, "x")
    cut, kept = (y == 0).all(1).flatten(1).any(1), (y == x).flatten(1).any(1)
    assert abs((cut & kept).double().mean() - 0.25) < 0.06, "each on its own: cut, and not colored"


def test_adaptive_augmentation_is_as_fast_as_in_the_paper():
    """Karras et al., section 3.1: a target of 0.6, and p crosses from 0 to 1 in 500k images, from D's turns alone.

    The paper adjusts p in one round of four, four times as far.
    """
    augment = AdaptiveAugment()
    assert (augment.target, augment.images) == (0.6, 500_000)
    recipe = find_recipe("digits-dcgan").replace(batch=6, precision="float32")
    for order, d_steps in (("alternating", 2), ("simultaneous", 1)):
        game = Spec(
            Adversarial, order=order, d_steps=d_steps, augment=(Spec(AdaptiveAugment, images=600, target=-0.9),)
        )
        players = {name: spec.replace(width=0.1) for name, spec in recipe.players.items()}
        engine = build_engine(recipe.replace(game=game, players=players), random_images(Shape(1, 8, 8)), CPU)
        engine.game.D.score.bias.data.fill_(9.0)  # which takes everything for real
        for _ in range(3):
            engine.play_round()
        found = engine.game.augment[0].probability.item()
        torch.testing.assert_close(found, 3 * d_steps * 6 / 600)
