"""What keeps D's weights within bounds, whatever it learns."""

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
    """Bounds the weights of some players."""

    players: tuple[str, ...]

    def attach(self, players: Mapping[str, nn.Module]) -> None:
        """Change the players once, before they play."""
        for name in self.players:
            if name in players:
                self.prepare(players[name])

    def project(self, players: Mapping[str, nn.Module], movers: Sequence[str]) -> None:
        """Bring the weights of those who just stepped back within bounds."""
        for name in self.players:
            if name in movers:
                self.bound(players[name])

    def prepare(self, player: nn.Module) -> None:  # noqa: B027 (one of the two is enough)
        """Change a player before it plays."""

    def bound(self, player: nn.Module) -> None:  # noqa: B027
        """Bring a player's weights back within bounds."""


@part
class WeightClipping(Constraint):
    """Arjovsky et al. (2017), algorithm 1: every weight of D stays within [-window, window].

    `clip_gains` clips those of normalization layers, too. The paper's algorithm does, as it clips all parameters, and a
    gain of 0.01 divides the signal by a hundred in every layer: it may be what made one report's images black. So they
    are left out unless asked for.
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

    Every linear map of the players is divided by its largest singular value, that of its kernel as a matrix [outputs,
    inputs * height * width], estimated by `iterations` power iterations at each pass in training. D's embeddings are
    among them, G's are not, as in BigGAN's code: they are its inputs.
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
    """Whether a layer's parameters are the gains and biases of a normalization; our own layers say so themselves."""
    torchs = isinstance(module, (_BatchNorm, nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm))
    return torchs or getattr(module, "normalizes", False)


class Spectral(nn.Module):
    """A weight divided by its largest singular value; u and v are state.

    torch's own would compute it in bfloat16 under autocast.
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
        return weight.transpose(0, self.outputs).flatten(1)
