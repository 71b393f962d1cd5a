"""Adversarial losses: pure functions of D's scores, [N] or [N, h, w] of patches; a higher score means more real.

Every loss gives what D minimizes, as named terms, and what G minimizes, a scalar.
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
    """The losses of both players of a GAN, as functions of D's scores.

    threshold: the score above which D takes an image for real; None for losses in which only differences between scores
        mean anything.
    """

    threshold: float | None = 0.0

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Mapping[str, Tensor]:
        """D's loss as named terms, whose sum it minimizes. real, fake: scores [N] of real and of generated images."""

    @abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """G's loss, a scalar. fake: scores [N] of its images. real: scores [N] of real ones, for a `PairedLoss`."""

    def logged(self, scores: Tensor) -> Tensor:
        """Scores in the form in which they are logged: as they are, or D(x) as a probability."""
        return scores

    def figures(self, kind: Literal["real", "fake"], scores: Tensor) -> dict[str, Tensor]:
        """What is logged of D's scores of one kind: their mean and, where there is a threshold, D's accuracy."""
        mean = {f"score_{kind}": self.logged(scores).mean()}
        if self.threshold is None:
            return mean
        correct = scores > self.threshold if kind == "real" else scores < self.threshold
        return {**mean, f"accuracy_{kind}": correct.float().mean()}


class SeparateLoss(AdversarialLoss, ABC):
    """A loss that is a term of real images plus a term of generated ones: each can be computed without the other."""

    @abstractmethod
    def real(self, real: Tensor) -> Tensor:
        """D's term on real images, a scalar; real: scores [N]."""

    @abstractmethod
    def fake(self, fake: Tensor) -> Tensor:
        """D's term on generated images, a scalar; fake: scores [N]."""

    def mirrored(self, real: Tensor) -> Tensor:
        """The loss of a player that wants `real` to be taken for generated, as BiGAN's encoder does; real: scores [N].

        It is G's loss of the scores reflected at the threshold.
        """
        return self.generator(2 * (self.threshold or 0.0) - real)

    def discriminator(self, real: Tensor, fake: Tensor) -> Mapping[str, Tensor]:
        return {"real": self.real(real), "fake": self.fake(fake)}


class PairedLoss(AdversarialLoss, ABC):
    """A loss of pairs of a real and a generated image: D and G both need the scores of both."""

    threshold = None


@dataclass(frozen=True, kw_only=True)
class LogLoss(SeparateLoss, ABC):
    """D's cross-entropy (Goodfellow et al., 2014, arXiv:1406.2661, equation 1) on logits: D(x) = sigmoid(score).

    smoothing: label smoothing (Salimans et al., 2016, arXiv:1606.03498, section 3.4): the label of real images is
        1 - smoothing.
    two_sided: the label of generated images is `smoothing` instead of 0, which the paper advises against.
    """

    smoothing: Smoothing = 0.0
    two_sided: bool = False

    def real(self, real: Tensor) -> Tensor:
        return cross_entropy(real, 1 - self.smoothing)

    def fake(self, fake: Tensor) -> Tensor:
        return cross_entropy(fake, self.smoothing if self.two_sided else 0.0)

    def logged(self, scores: Tensor) -> Tensor:
        """D(x), a probability."""
        return torch.sigmoid(scores)


@part
@dataclass(frozen=True, kw_only=True)
class NonSaturating(LogLoss):
    """Goodfellow et al. (2014), section 3: G maximizes log D(G(z)), which keeps its gradient when D is certain."""

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
    """LSGAN: Mao et al. (2017), "Least squares generative adversarial networks", arXiv:1611.04076, equation 2.

    real_label, fake_label: what D is trained to give real and generated images, the paper's b and a.
    wanted: what G wants D to give its images, the paper's c.
    smoothing: moves the real label towards the fake one by this share of their distance.
    two_sided: moves the fake label towards the real one, too.
    """

    fake_label: float = 0.0
    real_label: float = 1.0
    wanted: float = 1.0
    smoothing: Smoothing = 0.0
    two_sided: bool = False

    @property
    def threshold(self) -> float:  # type: ignore[override]
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
    """Arjovsky et al. (2017), "Wasserstein GAN", arXiv:1701.07875, equation 2: the difference of the mean scores.

    D must be a Lipschitz function: use `WeightClipping`, `SpectralNormalization` or `GradientPenalty`.
    """

    threshold = None

    def real(self, real: Tensor) -> Tensor:
        return -real.mean()

    def fake(self, fake: Tensor) -> Tensor:
        return fake.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.mean()


@part
@dataclass(frozen=True, kw_only=True)
class Hinge(SeparateLoss):
    """Lim and Ye (2017), arXiv:1705.02894; Miyato et al. (2018), equations 16 and 17: no loss beyond a margin of 1."""

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

    D learns which image of a pair is the real one; G, to make D take its own for the real one. fake and real: [N] each.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Mapping[str, Tensor]:
        return {"pairs": softplus(fake - real).mean()}

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        assert real is not None
        return softplus(real - fake).mean()


def cross_entropy(scores: Tensor, label: float) -> Tensor:
    """The mean cross-entropy of sigmoid(scores) with a label in [0, 1]; finite for any finite score."""
    return (label * softplus(-scores) + (1 - label) * softplus(scores)).mean()
