"""CUDA graphs: a GPU replays a captured turn in one launch instead of hundreds of separate kernels.

With small networks a GPU waits for the host to launch its kernels. A turn that is `capturable` is played eagerly a few
times, then captured as a CUDA graph (gradients, optimizer step and constraint together) and replayed in later rounds,
after its inputs were copied into the memory that the graph reads: images, labels and random numbers. Replayed and eager
turns give the same bits.
"""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ganatomy.core.game import Batch, Play
from ganatomy.core.randomness import Drawing, Draws, on_device
from ganatomy.engine.precision import is_out_of_memory

WARM_UP = 3  # rounds played eagerly before a capture, in which libraries and optimizers allocate what they need


class Figures(NamedTuple):
    """A turn's terms and notes: their names, and their values [n] on the device."""

    names: tuple[str, ...]
    values: Tensor


PlayTurn = Callable[[Batch], Figures]
"""All that a turn does on one batch."""

Capture = Callable[[Callable[[], Figures]], tuple[Callable[[], None], Figures]]
"""Captures a function without running it; returns its replay, and the static figures that every replay fills."""


class NotCapturableError(Exception):
    """A turn that was declared capturable needs something that a captured graph would keep fixed."""


class TracedDraws(Draws):
    """Draws that remember which numbers were asked for."""

    def __init__(self, draws: Draws) -> None:
        super().__init__(draws.key, draws.rows, draws.total, draws.device, draws.dtype)
        object.__setattr__(self, "drawn", {})

    drawn: dict[Drawing, None]

    def take(self, drawing: Drawing) -> Tensor:
        self.drawn[drawing] = None
        return super().take(drawing)


class StaticDraws(Draws):
    """Draws in fixed device memory, which `put` fills with the numbers of another round.

    The memory is allocated before the capture begins. Memory allocated within it is shared with whatever the graph has
    freed by then, so every replay would overwrite the numbers before it reads them.
    """

    def __init__(self, draws: Draws, drawings: Iterable[Drawing]) -> None:
        super().__init__(draws.key, draws.rows, draws.total, draws.device, draws.dtype)
        object.__setattr__(self, "static", {drawing: draws.take(drawing) for drawing in drawings})

    static: dict[Drawing, Tensor]

    def take(self, drawing: Drawing) -> Tensor:
        if drawing not in self.static:
            raise NotCapturableError(f"it draws '{drawing.purpose}', which it did not draw in earlier rounds")
        return self.static[drawing]

    def put(self, draws: Draws) -> None:
        """Copy another turn's numbers into place."""
        for drawing, place in self.static.items():
            place.copy_(on_device(draws.numbers(drawing), self.device))


class TracedPlay(Play):
    """A `Play` that remembers for which periods `due` was asked."""

    def __init__(self, play: Play) -> None:
        super().__init__(play.round, play.images, TracedDraws(play.draws), play.notes)
        object.__setattr__(self, "periods", set())

    periods: set[int]

    def due(self, every: int) -> bool:
        self.periods.add(every)
        return super().due(every)


class StaticPlay(Play):
    """The `Play` of a turn under capture: it answers `due`, and refuses the numbers that change from round to round."""

    def __init__(self, now: Play, draws: Draws) -> None:
        for name, value in (("now", now), ("draws", draws), ("notes", {})):
            object.__setattr__(self, name, value)

    now: Play

    def due(self, every: int) -> bool:
        return self.now.due(every)

    @property
    def round(self) -> int:
        raise NotCapturableError("it reads play.round, which a captured turn cannot")

    @property
    def images(self) -> int:
        raise NotCapturableError("it reads play.images, which a captured turn cannot")


@dataclass
class CapturedTurn:
    """A captured turn, with the static tensors that it reads and writes."""

    x: Tensor
    y: Tensor | None
    draws: StaticDraws
    figures: Figures
    replay: Callable[[], None]

    def play(self, batch: Batch) -> Figures:
        """Copy the batch and its random numbers into place, replay, and return a copy of the figures."""
        self.x.copy_(batch.x)
        if self.y is not None and batch.y is not None:
            self.y.copy_(batch.y)
        self.draws.put(batch.play.draws)
        self.replay()
        return self.figures._replace(values=self.figures.values.clone())


WhatIsDue = tuple[bool, ...]
"""What `due` answers in a round, for every period that the turn has asked for."""


@dataclass
class GraphedTurn:
    """One turn of the order with its captures: one for each combination of what is due, such as lazy penalties."""

    capture: Capture
    periods: set[int] = field(default_factory=set)
    captured: dict[WhatIsDue, CapturedTurn] = field(default_factory=dict)
    played: dict[WhatIsDue, int] = field(default_factory=dict)
    drawn: dict[WhatIsDue, dict[Drawing, None]] = field(default_factory=dict)
    refused: bool = False

    def play(self, play_turn: PlayTurn, batch: Batch) -> Figures:
        """Replay the turn if it was captured; capture it after enough eager rounds; until then, play it eagerly."""
        due = self._due(batch.play)
        if not self.refused and due not in self.captured and self.played.get(due, 0) >= WARM_UP:
            self._capture(play_turn, batch, due)
        if due in self.captured:
            return self.captured[due].play(batch)
        return self._eager(play_turn, batch)

    def _due(self, play: Play) -> WhatIsDue:
        return tuple(play.due(every) for every in sorted(self.periods))

    def _eager(self, play_turn: PlayTurn, batch: Batch) -> Figures:
        """Play the turn, and note the periods and random numbers that it asks for."""
        play = TracedPlay(batch.play)
        figures = play_turn(replace(batch, play=play))
        if play.periods - self.periods:  # earlier rounds were told apart by too few periods: begin again
            self.periods |= play.periods
            self.captured.clear()
            self.played.clear()
            self.drawn.clear()
        due = self._due(batch.play)
        self.played[due] = self.played.get(due, 0) + 1
        assert isinstance(play.draws, TracedDraws)
        self.drawn.setdefault(due, {}).update(play.draws.drawn)
        return figures

    def _capture(self, play_turn: PlayTurn, batch: Batch, due: WhatIsDue) -> None:
        """Capture the turn; one that cannot be captured is played eagerly from now on, and a warning says why."""
        draws = StaticDraws(batch.play.draws, self.drawn[due])
        x, y = batch.x.clone(), None if batch.y is None else batch.y.clone()
        static = Batch(x, y, StaticPlay(batch.play, draws))
        try:
            replay, figures = self.capture(lambda: play_turn(static))
        except (NotCapturableError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            self.refused = True
            why = str(error).splitlines()[0]
            warnings.warn(f"A turn is played without a CUDA graph, and slower: {why}", stacklevel=2)
            return
        self.captured[due] = CapturedTurn(x, y, draws, figures, replay)


class CUDAGraphs:
    """`Capture` on a CUDA device. All graphs share one memory pool, since only one of them runs at a time."""

    def __init__(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], Figures]) -> tuple[Callable[[], None], Figures]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            figures = function()
        return graph.replay, figures
