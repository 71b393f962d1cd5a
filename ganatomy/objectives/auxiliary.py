"""What a D that is asked for classes pays for its answers, and G for the answers it gets."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ganatomy.core.float32 import at_least_float32
from ganatomy.core.registry import part

Cosine = Annotated[float, Field(ge=-1, le=1)]


class AuxiliaryLoss(ABC):
    """A mean over images. `said` is what D's head made of them, `head` that head; y: [N] classes."""

    heads: Literal["softmax", "proxy"]

    @abstractmethod
    def __call__(self, said: Tensor, y: Tensor, head: nn.Module) -> Tensor: ...

    @abstractmethod
    def logits(self, said: Tensor, head: nn.Module) -> Tensor:
        """[N, classes], the largest for the class that D takes an image for."""


@part
@dataclass(frozen=True, kw_only=True)
class SoftmaxCrossEntropy(AuxiliaryLoss):
    """Odena et al. (2017), "Conditional image synthesis with auxiliary classifier GANs", arXiv:1610.09585, equation 3.

    said: logits [N, classes]. `smoothing` is that of class labels (Mueller et al., 2019, arXiv:1906.02629).
    """

    heads = "softmax"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def __call__(self, said: Tensor, y: Tensor, head: nn.Module) -> Tensor:
        return cross_entropy(at_least_float32(said), y, label_smoothing=self.smoothing)

    def logits(self, said: Tensor, head: nn.Module) -> Tensor:
        return said


@part
@dataclass(frozen=True, kw_only=True)
class DataToData(AuxiliaryLoss):
    """Kang et al. (2021), "Rebooting ACGAN" (ReACGAN), arXiv:2111.01118, equation 6: data-to-data cross-entropy.

    said: embeddings [N, d] on the unit sphere; the head's proxies [classes, d], too. An image is drawn to the proxy of
    its class up to a cosine of `positive_margin`, and pushed from images of other classes down to one of
    `negative_margin`, so that neither easy pairs nor an unbounded norm make the gradient explode. In a
    batch that is shown in parts, an image's others are those of its part.
    """

    heads = "proxy"
    temperature: PositiveFloat = 0.5
    positive_margin: Cosine = 0.98
    negative_margin: Cosine = 0.02

    def __call__(self, said: Tensor, y: Tensor, head: nn.Module) -> Tensor:
        said = at_least_float32(said)
        own = (said * self._proxies(head)[y]).sum(1)
        positive = (own - self.positive_margin).clamp(max=0) / self.temperature
        with torch.autocast(said.device.type, enabled=False):  # bfloat16 has no three digits of a cosine
            alike = said @ said.t()
        negative = (alike - self.negative_margin).clamp(min=0) / self.temperature
        of_others = negative.masked_fill(y[:, None] == y[None, :], -torch.inf)
        return -(positive - torch.logsumexp(torch.cat([positive[:, None], of_others], 1), 1)).mean()

    def logits(self, said: Tensor, head: nn.Module) -> Tensor:
        return at_least_float32(said) @ self._proxies(head).t()

    @staticmethod
    def _proxies(head: nn.Module) -> Tensor:
        proxies = head.proxies
        assert isinstance(proxies, Tensor)
        return normalize(at_least_float32(proxies), dim=1)
