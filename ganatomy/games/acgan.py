"""Odena, Olah and Shlens (2017), "Conditional image synthesis with auxiliary classifier GANs", arXiv:1610.09585.

D is not told the class but asked for it, and G is to be recognized. With `auxiliary=DataToData` it is ReACGAN.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor, nn

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Terms
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.adversarial import Adversarial, Said, in_float32
from ganatomy.objectives.auxiliary import AuxiliaryLoss, SoftmaxCrossEntropy
from ganatomy.objectives.penalties import Shown


@part
class ACGAN(Adversarial):
    """As `Adversarial`, and D has a second head, `classify`, which reads the class from the same features.

    D descends L_S + weight * L_C and G its own loss + weight * L_C, as the paper has it (equations 2 and 3 with their
    signs turned). `on_fake` is whether D learns classes from generated images, too, as there; it then learns what G
    mistakes, and ReACGAN leaves it out.
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

    def look(self, x: Tensor, y: Tensor | None) -> Said:
        features = self.D.features(x, y)
        return Said(in_float32(self.D.scored(features, y)), self.head(features))

    def told_apart(self, shown: Shown) -> Terms:
        terms = {**super().told_apart(shown), "class_real": self._cost(shown.real_classes, shown.y)}
        if self.on_fake:
            terms["class_fake"] = self._cost(shown.fake_classes, shown.y)
        for kind, said in (("real", shown.real_classes), ("fake", shown.fake_classes)):
            shown.play.note(f"auxiliary_accuracy_{kind}", self._right(said, shown.y))
        return terms

    def fooling(self, said: Said, real: Tensor | None, y: Tensor | None) -> Terms:
        return {**super().fooling(said, real, y), "class": self._cost(said.classes, y)}

    def held_out(self, batch: Batch) -> Terms:
        said = self.look(self.seen(batch.x, batch, "real"), batch.y)
        return {**super().held_out(batch), "auxiliary_accuracy_real": self._right(said.classes, batch.y)}

    def _cost(self, said: Tensor | None, y: Tensor | None) -> Tensor:
        assert said is not None and y is not None
        return self.weight * self.auxiliary(said, y, self.head)

    def _right(self, said: Tensor | None, y: Tensor | None) -> Tensor:
        assert said is not None and y is not None
        return (self.auxiliary.logits(said, self.head).argmax(1) == y).float().mean()
