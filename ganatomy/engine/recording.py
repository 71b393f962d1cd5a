"""Turns played from a recording: a GPU takes one order a turn in the place of hundreds.

Small networks leave a GPU waiting for the host, which asks for one operation after another. A turn that is `alike` in
every round is recorded once as a CUDA graph (gradients, step and bounds together), and then replayed on new images and
new numbers, which are put where the recorded ones lay. The bits are those of a turn that is played as it comes.
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

PLAYED_BEFORE = 3  # rounds played as they come, in which libraries and optimizers lay out what they need


class Figures(NamedTuple):
    """What a turn's terms and notes were: values [n], on the device."""

    names: tuple[str, ...]
    values: Tensor


Turned = Callable[[Batch], Figures]
"""All that a turn does on one batch."""

Capture = Callable[[Callable[[], Figures]], tuple[Callable[[], None], Figures]]
"""Record what a function does without doing it; return what does it, and where its figures will be."""


class NotAlikeError(Exception):
    """A turn that was said to be alike asked which round it is, or for numbers that it did not ask for before."""


class NotedDraws(Draws):
    """Draws that remember what was drawn."""

    def __init__(self, draws: Draws) -> None:
        super().__init__(draws.key, draws.rows, draws.total, draws.device, draws.dtype)
        object.__setattr__(self, "drawn", {})

    drawn: dict[Drawing, None]

    def take(self, drawing: Drawing) -> Tensor:
        self.drawn[drawing] = None
        return super().take(drawing)


class HeldDraws(Draws):
    """Draws whose numbers stay in one place on the device, where those of other rounds can be put.

    The places are there before the recording begins: what is allocated within it may share memory with whatever the
    recording has let go of by then, and would be written over in every replay, before it is read.
    """

    def __init__(self, draws: Draws, drawings: Iterable[Drawing]) -> None:
        super().__init__(draws.key, draws.rows, draws.total, draws.device, draws.dtype)
        object.__setattr__(self, "held", {drawing: draws.take(drawing) for drawing in drawings})

    held: dict[Drawing, Tensor]

    def take(self, drawing: Drawing) -> Tensor:
        if drawing not in self.held:
            raise NotAlikeError
        return self.held[drawing]

    def put(self, draws: Draws) -> None:
        """The numbers of another turn."""
        for drawing, place in self.held.items():
            place.copy_(on_device(draws.numbers(drawing), self.device))


class NotedPlay(Play):
    """A turn's clock that remembers what it was asked to be due."""

    def __init__(self, play: Play) -> None:
        super().__init__(play.round, play.images, NotedDraws(play.draws), play.notes)
        object.__setattr__(self, "periods", set())

    periods: set[int]

    def due(self, every: int) -> bool:
        self.periods.add(every)
        return super().due(every)


class RecordedPlay(Play):
    """A turn's clock that tells what is due in this round, and no more."""

    def __init__(self, now: Play, draws: Draws) -> None:
        for name, value in (("now", now), ("draws", draws), ("notes", {})):
            object.__setattr__(self, name, value)

    now: Play

    def due(self, every: int) -> bool:
        return self.now.due(every)

    @property
    def round(self) -> int:
        raise NotAlikeError

    @property
    def images(self) -> int:
        raise NotAlikeError


@dataclass
class Recording:
    """One turn, with the places of what it reads."""

    x: Tensor
    y: Tensor | None
    draws: HeldDraws
    figures: Figures
    replay: Callable[[], None]

    def play(self, batch: Batch) -> Figures:
        self.x.copy_(batch.x)
        if self.y is not None and batch.y is not None:
            self.y.copy_(batch.y)
        self.draws.put(batch.play.draws)
        self.replay()
        return self.figures._replace(values=self.figures.values.clone())


Answers = tuple[bool, ...]


@dataclass
class Recorder:
    """Recordings of one turn: one for each set of answers to what is due."""

    capture: Capture
    periods: set[int] = field(default_factory=set)
    recordings: dict[Answers, Recording] = field(default_factory=dict)
    played: dict[Answers, int] = field(default_factory=dict)
    drawn: dict[Answers, dict[Drawing, None]] = field(default_factory=dict)
    refused: bool = False

    def play(self, turned: Turned, batch: Batch) -> Figures:
        """Play the turn: from a recording, if it was played often enough to be recorded."""
        answers = self._answers(batch.play)
        if not self.refused and answers not in self.recordings and self.played.get(answers, 0) >= PLAYED_BEFORE:
            self._record(turned, batch, answers)
        if answers in self.recordings:
            return self.recordings[answers].play(batch)
        return self._noted(turned, batch)

    def _answers(self, play: Play) -> Answers:
        return tuple(play.due(every) for every in sorted(self.periods))

    def _noted(self, turned: Turned, batch: Batch) -> Figures:
        """Play the turn as it comes, and keep what it asked for."""
        play = NotedPlay(batch.play)
        figures = turned(replace(batch, play=play))
        if play.periods - self.periods:  # the rounds before were told apart by too little
            self.periods |= play.periods
            self.recordings.clear()
            self.played.clear()
            self.drawn.clear()
        answers = self._answers(batch.play)
        self.played[answers] = self.played.get(answers, 0) + 1
        assert isinstance(play.draws, NotedDraws)
        self.drawn.setdefault(answers, {}).update(play.draws.drawn)
        return figures

    def _record(self, turned: Turned, batch: Batch, answers: Answers) -> None:
        draws = HeldDraws(batch.play.draws, self.drawn[answers])
        x, y = batch.x.clone(), None if batch.y is None else batch.y.clone()
        held = Batch(x, y, RecordedPlay(batch.play, draws))
        try:
            replay, figures = self.capture(lambda: turned(held))
        except (NotAlikeError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            self.refused = True
            if not isinstance(error, NotAlikeError):
                why = str(error).splitlines()[0]
                warnings.warn(f"A turn is played without a recording, and slower: {why}", stacklevel=2)
            return
        self.recordings[answers] = Recording(x, y, draws, figures, replay)


class CUDAGraphs:
    """`Capture` on a CUDA device; all recordings share their memory, for one is played at a time."""

    def __init__(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], Figures]) -> tuple[Callable[[], None], Figures]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            figures = function()
        return graph.replay, figures
