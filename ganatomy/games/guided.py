"""A conditional GAN whose G is also guided by a classifier trained beforehand: an open question of one report.

D judges whether an image is real, the classifier C whether it is of the class asked for. C is frozen: gradients pass
through it to G, and its own weights never change.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import at_least_float32
from ganatomy.core.game import Batch, Terms
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.adversarial import Adversarial, Output
from ganatomy.networks.classifier import PretrainedClassifier

UNCONDITIONAL = (
    "Guided: a classifier can only guide a conditional G: set players.G.conditional=true and "
    "players.D.conditional=true."
)


@part
class Guided(Adversarial):
    """As `Adversarial`, and G also minimizes `guidance` * the cross-entropy of C's answer with the class asked for.

    C must not be the judge that scores the result: G would be trained on its own metric.
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
        return {**self.generator_terms(batch, x, y), "guidance": self._guidance(x, y, batch)}

    def both(self, batch: Batch) -> Any:
        x, y = self.generated(batch)
        step = self.discriminator_step(batch, x, y)
        output = Output(step.fake_scores, step.fake_class_output)
        of_generator = {**self.generator_loss(output, step.real_scores, y), "guidance": self._guidance(x, y, batch)}
        return {("D",): self.discriminator_loss(step), ("G",): of_generator}

    def _guidance(self, x: Tensor, y: Tensor | None, batch: Batch) -> Tensor:
        assert y is not None
        logits = at_least_float32(self.C(x))
        batch.play.note("G_accuracy_as_asked", (logits.argmax(1) == y).float().mean())
        return self.guidance * cross_entropy(logits, y)
