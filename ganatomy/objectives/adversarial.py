"""Adversarial losses: pure functions of scores. A score is D's output, [N]; the higher, the more real.

Every loss says what D minimizes, as named terms, and what G minimizes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import relu, softplus

from ganatomy.core.registry import part

Smoothing = Annotated[float, Field(ge=0, lt=0.5)]


class AdversarialLoss(ABC):
    """What the two players of a GAN make of D's scores.

    `middle` is the score at which D is undecided; None where a score means nothing without others to compare it with.
    """

    middle: float | None = 0.0

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Mapping[str, Tensor]:
        """What D minimizes, by name; real, fake: [N] scores."""

    @abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """What G minimizes; fake: [N] scores of generated images, real: of real ones, where `PairedLoss` asks."""

    def shown(self, scores: Tensor) -> Tensor:
        """Scores as they are best logged."""
        return scores

    def figures(self, kind: Literal["real", "fake"], scores: Tensor) -> dict[str, Tensor]:
        """What is logged of D's scores of one kind: their mean, and how often it is right, where they have a middle."""
        mean = {f"score_{kind}": self.shown(scores).mean()}
        if self.middle is None:
            return mean
        right = scores > self.middle if kind == "real" else scores < self.middle
        return {**mean, f"accuracy_{kind}": right.float().mean()}


class SeparateLoss(AdversarialLoss, ABC):
    """A loss whose terms on real and on generated images do not know each other."""

    @abstractmethod
    def real(self, real: Tensor) -> Tensor:
        """What D minimizes on real images; real: [N] scores."""

    @abstractmethod
    def fake(self, fake: Tensor) -> Tensor:
        """What D minimizes on generated images; fake: [N] scores."""

    def turned(self, real: Tensor) -> Tensor:
        """What a player minimizes that wants real taken for generated: G's loss, mirrored about the middle."""
        return self.generator(2 * (self.middle or 0.0) - real)

    def discriminator(self, real: Tensor, fake: Tensor) -> Mapping[str, Tensor]:
        return {"real": self.real(real), "fake": self.fake(fake)}


class PairedLoss(AdversarialLoss, ABC):
    """A loss that compares real with generated images; G, too, needs the scores of both."""

    middle = None


@dataclass(frozen=True, kw_only=True)
class LogLoss(SeparateLoss, ABC):
    """D of Goodfellow et al. (2014), equation 1, on logits: D(x) = sigmoid(score).

    `smoothing` is label smoothing (Salimans et al., 2016, section 3.4): real images are labelled 1 - smoothing, and
    generated ones 0, or `smoothing` where it is `two_sided`, which the paper advises against.
    """

    smoothing: Smoothing = 0.0
    two_sided: bool = False

    def real(self, real: Tensor) -> Tensor:
        return cross_entropy(real, 1 - self.smoothing)

    def fake(self, fake: Tensor) -> Tensor:
        return cross_entropy(fake, self.smoothing if self.two_sided else 0.0)

    def shown(self, scores: Tensor) -> Tensor:
        """D(x), a probability."""
        return torch.sigmoid(scores)


@part
@dataclass(frozen=True, kw_only=True)
class NonSaturating(LogLoss):
    """Goodfellow et al. (2014), section 3: G maximizes log D(G(z)), which keeps its gradient when D is sure."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return softplus(-fake).mean()


@part
@dataclass(frozen=True, kw_only=True)
class Minimax(LogLoss):
    """Goodfellow et al. (2014), equation 1: G minimizes log(1 - D(G(z)))."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -softplus(fake).mean()


@part
@dataclass(frozen=True, kw_only=True)
class LeastSquares(SeparateLoss):
    """Mao et al. (2017), "Least squares generative adversarial networks", arXiv:1611.04076, equation 2 with its halves.

    D wants `real_label` (the paper's b) of real images and `fake_label` (a) of generated ones; G wants `wanted` (c).
    `smoothing` moves the real label towards the generated one, and where it is `two_sided`, that one towards the real.
    """

    fake_label: float = 0.0
    real_label: float = 1.0
    wanted: float = 1.0
    smoothing: Smoothing = 0.0
    two_sided: bool = False

    @property
    def middle(self) -> float:  # type: ignore[override]
        return (self.fake_label + self.real_label) / 2

    def real(self, real: Tensor) -> Tensor:
        label = self.real_label + self.smoothing * (self.fake_label - self.real_label)
        return (real - label).square().mean() / 2

    def fake(self, fake: Tensor) -> Tensor:
        smoothing = self.smoothing if self.two_sided else 0.0
        label = self.fake_label + smoothing * (self.real_label - self.fake_label)
        return (fake - label).square().mean() / 2

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return (fake - self.wanted).square().mean() / 2


@part
@dataclass(frozen=True, kw_only=True)
class Wasserstein(SeparateLoss):
    """Arjovsky et al. (2017), "Wasserstein GAN", arXiv:1701.07875, equation 2: a critic whose scores have no labels.

    It presupposes a Lipschitz critic: `WeightClipping`, `SpectralNormalization` or a `GradientPenalty`.
    """

    middle = None

    def real(self, real: Tensor) -> Tensor:
        return -real.mean()

    def fake(self, fake: Tensor) -> Tensor:
        return fake.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.mean()


@part
@dataclass(frozen=True, kw_only=True)
class Hinge(SeparateLoss):
    """Lim and Ye (2017), arXiv:1705.02894; Miyato et al. (2018), equations 16 and 17: D is content beyond a margin."""

    def real(self, real: Tensor) -> Tensor:
        return relu(1 - real).mean()

    def fake(self, fake: Tensor) -> Tensor:
        return relu(1 + fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.mean()


@part
@dataclass(frozen=True, kw_only=True)
class Relativistic(PairedLoss):
    """Relativistic pairing (Jolicoeur-Martineau, 2018, arXiv:1807.00734), as in R3GAN (Huang et al., 2024, section 2).

    D learns which of a real and a generated image is the real one; G, to have it the other way round.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Mapping[str, Tensor]:
        return {"pairs": softplus(fake - real).mean()}

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        assert real is not None
        return softplus(real - fake).mean()


def cross_entropy(scores: Tensor, label: float) -> Tensor:
    """The mean cross-entropy of sigmoid(scores) with a label in [0, 1]; finite for any finite score."""
    return (label * softplus(-scores) + (1 - label) * softplus(scores)).mean()
