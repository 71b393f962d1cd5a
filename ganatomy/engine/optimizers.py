"""Optimizers as data: what a recipe says of a player's steps. `make` turns it into torch's own optimizer."""

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from ganatomy.core.kinds import Stepper
from ganatomy.core.registry import part
from ganatomy.engine.schedules import Constant, Schedule

warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")  # its first steps are not

Momentum = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class Optimizer(Stepper):
    """How a player steps. `clip` bounds the norm of its whole gradient; None leaves it."""

    lr: PositiveFloat = 2e-4
    schedule: Schedule = Constant()  # noqa: RUF009 (frozen data)
    clip: PositiveFloat | None = None

    def rate(self, images: int) -> float:
        """The learning rate after so many images."""
        return self.lr * self.schedule.factor(images)

    @abstractmethod
    def make(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch's optimizer over these parameters."""


@part
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma and Ba (2015); beta1 0.5 after Radford et al. (2016), section 4."""

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
    """Stochastic gradient descent, with Polyak momentum."""

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
    """Tieleman and Hinton (2012); the optimizer of Arjovsky et al. (2017), algorithm 1."""

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
    """Whether their steps can be part of a recording, which takes rates that lie on the device."""
    return bool(parameters) and parameters[0].is_cuda


def placed(rate: float, parameters: Sequence[nn.Parameter]) -> float | Tensor:
    return torch.tensor(rate, device=parameters[0].device) if on_gpu(parameters) else rate


def set_rate(stepper: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step, put where the last one lay."""
    for group in stepper.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
