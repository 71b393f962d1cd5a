"""The two-player game of Goodfellow et al. (2014), "Generative adversarial nets", algorithm 1, arXiv:1406.2661.

Vanilla GAN, DCGAN, LSGAN, WGAN, SNGAN, R3GAN and their conditional kin are recipes of this one game: they differ in
networks, loss, penalties, constraint, augmentation and order of play.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Game, GroupedTerms, Terms, Turn
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games import validity
from ganatomy.objectives.adversarial import AdversarialLoss, NonSaturating, PairedLoss, SeparateLoss
from ganatomy.objectives.augment import Augment
from ganatomy.objectives.constraints import Constraint
from ganatomy.objectives.penalties import Penalty, Shown
from ganatomy.objectives.regularizers import Regularizer

Order = Literal["alternating", "simultaneous", "split"]


class Said(NamedTuple):
    """D's scores [N], and its answers about classes where it has a head for them."""

    scores: Tensor
    classes: Tensor | None = None


@part
class Adversarial(Game):
    """G: (z, y) -> image [N, C, H, W] in [-1, 1]; D: (image, y) -> score [N].

    Three orders of play, which the reports compare:

    - `alternating`: D on real and generated images together, `d_steps` times; then G on fresh noise, `g_steps` times.
    - `simultaneous`: both from one pass over the same generated images, each stepping on the other's old weights.
    - `split`: D on real images, D on generated ones, each its own step; then G on fresh noise.

    `penalties` are D's, `regularizers` those of whose weights they are; `constraint` bounds weights after each step.
    `augment` changes everything that D sees, in this order.
    """

    asks_for_classes: ClassVar[bool] = False  # of D, instead of telling it

    def __init__(
        self,
        G: Generator,
        D: Discriminator,
        *,
        loss: AdversarialLoss = NonSaturating(),  # noqa: B008 (frozen data)
        order: Order = "alternating",
        d_steps: PositiveInt = 1,
        g_steps: PositiveInt = 1,
        penalties: tuple[Penalty, ...] = (),
        regularizers: tuple[Regularizer, ...] = (),
        constraint: Constraint | None = None,
        augment: tuple[Augment, ...] = (),
    ) -> None:
        super().__init__()
        self.G, self.D = G, D
        self._check_classes()
        self.loss = loss
        self.order_of_play, self.d_steps, self.g_steps = order, d_steps, g_steps
        self.penalties, self.augment = nn.ModuleList(penalties), nn.ModuleList(augment)
        self.regularizers, self.constraint = regularizers, constraint
        self._check_scores()
        if constraint is not None:
            constraint.attach({"G": G, "D": D})

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        yield from validity.refusals(game, players)
        told = [players[name].settings.get("conditional") for name in ("G", "D")]
        if not cls.asks_for_classes and told in ([True, False], [False, True]):
            yield "set players.G.conditional and players.D.conditional alike; one of them is conditional."
        head = players["D"].settings.get("auxiliary", "none")
        if not cls.asks_for_classes and head != "none":
            yield (
                f"players.D.auxiliary={head} does nothing with {game.name}, which asks D for no classes: use ACGAN, or "
                "players.D.auxiliary=none."
            )

    def _check_classes(self) -> None:
        if bool(self.G.classes) != bool(self.D.classes):
            raise GanatomyError(
                "Adversarial: set players.G.conditional and players.D.conditional alike; one of them is conditional."
            )

    def _check_scores(self) -> None:
        """Here for a D of one's own, whose settings do not tell."""
        normed = any(isinstance(module, _BatchNorm) for module in self.D.modules())
        if normed and any(penalty.per_sample for penalty in self.penalties):
            raise GanatomyError(f"Adversarial: {validity.SCORES_OF_ITS_OWN}")

    def order(self) -> Iterator[Turn]:
        if self.order_of_play == "simultaneous":
            yield Turn(("D", "G"), self.both, alike=True)
            return
        if self.order_of_play == "split":
            for _ in range(self.d_steps):
                yield Turn(("D",), self.discriminator_on_real, alike=True)
                yield Turn(("D",), self.discriminator_on_fake, fresh=False, alike=True)
        else:
            yield Turn(("D",), self.discriminator, times=self.d_steps, alike=True)
        yield Turn(("G",), self.generator, times=self.g_steps, fresh=False, alike=True)

    def discriminator(self, batch: Batch) -> Terms:
        return self.told_apart(self.show(batch, *self.generated(batch)))

    def discriminator_on_real(self, batch: Batch) -> Terms:
        real = self.look(self.seen(batch.x, batch, "real"), self.labels_of_real(batch)).scores
        self.note_scores(batch, "real", real)
        return {"real": self.separate_loss().real(real), **self.regularized("D")}

    def discriminator_on_fake(self, batch: Batch) -> Terms:
        x, y = self.generated(batch)
        fake = self.look(self.seen(x, batch, "fake"), y).scores
        self.note_scores(batch, "fake", fake)
        return {"fake": self.separate_loss().fake(fake)}

    def generator(self, batch: Batch) -> Terms:
        return self.fooled(batch, *self.generated(batch))

    def fooled(self, batch: Batch, x: Tensor, y: Tensor | None) -> Terms:
        """D looks at G's images x of classes y, for G."""
        said, real = self.look(self.seen(x, batch, "fooling"), y), None
        if isinstance(self.loss, PairedLoss):
            real = self.look(self.seen(batch.x, batch, "beside"), y).scores
        return self.fooling(said, real, y)

    def both(self, batch: Batch) -> GroupedTerms:
        x, y = self.generated(batch)
        shown = self.show(batch, x, y)
        said = Said(shown.fake_scores, shown.fake_classes)
        return {("D",): self.told_apart(shown), ("G",): self.fooling(said, shown.real_scores, y)}

    def show(self, batch: Batch, x: Tensor, y: Tensor | None) -> Shown:
        """D looks at real images and at generated ones x; y are the classes of both."""
        real, fake = self.seen(batch.x, batch, "real"), self.seen(x, batch, "fake")
        of_real, of_fake = self.look(real, y), self.look(fake, y)
        shown = Shown(
            self.score_precisely,
            *(real, fake, y),
            *(of_real.scores, of_fake.scores),
            batch.play,
            *(of_real.classes, of_fake.classes),
            before=(batch.x, x),
            again=lambda images, y: self.look(images, y).scores,
            see=lambda images, kind: self.seen(images, batch, kind),
        )
        self.note_scores(batch, "real", shown.real_scores)
        self.note_scores(batch, "fake", shown.fake_scores)
        return shown

    def told_apart(self, shown: Shown) -> Terms:
        """What D minimizes."""
        terms = dict(self.loss.discriminator(shown.real_scores, shown.fake_scores))
        for penalty in self.penalties:
            terms |= penalty.terms(shown)  # type: ignore[operator]
        for augment in self.augment:  # last: a penalty may repeat what it did
            augment.learn(shown.real_scores - (self.loss.middle or 0.0), shown.play)  # type: ignore[operator]
        return {**terms, **self.regularized("D")}

    def fooling(self, said: Said, real: Tensor | None, y: Tensor | None) -> Terms:
        """What G minimizes after what D said of its images of classes y; real: scores [N] of real images."""
        return {"adversarial": self.loss.generator(said.scores, real), **self.regularized("G")}

    def regularized(self, name: str) -> Terms:
        player = self.get_submodule(name)
        return {r.title: r.weight * r.value(player) for r in self.regularizers if name in r.players}

    def constrain(self, movers: tuple[str, ...]) -> None:
        if self.constraint is not None:
            self.constraint.project({"G": self.G, "D": self.D}, movers)

    def seen(self, x: Tensor, batch: Batch, which: str) -> Tensor:
        """Images as D sees them."""
        for augment in self.augment:
            x = augment(x, batch.play, which)
        return x

    def look(self, x: Tensor, y: Tensor | None) -> Said:
        """What D says of images."""
        return Said(in_float32(self.D(x, y)))

    def score_precisely(self, x: Tensor, y: Tensor | None) -> Tensor:
        """D's scores [N] in the weights' precision, for gradients of gradients; G's images may be bfloat16."""
        with torch.autocast(x.device.type, enabled=False):
            return self.D(x.to(next(self.D.parameters()).dtype), y)

    def generated(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """G's images of this turn, and the classes they were asked to be: those of the real images.

        So the classes are as frequent among generated as among real images, and D cannot tell them apart by y alone.
        """
        y = self.labels_of_real(batch)
        return self.G(self.G.prior.draw(batch.play.draws), y), y

    def labels_of_real(self, batch: Batch) -> Tensor | None:
        return batch.y if self.G.classes else None

    def separate_loss(self) -> SeparateLoss:
        assert isinstance(self.loss, SeparateLoss)
        return self.loss

    def note_scores(self, batch: Batch, kind: Literal["real", "fake"], scores: Tensor) -> None:
        for name, value in self.loss.figures(kind, scores).items():
            batch.play.note(name, value)

    def held_out(self, batch: Batch) -> Terms:
        """D on real images that it never trained on, augmented alike: when they fall behind, D overfits."""
        seen = self.seen(batch.x, batch, "real")
        return self.loss.figures("real", self.look(seen, self.labels_of_real(batch)).scores)


def in_float32(scores: Tensor) -> Tensor:
    """Scores that autocast made bfloat16, whose means are too coarse to log."""
    return scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores
