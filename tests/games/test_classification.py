"""The one-player game."""

import pytest
import torch
from torch import nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Play
from ganatomy.core.randomness import Draws
from ganatomy.core.recipe import find_recipe
from ganatomy.core.shape import Shape
from ganatomy.core.spec import Spec
from ganatomy.experiments.build import build_engine
from ganatomy.games.classification import Classification
from ganatomy.networks.classifier import PretrainedClassifier
from ganatomy.testing import CPU, random_images

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])


class Fixed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return LOGITS


def batch(y: torch.Tensor | None) -> Batch:
    return Batch(torch.zeros(3, 1, 2, 2), y, Play(0, 0, Draws((0,), slice(0, 3), 3)))


def test_it_is_softmax_cross_entropy_and_the_share_that_is_right():
    game, asked = Classification(Fixed()), batch(torch.tensor([0, 1, 1]))
    (turn,) = game.order()
    terms = turn.terms(asked)
    assert turn.movers == ("C",)
    expected = -LOGITS.log_softmax(1)[[0, 1, 2], [0, 1, 1]].mean()
    torch.testing.assert_close(terms["cross_entropy"], expected)
    assert asked.play.notes["accuracy"].item() == pytest.approx(2 / 3)
    assert game.held_out(batch(torch.tensor([0, 1, 0])))["accuracy"].item() == 1


def test_smoothing_moves_the_label_towards_the_others():
    game = Classification(Fixed(), smoothing=0.2)
    log = LOGITS.log_softmax(1)
    y = torch.tensor([0, 1, 1])
    expected = -(0.8 * log[[0, 1, 2], y] + 0.2 * log.mean(1)).mean()
    torch.testing.assert_close(game.classifier(batch(y))["cross_entropy"], expected)


def test_data_without_labels_is_refused():
    with pytest.raises(GanatomyError, match="needs labels, and the data has none"):
        Classification(Fixed()).classifier(batch(None))


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        ("AdaptiveAugment", "AdaptiveAugment and Classification do not go together: .* there is no D; use DiffAugment"),
        ("InstanceNoise,InstanceNoise", "game.augment has InstanceNoise twice"),
    ],
)
def test_an_augmentation_that_would_do_nothing_is_refused_when_declared(augment: str, said: str) -> None:
    recipe = find_recipe("mnist-judge")
    assert recipe.override("game.augment", "DiffAugment,InstanceNoise") != recipe
    with pytest.raises(GanatomyError, match=said):
        recipe.override("game.augment", augment)


def test_a_classifier_whose_weights_are_frozen_is_told_that_it_cannot_learn() -> None:
    frozen = find_recipe("digits-judge").replace(players={"C": Spec(PretrainedClassifier, run="none")})
    with pytest.raises(GanatomyError, match="C cannot learn: PretrainedClassifier has no weights that are not frozen"):
        build_engine(frozen, random_images(Shape(1, 8, 8)), CPU)
