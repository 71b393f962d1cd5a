"""What a game is: mathematics only. It names its players and yields turns; a turn returns named loss terms.

A game never calls `backward`, steps an optimizer, logs, moves tensors or asks for a device. The engine does, for every
game in the same way.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from ganatomy.core.randomness import Draws
from ganatomy.core.spec import Spec

Terms = Mapping[str, Tensor]
"""Loss terms by name, each a scalar. The movers minimize their sum; every term is logged under its name."""

GroupedTerms = Mapping[tuple[str, ...], Terms]
"""Loss terms by group of movers, for simultaneous play: each group minimizes its own sum, all on one autograd graph."""


@dataclass(frozen=True)
class Play:
    """What a turn has beside its data.

    round: rounds played before this one.
    images: real images shown so far, those of this turn included.
    draws: random numbers, keyed by seed, round, turn and purpose.
    notes: scalars that are logged and not minimized; `note` adds one.
    """

    round: int
    images: int
    draws: Draws
    notes: dict[str, Tensor] = field(default_factory=dict)

    def note(self, name: str, value: Tensor) -> None:
        """Log a scalar that is not part of the loss."""
        self.notes[name] = value.detach()

    def due(self, every: int) -> bool:
        """Whether something that happens in one of `every` rounds, such as a lazy penalty, happens in this one."""
        return self.round % every == 0


@dataclass(frozen=True)
class Batch:
    """Real data for one forward and backward pass: a batch, or the part of one that fits into memory.

    x: images [N, C, H, W] in [-1, 1].
    y: class numbers [N]; images [N, C, H, W] of a second domain, for translation; None without labels.
    """

    x: Tensor
    y: Tensor | None
    play: Play


@dataclass(frozen=True)
class Turn:
    """Who moves, and the terms they minimize.

    movers: the players that take an optimizer step; all others are frozen.
    terms: from a batch to loss terms.
    times: how often the turn is played in a round.
    fresh: draw a new batch of real data, or use the last one again.
    capturable: whether a GPU may capture the turn as a CUDA graph and replay it. The turn must then do the same work in
        every round: it keeps no counter, reads no number off the device, does not read `play.round` or `play.images`,
        and asks `play.due` for what is not done in every round.
    """

    movers: tuple[str, ...]
    terms: Callable[[Batch], Terms | GroupedTerms]
    times: int = 1
    fresh: bool = True
    capturable: bool = False


class Game(nn.Module):
    """The players, as attributes named as in the paper, and their order of play.

    What a game remembers between turns must be a buffer, so that it is saved with the run. Players in `frozen` never
    move and have no optimizer.
    """

    frozen: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        """Settings of the game and its players that do not go together, a line each; checked when a recipe is declared.

        A line says what clashes and what to set instead.
        """
        yield from ()

    def order(self) -> Iterator[Turn]:
        """The turns of one round, as in the paper's algorithm box."""
        raise NotImplementedError

    def constrain(self, movers: tuple[str, ...]) -> None:
        """Called after the movers' optimizer step, to bring their weights back within bounds; by default, nothing."""

    def held_out(self, batch: Batch) -> Terms:
        """Figures on real images that were not trained on, under the names of the notes to compare them with."""
        return {}
