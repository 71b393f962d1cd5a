"""Optimizers as data: what a recipe says of a player's steps. `make` turns it into torch's own optimizer."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import nn

from ganatomy.core.kinds import Stepper
from ganatomy.core.registry import part
from ganatomy.engine.schedules import Constant, Schedule

Momentum = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class Optimizer(Stepper):
    """How a player steps. `clip` bounds the norm of its whole gradient; None leaves it."""

    lr: PositiveFloat = 2e-4
    schedule: Schedule = Constant()  # noqa: RUF009 (frozen data)
    clip: PositiveFloat | None = None

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
        return torch.optim.Adam(
            parameters,
            lr=self.lr,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
        )


@part
@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with Polyak momentum."""

    momentum: Momentum = 0.0
    weight_decay: NonNegativeFloat = 0.0

    def make(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)


@part
@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """Tieleman and Hinton (2012); the optimizer of Arjovsky et al. (2017), algorithm 1."""

    alpha: Momentum = 0.99
    eps: PositiveFloat = 1e-8

    def make(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(parameters, lr=self.lr, alpha=self.alpha, eps=self.eps)
