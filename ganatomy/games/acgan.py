"""Odena, Olah and Shlens (2017), "Conditional image synthesis with auxiliary classifier GANs", arXiv:1610.09585.

D is not given the class but predicts it, and G wants its images to be classified as asked. With `auxiliary=DataToData`
it is ReACGAN.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import at_least_float32
from ganatomy.core.game import Batch, Terms
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.adversarial import Adversarial, Output
from ganatomy.objectives.auxiliary import AuxiliaryLoss, SoftmaxCrossEntropy
from ganatomy.objectives.penalties import DiscriminatorStep


@part
class ACGAN(Adversarial):
    """As `Adversarial`, and D has a second head, `classify`, that predicts the class from the same features.

    D minimizes L_S + weight * L_C and G its own loss + weight * L_C: equations 2 and 3 of the paper with their signs
    turned.

    auxiliary: the classification loss L_C.
    on_fake: whether D learns classes from generated images, too, as in the paper. It then also learns G's mistakes,
        which is why ReACGAN does not.
    """

    asks_for_classes = True

    def __init__(
        self,
        G: Generator,
        D: Discriminator,
        *,
        auxiliary: AuxiliaryLoss = SoftmaxCrossEntropy(),  # noqa: B008 (frozen data)
        weight: NonNegativeFloat = 1.0,
        on_fake: bool = True,
        **rules: Any,
    ) -> None:
        super().__init__(G, D, **rules)
        self.auxiliary, self.weight, self.on_fake = auxiliary, weight, on_fake
        self.compares_images = auxiliary.compares_images

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        yield from super().refusals(game, players)
        auxiliary, head = game.settings["auxiliary"], players["D"].settings.get("auxiliary")
        wanted = auxiliary.part.heads
        if head not in (None, wanted):
            yield (
                f"auxiliary={auxiliary.name} and players.D.auxiliary={head} do not go together: use "
                f"players.D.auxiliary={wanted}."
            )
        if players["G"].settings.get("conditional") is False or players["D"].settings.get("conditional"):
            yield "ACGAN: set players.G.conditional=true and players.D.conditional=false: D is asked."
        if game.settings["order"] == "split":
            yield "ACGAN and order=split do not go together: D's classes are of one turn; use order=alternating."

    def _check_classes(self) -> None:
        if not self.G.classes or self.D.classes:
            raise GanatomyError("ACGAN: set players.G.conditional=true and players.D.conditional=false: D is asked.")
        if getattr(self.D, "classify", None) is None:
            raise GanatomyError(f"ACGAN: {type(self.D).__name__} has no head `classify`; set players.D.auxiliary.")

    @property
    def head(self) -> nn.Module:
        return self.D.get_submodule("classify")

    def discriminate(self, x: Tensor, y: Tensor | None) -> Output:
        features = self.D.features(x, y)
        return Output(at_least_float32(self.D.scored(features, y)), self.head(features))

    def discriminator_loss(self, step: DiscriminatorStep) -> Terms:
        terms = {**super().discriminator_loss(step), "class_real": self._classification(step.real_class_output, step.y)}
        if self.on_fake:
            terms["class_fake"] = self._classification(step.fake_class_output, step.y)
        for kind, output in (("real", step.real_class_output), ("fake", step.fake_class_output)):
            step.play.note(f"auxiliary_accuracy_{kind}", self._accuracy(output, step.y))
        return terms

    def generator_loss(self, output: Output, real: Tensor | None, y: Tensor | None) -> Terms:
        return {**super().generator_loss(output, real, y), "class": self._classification(output.class_output, y)}

    def held_out(self, batch: Batch) -> Terms:
        output = self.discriminate(self.augmented(batch.x, batch, "real"), batch.y)
        return {**super().held_out(batch), "auxiliary_accuracy_real": self._accuracy(output.class_output, batch.y)}

    def _classification(self, output: Tensor | None, y: Tensor | None) -> Tensor:
        assert output is not None and y is not None
        return self.weight * self.auxiliary(output, y, self.head)

    def _accuracy(self, output: Tensor | None, y: Tensor | None) -> Tensor:
        assert output is not None and y is not None
        return (self.auxiliary.logits(output, self.head).argmax(1) == y).float().mean()
