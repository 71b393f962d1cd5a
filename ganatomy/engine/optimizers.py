"""Optimizers as data, for recipes; `make` gives the torch optimizer."""

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from ganatomy.core.kinds import OptimizerSettings
from ganatomy.core.registry import part
from ganatomy.engine.schedules import Constant, Schedule

warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")  # eager steps come first

Momentum = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class Optimizer(OptimizerSettings):
    """Settings of a player's optimizer.

    lr: the learning rate, times the factor of `schedule`.
    clip: the largest norm of the player's whole gradient, which is scaled down to it; None: no clipping.
    """

    lr: PositiveFloat = 2e-4
    schedule: Schedule = Constant()  # noqa: RUF009 (frozen data)
    clip: PositiveFloat | None = None

    def rate(self, images: int) -> float:
        """The learning rate after so many real images."""
        return self.lr * self.schedule.factor(images)

    @abstractmethod
    def make(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The torch optimizer of these parameters; on a GPU, one whose steps can be captured in a CUDA graph."""


@part
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma and Ba (2015), arXiv:1412.6980; beta1 = 0.5 as in Radford et al. (2016), section 4."""

    beta1: Momentum = 0.5
    beta2: Momentum = 0.999
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0

    def make(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        parameters = list(parameters)
        return torch.optim.Adam(
            parameters,
            lr=placed(self.lr, parameters),
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
            capturable=on_gpu(parameters),
        )


@part
@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with Polyak's momentum."""

    momentum: Momentum = 0.0
    weight_decay: NonNegativeFloat = 0.0

    def make(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        parameters = list(parameters)
        return torch.optim.SGD(
            parameters,
            lr=placed(self.lr, parameters),
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            fused=on_gpu(parameters) or None,
        )


@part
@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """Tieleman and Hinton (2012); the optimizer of WGAN (Arjovsky et al., 2017, algorithm 1)."""

    alpha: Momentum = 0.99
    eps: PositiveFloat = 1e-8

    def make(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        parameters = list(parameters)
        return torch.optim.RMSprop(
            parameters,
            lr=placed(self.lr, parameters),
            alpha=self.alpha,
            eps=self.eps,
            capturable=on_gpu(parameters),
        )


def on_gpu(parameters: Sequence[nn.Parameter]) -> bool:
    """Whether parameters are on a GPU, where CUDA graphs need capturable steps and learning rates in device memory."""
    return bool(parameters) and parameters[0].is_cuda


def placed(rate: float, parameters: Sequence[nn.Parameter]) -> float | Tensor:
    """A learning rate as the optimizer needs it: a tensor on a GPU, else a number."""
    return torch.tensor(rate, device=parameters[0].device) if on_gpu(parameters) else rate


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step; on a GPU in place, where captured graphs read it."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
