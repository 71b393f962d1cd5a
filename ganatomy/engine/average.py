"""Exponential moving averages (EMA) of players' weights, and batch-norm statistics recomputed for sampling."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganatomy.core.kinds import Averaging
from ganatomy.core.registry import part


@part
@dataclass(frozen=True, kw_only=True)
class ExponentialAverage(Averaging):
    """An EMA of weights with a half-life in images (Karras et al., 2018; the warm-up is StyleGAN2-ADA's, 2020).

    players: whose weights are averaged.
    half_life: real images after which a weight counts half.
    warm_up: early in training the half-life is this share of the images shown, if that is less, so the first weights
        are soon forgotten; 0: no warm-up.
    """

    players: Annotated[tuple[str, ...], Field(min_length=1)] = ("G",)
    half_life: PositiveInt = 10_000
    warm_up: Annotated[float, Field(ge=0, le=1)] = 0.05

    def decay(self, images_shown: int, images_in_round: int) -> float:
        """The factor of the old average in a round, from 0 to 1."""
        half_life = min(self.half_life, self.warm_up * images_shown) if self.warm_up else self.half_life
        return float(0.5 ** (images_in_round / max(half_life, 1e-8)))


class AveragedPlayer:
    """A copy of a player whose parameters are the EMA of the player's; its buffers are the player's own."""

    def __init__(self, player: nn.Module) -> None:
        self.module = copy.deepcopy(player).eval().requires_grad_(False)
        self._theirs: list[Tensor] = list(player.parameters())
        self._ours: list[Tensor] = list(self.module.parameters())
        self._our_buffers: list[Tensor] = list(self.module.buffers())
        self._their_buffers: list[Tensor] = list(player.buffers())

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """average = decay * average + (1 - decay) * weights; buffers are copied."""
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)
        if self._our_buffers:
            torch._foreach_copy_(self._our_buffers, self._their_buffers)


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """A network's batch-norm layers that have running statistics."""
    return [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


@torch.no_grad()
def standing_statistics(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Set a network's running batch-norm statistics to their mean over `batches` (Brock et al., 2019, appendix D).

    batches: inputs of the network, as tuples of arguments.

    The running statistics of training lag behind the weights, and belong to the raw weights rather than averaged ones.
    """
    norms = batch_norms(network)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch: the cumulative mean
        norm.train()
    for batch in batches:
        network(*batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)
