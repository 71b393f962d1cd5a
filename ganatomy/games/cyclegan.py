"""CycleGAN: Zhu et al. (2017), "Unpaired image-to-image translation using cycle-consistent adversarial networks".

arXiv:1703.10593; with consistency regularization as one report adds it (Zhang et al., 2020, arXiv:1910.12027).
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Game, Terms, Turn
from ganatomy.core.players import PatchDiscriminator, Translator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.validity import ignored
from ganatomy.objectives.adversarial import LeastSquares, SeparateLoss, Wasserstein
from ganatomy.objectives.history import ImageHistory
from ganatomy.objectives.penalties import Consistency, Shown

Distance = Literal["l1", "l2"]


@part
class CycleGAN(Game):
    """G: X -> Y and F: Y -> X, images [N, C, H, W] in [-1, 1]; D_X and D_Y: images -> scores of patches [N, h, w].

    A batch's x are images of X, its y images of Y. The translators move first, then the discriminators, on images from
    a history. `cycle` and `identity` are the paper's lambda and half of it times ten; `distance`, L1 or L2.
    """

    def __init__(
        self,
        G: Translator,
        F: Translator,
        D_X: PatchDiscriminator,
        D_Y: PatchDiscriminator,
        *,
        loss: SeparateLoss = LeastSquares(),  # noqa: B008 (frozen data)
        cycle: NonNegativeFloat = 10.0,
        identity: NonNegativeFloat = 5.0,
        distance: Distance = "l1",
        history: NonNegativeInt = 50,
        consistency: Consistency | None = None,
    ) -> None:
        super().__init__()
        self.G, self.F, self.D_X, self.D_Y = G, F, D_X, D_Y
        self.loss, self.cycle, self.identity, self.distance = loss, cycle, identity, distance
        self.history_X, self.history_Y = ImageHistory(F.shape, history), ImageHistory(G.shape, history)
        self.consistency = consistency

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        yield from ignored(game, players)
        if issubclass(game.settings["loss"].part, Wasserstein):
            yield "CycleGAN bounds no D, and Wasserstein's loss needs a bound: use another game.loss."

    def order(self) -> Iterator[Turn]:
        yield Turn(("G", "F"), self.translators, alike=True)
        full = self.history_X.full and self.history_Y.full
        yield Turn(("D_X", "D_Y"), self.discriminators, fresh=False, alike=full)

    def translators(self, batch: Batch) -> Terms:
        x, y = both_domains(batch)
        fake_y, fake_x = self.G(x), self.F(y)
        terms = {
            "G_adversarial": self.loss.generator(self.D_Y(fake_y).float()),
            "F_adversarial": self.loss.generator(self.D_X(fake_x).float()),
            "cycle_X": self.cycle * self.apart(self.F(fake_y), x),
            "cycle_Y": self.cycle * self.apart(self.G(fake_x), y),
        }
        if self.identity:
            terms["G_identity"] = self.identity * self.apart(self.G(y), y)
            terms["F_identity"] = self.identity * self.apart(self.F(x), x)
        return terms

    def discriminators(self, batch: Batch) -> Terms:
        x, y = both_domains(batch)
        return {
            **self.told_apart(batch, "X", self.D_X, x, self.F(y), self.history_X),
            **self.told_apart(batch, "Y", self.D_Y, y, self.G(x), self.history_Y),
        }

    def told_apart(
        self, batch: Batch, name: str, D: PatchDiscriminator, real: Tensor, fresh: Tensor, history: ImageHistory
    ) -> Terms:
        """What one discriminator minimizes: equation 1 of the report, its halves included."""
        fake = history.shown(fresh, batch.play.draws, name).to(fresh.dtype)
        of_real, of_fake = D(real).float(), D(fake).float()
        middle = self.loss.middle
        if middle is not None:
            batch.play.note(f"D_{name}_accuracy_real", (of_real > middle).float().mean())
            batch.play.note(f"D_{name}_accuracy_fake", (of_fake < middle).float().mean())
        terms = {f"{name}_real": self.loss.real(of_real), f"{name}_fake": self.loss.fake(of_fake)}
        if self.consistency is not None:
            shown = Shown(lambda images, _: D(images).float(), real, fake, None, of_real, of_fake, batch.play)
            terms |= {f"{name}_{title}": value for title, value in self.consistency.terms(shown).items()}
        return terms

    def apart(self, a: Tensor, b: Tensor) -> Tensor:
        difference = a.float() - b.float()
        return difference.abs().mean() if self.distance == "l1" else difference.square().mean()

    def held_out(self, batch: Batch) -> Terms:
        """How often the discriminators take real images for real that they never saw."""
        if self.loss.middle is None:
            return {}
        x, y = both_domains(batch)
        return {
            f"D_{name}_accuracy_real": (D(images).float() > self.loss.middle).float().mean()
            for name, D, images in (("X", self.D_X, x), ("Y", self.D_Y, y))
        }


def both_domains(batch: Batch) -> tuple[Tensor, Tensor]:
    if batch.y is None or batch.y.shape[1:] != batch.x.shape[1:]:
        raise GanatomyError("CycleGAN wants images of two domains: use data of two sources (`Unpaired`).")
    return batch.x, batch.y
