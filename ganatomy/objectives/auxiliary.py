"""Losses of auxiliary classifiers: of a D that predicts the class (ACGAN, ReACGAN), and of the G it trains."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ganatomy.core.float32 import at_least_float32
from ganatomy.core.registry import part

Cosine = Annotated[float, Field(ge=-1, le=1)]


class AuxiliaryLoss(ABC):
    """A scalar of the output of D's classification head for N images: what it should be for their classes y [N].

    heads: the kind of head it needs (`players.D.auxiliary`).
    compares_images: its name if it compares the images of a batch, so that one alone costs nothing; else None.
    """

    heads: Literal["softmax", "proxy"]
    compares_images: ClassVar[str | None] = None

    @abstractmethod
    def __call__(self, output: Tensor, y: Tensor, head: nn.Module) -> Tensor: ...

    @abstractmethod
    def logits(self, output: Tensor, head: nn.Module) -> Tensor:
        """[N, classes]: the largest is D's prediction."""


@part
@dataclass(frozen=True, kw_only=True)
class SoftmaxCrossEntropy(AuxiliaryLoss):
    """Odena et al. (2017), "Conditional image synthesis with auxiliary classifier GANs", arXiv:1610.09585, equation 3.

    output: logits [N, classes]. smoothing: label smoothing of the classes (Mueller et al., 2019, arXiv:1906.02629).
    """

    heads = "softmax"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def __call__(self, output: Tensor, y: Tensor, head: nn.Module) -> Tensor:
        return cross_entropy(at_least_float32(output), y, label_smoothing=self.smoothing)

    def logits(self, output: Tensor, head: nn.Module) -> Tensor:
        return output


@part
@dataclass(frozen=True, kw_only=True)
class DataToData(AuxiliaryLoss):
    """Kang et al. (2021), "Rebooting ACGAN" (ReACGAN), arXiv:2111.01118, equation 6: data-to-data cross-entropy.

    output: embeddings [N, d] of length 1. The head also has a proxy [d] of each class. An image is pulled to its
    class's proxy and pushed from the images of other classes in its batch, or in its micro-batch where there are some.

    positive_margin: cosine to the proxy above which an image is no longer pulled.
    negative_margin: cosine to another image below which it is no longer pushed.

    With the margins and unit length, neither easy pairs nor an unbounded norm make the gradient explode.
    """

    heads, compares_images = "proxy", "DataToData"
    temperature: PositiveFloat = 0.5
    positive_margin: Cosine = 0.98
    negative_margin: Cosine = 0.02

    def __call__(self, output: Tensor, y: Tensor, head: nn.Module) -> Tensor:
        output = at_least_float32(output)
        own = (output * self._proxies(head)[y]).sum(1)
        positive = (own - self.positive_margin).clamp(max=0) / self.temperature
        with torch.autocast(output.device.type, enabled=False):  # bfloat16 has too few digits of a cosine
            alike = output @ output.t()
        negative = (alike - self.negative_margin).clamp(min=0) / self.temperature
        of_others = negative.masked_fill(y[:, None] == y[None, :], -torch.inf)
        return -(positive - torch.logsumexp(torch.cat([positive[:, None], of_others], 1), 1)).mean()

    def logits(self, output: Tensor, head: nn.Module) -> Tensor:
        return at_least_float32(output) @ self._proxies(head).t()

    @staticmethod
    def _proxies(head: nn.Module) -> Tensor:
        proxies = head.proxies
        assert isinstance(proxies, Tensor)
        return normalize(at_least_float32(proxies), dim=1)
