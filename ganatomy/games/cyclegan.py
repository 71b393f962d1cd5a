"""CycleGAN: Zhu et al. (2017), "Unpaired image-to-image translation using cycle-consistent adversarial networks".

arXiv:1703.10593; with consistency regularization as one report adds it (Zhang et al., 2020, arXiv:1910.12027).
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.float32 import at_least_float32
from ganatomy.core.game import Batch, Game, Terms, Turn
from ganatomy.core.players import PatchDiscriminator, Translator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games.validity import ignored
from ganatomy.objectives.adversarial import LeastSquares, SeparateLoss, Wasserstein
from ganatomy.objectives.history import ImageHistory
from ganatomy.objectives.penalties import Consistency, DiscriminatorStep

Distance = Literal["l1", "l2"]


@part
class CycleGAN(Game):
    """G: X -> Y and F: Y -> X, images [N, C, H, W] in [-1, 1]; D_X and D_Y: images -> scores of patches [N, h, w].

    A batch has images of X in x and of Y in y. G and F step first, then both discriminators, on generated images from a
    history (section 4, "training details").

    cycle: weight of the cycle-consistency loss, the paper's lambda.
    identity: weight of the identity loss; the paper has 0.5 * lambda. 0 leaves it out.
    distance: of images in both of these losses: mean absolute ("l1", the paper's) or mean squared difference.
    history: how many generated images of each domain are kept; 0: none, D sees the newest.
    consistency: consistency regularization of both discriminators, as one report adds it.
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
        yield Turn(("G", "F"), self.translators, capturable=True)
        full = self.history_X.full and self.history_Y.full
        yield Turn(("D_X", "D_Y"), self.discriminators, fresh=False, capturable=full)

    def translators(self, batch: Batch) -> Terms:
        """G's and F's turn: adversarial, cycle and identity losses."""
        x, y = both_domains(batch)
        fake_y, fake_x = self.G(x), self.F(y)
        terms = {
            "G_adversarial": self.loss.generator(at_least_float32(self.D_Y(fake_y))),
            "F_adversarial": self.loss.generator(at_least_float32(self.D_X(fake_x))),
            "cycle_X": self.cycle * self.difference(self.F(fake_y), x),
            "cycle_Y": self.cycle * self.difference(self.G(fake_x), y),
        }
        if self.identity:
            terms["G_identity"] = self.identity * self.difference(self.G(y), y)
            terms["F_identity"] = self.identity * self.difference(self.F(x), x)
        return terms

    def discriminators(self, batch: Batch) -> Terms:
        """The turn of both discriminators."""
        x, y = both_domains(batch)
        return {
            **self.discriminator_loss(batch, "X", self.D_X, x, self.F(y), self.history_X),
            **self.discriminator_loss(batch, "Y", self.D_Y, y, self.G(x), self.history_Y),
        }

    def discriminator_loss(
        self, batch: Batch, name: str, D: PatchDiscriminator, real: Tensor, fresh: Tensor, history: ImageHistory
    ) -> Terms:
        """What one discriminator minimizes: equation 1 of the report, its halves included."""
        fake = history.shown(fresh, batch.play.draws, name).to(fresh.dtype)
        of_real, of_fake = at_least_float32(D(real)), at_least_float32(D(fake))
        threshold = self.loss.threshold
        if threshold is not None:
            batch.play.note(f"D_{name}_accuracy_real", (of_real > threshold).float().mean())
            batch.play.note(f"D_{name}_accuracy_fake", (of_fake < threshold).float().mean())
        terms = {f"{name}_real": self.loss.real(of_real), f"{name}_fake": self.loss.fake(of_fake)}
        if self.consistency is not None:
            step = DiscriminatorStep(
                lambda images, _: at_least_float32(D(images)), real, fake, None, of_real, of_fake, batch.play
            )
            terms |= {f"{name}_{title}": value for title, value in self.consistency.terms(step).items()}
        return terms

    def difference(self, a: Tensor, b: Tensor) -> Tensor:
        """Of images a and b, [N, C, H, W] each: a scalar."""
        difference = at_least_float32(a) - at_least_float32(b)
        return difference.abs().mean() if self.distance == "l1" else difference.square().mean()

    def held_out(self, batch: Batch) -> Terms:
        """The share of held-out real images that each discriminator takes for real."""
        if self.loss.threshold is None:
            return {}
        x, y = both_domains(batch)
        return {
            f"D_{name}_accuracy_real": (at_least_float32(D(images)) > self.loss.threshold).float().mean()
            for name, D, images in (("X", self.D_X, x), ("Y", self.D_Y, y))
        }


def both_domains(batch: Batch) -> tuple[Tensor, Tensor]:
    """The images of X and of Y. Raises GanatomyError for data of one domain."""
    if batch.y is None or batch.y.shape[1:] != batch.x.shape[1:]:
        raise GanatomyError("CycleGAN wants images of two domains: use data of two sources (`Unpaired`).")
    return batch.x, batch.y
