"""The two-player game of Goodfellow et al. (2014), "Generative adversarial nets", algorithm 1, arXiv:1406.2661.

Vanilla GAN, DCGAN and their conditional kin are recipes of this one game: they differ in networks, loss and order of
play.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from ganatomy.core.errors import GanatomyError
from ganatomy.core.game import Batch, Game, GroupedTerms, Terms, Turn
from ganatomy.core.players import Discriminator, Generator
from ganatomy.core.registry import part
from ganatomy.objectives.adversarial import AdversarialLoss, NonSaturating

Order = Literal["alternating", "simultaneous", "split"]


@part
class Adversarial(Game):
    """G: (z, y) -> image [N, C, H, W] in [-1, 1]; D: (image, y) -> score [N].

    Three orders of play, which the reports compare:

    - `alternating`: D on real and generated images together, `d_steps` times; then G on fresh noise, `g_steps` times.
    - `simultaneous`: both from one pass over the same generated images, each stepping on the other's old weights.
    - `split`: D on real images, D on generated ones, each its own step; then G on fresh noise.
    """

    def __init__(
        self,
        G: Generator,
        D: Discriminator,
        *,
        loss: AdversarialLoss = NonSaturating(),  # noqa: B008 (frozen data)
        order: Order = "alternating",
        d_steps: PositiveInt = 1,
        g_steps: PositiveInt = 1,
    ) -> None:
        super().__init__()
        if order == "simultaneous" and (d_steps, g_steps) != (1, 1):
            raise GanatomyError(
                "Adversarial: simultaneous play is one step of each; d_steps and g_steps belong to the other orders."
            )
        if bool(G.classes) != bool(D.classes):
            raise GanatomyError(
                "Adversarial: set players.G.conditional and players.D.conditional alike; one of them is conditional."
            )
        self.G, self.D = G, D
        self.loss = loss
        self.order_of_play, self.d_steps, self.g_steps = order, d_steps, g_steps

    def order(self) -> Iterator[Turn]:
        if self.order_of_play == "simultaneous":
            yield Turn(("D", "G"), self.both)
            return
        if self.order_of_play == "split":
            for _ in range(self.d_steps):
                yield Turn(("D",), self.discriminator_on_real)
                yield Turn(("D",), self.discriminator_on_fake, fresh=False)
        else:
            yield Turn(("D",), self.discriminator, times=self.d_steps)
        yield Turn(("G",), self.generator, times=self.g_steps, fresh=False)

    def discriminator(self, batch: Batch) -> Terms:
        return {**self.discriminator_on_real(batch), **self.discriminator_on_fake(batch)}

    def discriminator_on_real(self, batch: Batch) -> Terms:
        real = self.score(batch.x, self.labels_of_real(batch))
        note_scores(batch, "real", real, real > 0)
        return {"real": self.loss.real(real)}

    def discriminator_on_fake(self, batch: Batch) -> Terms:
        fake = self.score(*self.generated(batch))
        note_scores(batch, "fake", fake, fake < 0)
        return {"fake": self.loss.fake(fake)}

    def generator(self, batch: Batch) -> Terms:
        return {"adversarial": self.loss.generator(self.score(*self.generated(batch)))}

    def both(self, batch: Batch) -> GroupedTerms:
        fake = self.score(*self.generated(batch))
        note_scores(batch, "fake", fake, fake < 0)
        return {
            ("D",): {**self.discriminator_on_real(batch), "fake": self.loss.fake(fake)},
            ("G",): {"adversarial": self.loss.generator(fake)},
        }

    def score(self, x: Tensor, y: Tensor | None) -> Tensor:
        """D's scores [N], in float32 where autocast made them bfloat16, whose means are too coarse to log."""
        scores = self.D(x, y)
        return scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores

    def generated(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """G's images of this turn, and the classes they were asked to be: those of the real images.

        So the classes are as frequent among generated as among real images, and D cannot tell them apart by y alone.
        """
        y = self.labels_of_real(batch)
        return self.G(self.G.prior.draw(batch.play.draws), y), y

    def labels_of_real(self, batch: Batch) -> Tensor | None:
        return batch.y if self.G.classes else None

    def held_out(self, batch: Batch) -> Terms:
        """D on real images that it never trained on: when this falls behind `accuracy_real`, D overfits."""
        real = self.score(batch.x, self.labels_of_real(batch))
        return {"score_real": torch.sigmoid(real).mean(), "accuracy_real": (real > 0).float().mean()}


def note_scores(batch: Batch, kind: str, scores: Tensor, right: Tensor) -> None:
    """D(x) as a probability, and how often D is right."""
    batch.play.note(f"score_{kind}", torch.sigmoid(scores).mean())
    batch.play.note(f"accuracy_{kind}", right.float().mean())
