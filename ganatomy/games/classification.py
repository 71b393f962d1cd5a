"""Training a classifier, as a one-player game."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import at_least_float32
from ganatomy.core.game import Batch, Game, Terms, Turn
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.validity import ignored, repeated
from ganatomy.objectives.augment import Augment


@part
class Classification(Game):
    """C: image [N, C, H, W] in [-1, 1] -> logits [N, classes], by softmax cross-entropy.

    smoothing: label smoothing (Szegedy et al., 2016, arXiv:1512.00567, section 7).
    augment: applied to training images, in this order.
    """

    def __init__(
        self,
        C: nn.Module,
        *,
        smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        augment: tuple[Augment, ...] = (),
    ) -> None:
        super().__init__()
        self.C = C
        self.smoothing, self.augment = smoothing, nn.ModuleList(augment)

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        for augment in game.settings["augment"]:
            if augment.part.learn is not Augment.learn:
                yield (
                    f"{augment.name} and {game.name} do not go together: it learns from what D says of real images, "
                    "and there is no D; use DiffAugment."
                )
        yield from repeated(game.settings)
        yield from ignored(game, players)

    def order(self) -> Iterator[Turn]:
        yield Turn(("C",), self.classifier, capturable=True)

    def classifier(self, batch: Batch) -> Terms:
        """C's turn: cross-entropy on augmented images."""
        x = batch.x
        for augment in self.augment:
            x = augment(x, batch.play, "real")
        logits = at_least_float32(self.C(x))
        batch.play.note("accuracy", accuracy(logits, labels(batch)))
        return {"cross_entropy": cross_entropy(logits, labels(batch), label_smoothing=self.smoothing)}

    def held_out(self, batch: Batch) -> Terms:
        return {"accuracy": accuracy(self.C(batch.x), labels(batch))}


def labels(batch: Batch) -> Tensor:
    """The batch's class numbers [N]. Raises GanatomyError without labels."""
    if batch.y is None:
        raise GanatomyError("A classifier needs labels, and the data has none.")
    return batch.y


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """The share of images whose largest logit is that of their class. logits: [N, classes]; y: [N]."""
    return (logits.argmax(1) == y).float().mean()
