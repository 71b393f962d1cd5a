"""Batch norm over the images of all processes. torch's own SyncBatchNorm needs a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganatomy.core.float32 import at_least_float32
from ganatomy.distributed import processes

_all_here = False


@contextmanager
def all_here() -> Iterator[None]:
    """Within the context all processes pass their parts of one batch through a network, whose statistics are shared.

    Outside, a batch is the process's own: one may sample, or recompute statistics, while the others do not.
    """
    global _all_here
    before, _all_here = _all_here, True
    try:
        yield
    finally:
        _all_here = before


class Mean(torch.autograd.Function):
    """A tensor's mean over the processes; its gradient is averaged, too, and differentiable any number of times."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        mean = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(mean)
        return mean / processes.world()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return Mean.apply(gradients[0])


class SharedBatchNorm(_BatchNorm):
    """Ioffe and Szegedy (2015), algorithm 1, with the mean and the variance of the batch of all processes.

    x: [N, C] or [N, C, H, W], with the same N on each process. Outside `all_here` it is torch's batch norm.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 4):
            raise ValueError(f"Batch norm wants [N, C] or [N, C, H, W], not {list(input.shape)}.")

    def forward(self, input: Tensor) -> Tensor:
        if not (self.training and _all_here and processes.world() > 1):
            return super().forward(input)
        self._check_input_dim(input)
        x = at_least_float32(input)
        over = [0, *range(2, x.dim())]
        own_variance, own_mean = torch.var_mean(x, over, correction=0, keepdim=True)
        mean = Mean.apply(own_mean)
        variance = Mean.apply(own_variance + (own_mean - mean).square())
        self._follow(mean.detach().flatten(), variance.detach().flatten(), x.numel() // x.shape[1] * processes.world())
        shape = [1, -1] + [1] * (x.dim() - 2)
        gain = (variance + self.eps).rsqrt()
        if self.weight is None:
            return torch.addcmul(-mean * gain, x, gain).to(input.dtype)
        gain = gain * self.weight.view(shape)
        return torch.addcmul(self.bias.view(shape) - mean * gain, x, gain).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics as torch does, with the unbiased variance."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var.dtype), momentum)


def share_batch_norms(network: nn.Module) -> None:
    """Replace every batch norm of a network by a `SharedBatchNorm` with the same weights and statistics."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm) and not isinstance(child, SharedBatchNorm):
            shared = SharedBatchNorm(
                child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats
            )
            shared.weight, shared.bias = child.weight, child.bias
            shared.running_mean, shared.running_var = child.running_mean, child.running_var
            shared.num_batches_tracked = child.num_batches_tracked
            shared.train(child.training)
            setattr(network, name, shared)
        else:
            share_batch_norms(child)
