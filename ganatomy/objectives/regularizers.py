"""Regularizers: loss terms that depend on a player's weights alone."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganatomy.core.players import Sides
from ganatomy.core.registry import part


class Regularizer(ABC):
    """A scalar function of a player's weights, which `players` minimize beside their loss; logged under `title`."""

    title: ClassVar[str]
    players: tuple[str, ...]
    weight: float

    @abstractmethod
    def value(self, player: nn.Module) -> Tensor:
        """The unweighted term."""


@part
class OrthogonalRegularization(Regularizer):
    """Brock et al. (2019), arXiv:1809.11096, equation 3: |W W^T * (1 - I)|_F^2, summed over the layers.

    It makes the filters of a layer orthogonal to each other, and leaves their lengths free. W is a weight as a matrix
    [filters, the rest]. Embeddings are left out, as in the authors' code. That code uses half of the gradient, so its
    1e-4 is a weight of 5e-5 here.
    """

    title = "orthogonality"

    def __init__(self, *, weight: NonNegativeFloat = 1e-4, players: Sides = ("G",)) -> None:
        self.weight, self.players = weight, players

    def value(self, player: nn.Module) -> Tensor:
        device = next(player.parameters()).device
        total = torch.zeros((), device=device)
        with torch.autocast(device.type, enabled=False):  # bfloat16 is too coarse for terms that cancel
            for module in player.modules():
                if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                    matrix = filters(module)
                    products = matrix @ matrix.t()
                    total = total + (products - torch.diag(products.diagonal())).square().sum()
        return total


def filters(module: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> Tensor:
    """A layer's weight before any parametrization, as a matrix [outputs, the rest]."""
    parametrized = parametrize.is_parametrized(module, "weight")
    weight = module.parametrizations.weight.original if parametrized else module.weight  # type: ignore[union-attr]
    return (weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight).flatten(1)  # type: ignore
