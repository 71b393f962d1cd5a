"""What a game is: mathematics only. It names its players and yields turns; a turn returns named loss terms.

A game never calls `backward`, steps, logs, moves tensors or asks for a device: the engine does, for every game alike.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from ganatomy.core.randomness import Draws
from ganatomy.core.spec import Spec

Terms = Mapping[str, Tensor]
"""Named scalars. The movers descend their sum; every name is logged."""

GroupedTerms = Mapping[tuple[str, ...], Terms]
"""Terms per group of movers, for simultaneous play: each group descends its own sum, all on one graph."""


@dataclass(frozen=True)
class Play:
    """What a turn may ask for beside the data: the clock, keyed randomness, a place for figures only watched."""

    round: int
    images: int
    draws: Draws
    notes: dict[str, Tensor] = field(default_factory=dict)

    def note(self, name: str, value: Tensor) -> None:
        """Log a scalar that nobody descends."""
        self.notes[name] = value.detach()

    def due(self, every: int) -> bool:
        """Whether this round is one of those in which something happens that happens in one of `every`."""
        return self.round % every == 0


@dataclass(frozen=True)
class Batch:
    """Real data of one micro-batch. x: [N, C, H, W] in [-1, 1]; y: [N] class numbers, None without labels, or images
    of a second domain, as many and as large.
    """

    x: Tensor
    y: Tensor | None
    play: Play


@dataclass(frozen=True)
class Turn:
    """Who moves, and what they minimize.

    A GPU plays turns that are `alike` from a recording. Such terms ask nothing of the host that changes from round to
    round: no counter of their own, no number that is read off the device.
    """

    movers: tuple[str, ...]
    terms: Callable[[Batch], Terms | GroupedTerms]
    times: int = 1  # how often per round
    fresh: bool = True  # draw new data, or play on the last batch drawn
    alike: bool = False  # the same work for the device in every round, but for what `play.due` answers and the numbers


class Game(nn.Module):
    """Players are attributes, named as in the paper. What a game remembers between turns is a buffer: it is saved.

    `frozen` players never move, so they have no optimizer.
    """

    frozen: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def refusals(cls, game: Spec, players: Mapping[str, Spec]) -> Iterator[str]:
        """Why settings of the game and its players do not go together, a line each; asked as a recipe is declared."""
        yield from ()

    def order(self) -> Iterator[Turn]:
        """The turns of one round, as the paper's algorithm box has them."""
        raise NotImplementedError

    def constrain(self, movers: tuple[str, ...]) -> None:
        """Bring the weights of those who just stepped back within bounds; nothing by default."""

    def held_out(self, batch: Batch) -> Terms:
        """Figures on real images that nobody trained on, named as the notes they compare with; none by default."""
        return {}
