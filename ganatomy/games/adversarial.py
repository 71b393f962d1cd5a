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
from ganatomy.core.float32 import at_least_float32
from ganatomy.core.game import Batch, Game, GroupedTerms, Terms, Turn
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.registry import part
from ganatomy.core.spec import Spec
from ganatomy.games import validity
from ganatomy.objectives.adversarial import AdversarialLoss, NonSaturating, PairedLoss, SeparateLoss
from ganatomy.objectives.augment import Augment
from ganatomy.objectives.constraints import Constraint
from ganatomy.objectives.penalties import DiscriminatorStep, Penalty
from ganatomy.objectives.regularizers import Regularizer

Order = Literal["alternating", "simultaneous", "split"]


class Output(NamedTuple):
    """D's output on a batch: scores [N] in float32 or float64, and its classification head's, None without one."""

    scores: Tensor
    class_output: Tensor | None = None


@part
class Adversarial(Game):
    """G: (z, y) -> image [N, C, H, W] in [-1, 1]; D: (image, y) -> score [N].

    order:
        - "alternating": D on real and generated images together, `d_steps` times; then G on fresh noise, `g_steps`
          times.
        - "simultaneous": both from one pass over the same generated images; each steps against the other's old weights.
        - "split": D on real images, then D on generated ones, a step each; then G on fresh noise.
    penalties: added to D's loss.
    regularizers: added to the loss of the players whose weights they are of.
    constraint: keeps weights within bounds, after each step or as they are used.
    augment: applied to all images that D sees, in this order.
    """

    asks_for_classes: ClassVar[bool] = False  # whether D predicts the class instead of being given it

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
        self._check_batch_norm()
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

    def _check_batch_norm(self) -> None:
        """As `refusals` does by D's settings, which a D of one's own may not have."""
        normed = any(isinstance(module, _BatchNorm) for module in self.D.modules())
        if normed and any(penalty.per_sample for penalty in self.penalties):
            raise GanatomyError(f"Adversarial: {validity.SCORES_OF_ITS_OWN}")

    # ---- the turns

    def order(self) -> Iterator[Turn]:
        if self.order_of_play == "simultaneous":
            yield Turn(("D", "G"), self.both, capturable=True)
            return
        if self.order_of_play == "split":
            for _ in range(self.d_steps):
                yield Turn(("D",), self.discriminator_on_real, capturable=True)
                yield Turn(("D",), self.discriminator_on_fake, fresh=False, capturable=True)
        else:
            yield Turn(("D",), self.discriminator, times=self.d_steps, capturable=True)
        yield Turn(("G",), self.generator, times=self.g_steps, fresh=False, capturable=True)

    def discriminator(self, batch: Batch) -> Terms:
        """D's turn, on real and generated images."""
        return self.discriminator_loss(self.discriminator_step(batch, *self.generated(batch)))

    def discriminator_on_real(self, batch: Batch) -> Terms:
        """The half of D's turn on real images, in split play."""
        real = self.discriminate(self.augmented(batch.x, batch, "real"), self.labels_of_real(batch)).scores
        self.note_scores(batch, "real", real)
        return {"real": self.separate_loss().real(real), **self.regularized("D")}

    def discriminator_on_fake(self, batch: Batch) -> Terms:
        """The half of D's turn on generated images, in split play."""
        x, y = self.generated(batch)
        fake = self.discriminate(self.augmented(x, batch, "fake"), y).scores
        self.note_scores(batch, "fake", fake)
        return {"fake": self.separate_loss().fake(fake)}

    def generator(self, batch: Batch) -> Terms:
        """G's turn."""
        return self.generator_terms(batch, *self.generated(batch))

    def both(self, batch: Batch) -> GroupedTerms:
        """D's and G's turn in simultaneous play, from one forward pass."""
        x, y = self.generated(batch)
        step = self.discriminator_step(batch, x, y)
        output = Output(step.fake_scores, step.fake_class_output)
        return {("D",): self.discriminator_loss(step), ("G",): self.generator_loss(output, step.real_scores, y)}

    # ---- their parts

    def generated(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """G's images for this turn [N, C, H, W], and their classes [N], which are those of the real images.

        Classes are then as frequent among generated images as among real ones, and y alone tells D nothing.
        """
        y = self.labels_of_real(batch)
        return self.G(self.G.prior.draw(batch.play.draws), y), y

    def discriminator_step(self, batch: Batch, x: Tensor, y: Tensor | None) -> DiscriminatorStep:
        """D on the batch's real images and on generated images x; y: classes [N] of both."""
        real, fake = self.augmented(batch.x, batch, "real"), self.augmented(x, batch, "fake")
        on_real, on_fake = self.discriminate(real, y), self.discriminate(fake, y)
        self.note_scores(batch, "real", on_real.scores)
        self.note_scores(batch, "fake", on_fake.scores)
        return DiscriminatorStep(
            score=self.score_in_full_precision,
            real=real,
            fake=fake,
            y=y,
            real_scores=on_real.scores,
            fake_scores=on_fake.scores,
            play=batch.play,
            real_class_output=on_real.class_output,
            fake_class_output=on_fake.class_output,
            unaugmented=(batch.x, x),
            rescore=lambda images, y: self.discriminate(images, y).scores,
            augment=lambda images, kind: self.augmented(images, batch, kind),
        )

    def discriminator_loss(self, step: DiscriminatorStep) -> Terms:
        """What D minimizes: its loss, penalties and regularizers. Adaptive augmentation is updated, too."""
        terms = dict(self.loss.discriminator(step.real_scores, step.fake_scores))
        for penalty in self.penalties:
            terms |= penalty.terms(step)  # type: ignore[operator]
        for augment in self.augment:  # last: a penalty may repeat this step's augmentation
            augment.learn(step.real_scores - (self.loss.threshold or 0.0), step.play)  # type: ignore[operator]
        return {**terms, **self.regularized("D")}

    def generator_terms(self, batch: Batch, x: Tensor, y: Tensor | None) -> Terms:
        """What G minimizes for its images x of classes y, after D's pass over them."""
        output, real = self.discriminate(self.augmented(x, batch, "fooling"), y), None
        if isinstance(self.loss, PairedLoss):
            real = self.discriminate(self.augmented(batch.x, batch, "beside"), y).scores
        return self.generator_loss(output, real, y)

    def generator_loss(self, output: Output, real: Tensor | None, y: Tensor | None) -> Terms:
        """What G minimizes, by D's output on its images of classes y; real: scores [N] of real images, if needed."""
        return {"adversarial": self.loss.generator(output.scores, real), **self.regularized("G")}

    def regularized(self, name: str) -> Terms:
        """A player's regularizers, weighted, by title."""
        player = self.get_submodule(name)
        return {r.title: r.weight * r.value(player) for r in self.regularizers if name in r.players}

    def constrain(self, movers: tuple[str, ...]) -> None:
        if self.constraint is not None:
            self.constraint.project({"G": self.G, "D": self.D}, movers)

    def augmented(self, x: Tensor, batch: Batch, which: str) -> Tensor:
        """Images as D sees them. `which` names the images' random numbers: the same name augments alike."""
        for augment in self.augment:
            x = augment(x, batch.play, which)
        return x

    def discriminate(self, x: Tensor, y: Tensor | None) -> Output:
        """D on images as it sees them, [N, C, H, W], and their classes [N]."""
        return Output(at_least_float32(self.D(x, y)))

    def score_in_full_precision(self, x: Tensor, y: Tensor | None) -> Tensor:
        """D's scores [N] without autocast, in the precision of its weights, for gradients of gradients."""
        with torch.autocast(x.device.type, enabled=False):
            return self.D(x.to(next(self.D.parameters()).dtype), y)

    def labels_of_real(self, batch: Batch) -> Tensor | None:
        """The classes of the real images [N], None if the game is not conditional."""
        return batch.y if self.G.classes else None

    def separate_loss(self) -> SeparateLoss:
        assert isinstance(self.loss, SeparateLoss)
        return self.loss

    def note_scores(self, batch: Batch, kind: Literal["real", "fake"], scores: Tensor) -> None:
        """Log D's mean score and accuracy on real or generated images."""
        for name, value in self.loss.figures(kind, scores).items():
            batch.play.note(name, value)

    def held_out(self, batch: Batch) -> Terms:
        """D's scores on held-out real images, augmented as in training; below those on training images, D overfits."""
        x = self.augmented(batch.x, batch, "real")
        return self.loss.figures("real", self.discriminate(x, self.labels_of_real(batch)).scores)
