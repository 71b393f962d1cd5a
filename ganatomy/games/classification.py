"""The one-player game: a classifier learns its labels."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Game, Terms, Turn
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.validity import ignored, told_twice
from ganatomy.objectives.augment import Augment


@part
class Classification(Game):
    """C: image [N, C, H, W] in [-1, 1] -> logits [N, classes], by softmax cross-entropy.

    `smoothing` is the label smoothing of Szegedy et al. (2016), section 7. `augment` changes what it is trained on, in
    this order.
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
        yield from told_twice(game.settings)
        yield from ignored(game, players)

    def order(self) -> Iterator[Turn]:
        yield Turn(("C",), self.classifier, alike=True)

    def classifier(self, batch: Batch) -> Terms:
        x = batch.x
        for augment in self.augment:
            x = augment(x, batch.play, "real")
        logits = self.C(x).float()
        batch.play.note("accuracy", right(logits, labels(batch)))
        return {"cross_entropy": cross_entropy(logits, labels(batch), label_smoothing=self.smoothing)}

    def held_out(self, batch: Batch) -> Terms:
        return {"accuracy": right(self.C(batch.x), labels(batch))}


def labels(batch: Batch) -> Tensor:
    if batch.y is None:
        raise GanatomyError("A classifier needs labels, and the data has none.")
    return batch.y


def right(logits: Tensor, y: Tensor) -> Tensor:
    return (logits.argmax(1) == y).float().mean()
