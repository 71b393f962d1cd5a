"""Constraints on the weights of D, or of G: weight clipping and spectral normalization."""

from abc import ABC
from collections.abc import Mapping, Sequence

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Generator, Sides
from ganatomy.core.registry import part

BOUNDED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)


class Constraint(ABC):
    """Keeps the weights of `players` within bounds: after every step (`bound`), or in every use (`prepare`)."""

    players: tuple[str, ...]

    def attach(self, players: Mapping[str, nn.Module]) -> None:
        """Called once, before training: prepares the players that it is for."""
        for name in self.players:
            if name in players:
                self.prepare(players[name])

    def project(self, players: Mapping[str, nn.Module], movers: Sequence[str]) -> None:
        """Called after the movers' optimizer step: bounds those of them that it is for."""
        for name in self.players:
            if name in movers:
                self.bound(players[name])

    def prepare(self, player: nn.Module) -> None:  # noqa: B027 (one of the two is enough)
        """Change a player's modules before training, such as by a parametrization."""

    def bound(self, player: nn.Module) -> None:  # noqa: B027
        """Change a player's weights in place after a step."""


@part
class WeightClipping(Constraint):
    """WGAN: Arjovsky et al. (2017), arXiv:1701.07875, algorithm 1: every weight is clipped to [-window, window].

    clip_gains: clip the gains and biases of normalization layers, too. The paper clips all parameters, but a gain of
        0.01 divides the signal by a hundred in every layer, which may be what made one report's images black. So the
        default leaves them out.
    players: whose weights.
    """

    def __init__(
        self,
        *,
        window: PositiveFloat = 0.01,
        clip_gains: bool = False,
        players: Sides = ("D",),
    ) -> None:
        self.window, self.clip_gains, self.players = window, clip_gains, players

    @torch.no_grad()
    def bound(self, player: nn.Module) -> None:
        for module in player.modules():
            if self.clip_gains or not normalizes(module):
                for parameter in module.parameters(recurse=False):
                    parameter.clamp_(-self.window, self.window)


@part
class SpectralNormalization(Constraint):
    """Miyato et al. (2018), "Spectral normalization for GANs", arXiv:1802.05957, algorithm 1.

    The weight of every convolution, linear layer and embedding is divided by its largest singular value: that of the
    kernel as a matrix [outputs, inputs * height * width]. G's embeddings, which are inputs, are left
    out, as in BigGAN's code.

    iterations: power iterations in every forward pass in training mode.
    players: whose weights.
    """

    def __init__(self, *, iterations: PositiveInt = 1, players: Sides = ("D",)) -> None:
        self.iterations, self.players = iterations, players

    def prepare(self, player: nn.Module) -> None:
        for name, module in player.named_modules():
            embeds = isinstance(player, Generator) and isinstance(module, nn.Embedding)
            if isinstance(module, BOUNDED) and not embeds and not parametrize.is_parametrized(module, "weight"):
                if not module.weight.any():
                    raise GanatomyError(
                        f"SpectralNormalization: the weights of {type(player).__name__}'s '{name}' begin at zero, and "
                        "cannot be divided by their singular value; bound another player, or use penalties."
                    )
                outputs = 1 if isinstance(module, nn.ConvTranspose2d) else 0
                spectral = Spectral(module.weight, outputs, self.iterations)
                parametrize.register_parametrization(module, "weight", spectral)


def normalizes(module: nn.Module) -> bool:
    """Whether a layer normalizes, so that its parameters are gains and biases. Our own set `normalizes`."""
    from_torch = isinstance(module, (_BatchNorm, nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm))
    return from_torch or getattr(module, "normalizes", False)


class Spectral(nn.Module):
    """Parametrization: a weight divided by its largest singular value, estimated from the buffers u and v.

    torch's own `spectral_norm` would compute the estimate in bfloat16 under autocast.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, outputs: int = 0, iterations: int = 1) -> None:
        super().__init__()
        self.outputs, self.iterations = outputs, iterations
        matrix = self._matrix(weight.detach())
        generator = torch.Generator().manual_seed(0)
        for name, size in zip(("u", "v"), matrix.shape, strict=True):
            drawn = torch.randn(size, generator=generator).to(matrix)
            self.register_buffer(name, normalize(drawn, dim=0, eps=1e-12))
        self._iterate(matrix, 15)

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = self._matrix(weight)
            if self.training:
                self._iterate(matrix.detach(), self.iterations)
            largest = torch.dot(self.u.clone(), torch.mv(matrix, self.v.clone()))
            return weight / largest

    @torch.no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self.v.copy_(normalize(torch.mv(matrix.t(), self.u), dim=0, eps=1e-12))
            self.u.copy_(normalize(torch.mv(matrix, self.v), dim=0, eps=1e-12))

    def _matrix(self, weight: Tensor) -> Tensor:
        """[outputs, the rest]."""
        return weight.transpose(0, self.outputs).flatten(1)
