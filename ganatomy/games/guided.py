"""A conditional GAN whose G must also please a classifier that was trained before: an open question of one report.

D judges whether an image is real, C whether it is of the class asked for. C is frozen: it gives gradients, takes none.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Terms
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.adversarial import Adversarial, Said
from ganatomy.networks.classifier import PretrainedClassifier

UNCONDITIONAL = (
    "Guided: a classifier can only guide a conditional G: set players.G.conditional=true and "
    "players.D.conditional=true."
)


@part
class Guided(Adversarial):
    """As `Adversarial`, and G descends `guidance` times C's cross-entropy with the class that was asked for, too.

    C must be another classifier than the judge that scores the result, or its scores say nothing.
    """

    frozen = ("C",)

    def __init__(
        self,
        G: Generator,
        D: Discriminator,
        C: PretrainedClassifier,
        *,
        guidance: NonNegativeFloat = 0.1,
        **rules: Any,
    ) -> None:
        super().__init__(G, D, **rules)
        if not G.classes:
            raise GanatomyError(UNCONDITIONAL)
        self.C, self.guidance = C, guidance

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        yield from super().refusals(game, players)
        if players["G"].settings.get("conditional") is False:
            yield UNCONDITIONAL

    def generator(self, batch: Batch) -> Terms:
        x, y = self.generated(batch)
        return {**self.fooled(batch, x, y), "guidance": self._cost(x, y, batch)}

    def both(self, batch: Batch) -> Any:
        x, y = self.generated(batch)
        shown = self.show(batch, x, y)
        fooling = self.fooling(Said(shown.fake_scores, shown.fake_classes), shown.real_scores, y)
        return {("D",): self.told_apart(shown), ("G",): {**fooling, "guidance": self._cost(x, y, batch)}}

    def _cost(self, x: Tensor, y: Tensor | None, batch: Batch) -> Tensor:
        assert y is not None
        logits = self.C(x).float()
        batch.play.note("G_accuracy_as_asked", (logits.argmax(1) == y).float().mean())
        return self.guidance * cross_entropy(logits, y)
