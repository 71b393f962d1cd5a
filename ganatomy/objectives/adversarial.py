"""Adversarial losses: pure functions of scores. A score is D's logit, [N]; positive means "real".

Every loss says what D minimizes on real and on generated images, as two named terms, and what G minimizes.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from ganatomy.core.registry import part


class AdversarialLoss(ABC):
    """What the two players of a GAN make of D's scores."""

    @abstractmethod
    def real(self, real: Tensor) -> Tensor:
        """What D minimizes on real images; real: [N] scores."""

    @abstractmethod
    def fake(self, fake: Tensor) -> Tensor:
        """What D minimizes on generated images; fake: [N] scores."""

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """What G minimizes; fake: [N] scores of generated images."""


Smoothing = Annotated[float, Field(ge=0, lt=0.5)]


@dataclass(frozen=True, kw_only=True)
class LogLoss(AdversarialLoss, ABC):
    """D of Goodfellow et al. (2014), equation 1, on logits: D(x) = sigmoid(score).

    `smoothing` is one-sided label smoothing (Salimans et al., 2016, section 3.4): real images are labelled 1 -
    smoothing, generated ones 0.
    """

    smoothing: Smoothing = 0.0

    def real(self, real: Tensor) -> Tensor:
        return ((1 - self.smoothing) * softplus(-real) + self.smoothing * softplus(real)).mean()

    def fake(self, fake: Tensor) -> Tensor:
        return softplus(fake).mean()


@part
@dataclass(frozen=True, kw_only=True)
class NonSaturating(LogLoss):
    """Goodfellow et al. (2014), section 3: G maximizes log D(G(z)), which keeps its gradient when D is sure."""

    def generator(self, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()


@part
@dataclass(frozen=True, kw_only=True)
class Minimax(LogLoss):
    """Goodfellow et al. (2014), equation 1: G minimizes log(1 - D(G(z)))."""

    def generator(self, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()
