"""Observers of a run: logs, pictures, scores, checkpoints. They may read everything and change nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganatomy.core.duration import in_words


@dataclass(frozen=True)
class Moment:
    """Where a run is after a round.

    round: rounds played.
    images: real images shown.
    seconds: time spent training, over all sessions of the run.
    images_before: real images shown before this round.
    """

    round: int
    images: int
    seconds: float
    images_before: int

    def passed(self, every: int) -> bool:
        """Whether this round reached or crossed a multiple of `every` images."""
        return every > 0 and self.images // every > self.images_before // every


class Observer:
    """Called by the engine as a run goes on. Override any of the methods; none of them has to be."""

    def announce(self, text: str) -> None:
        """A line for people to read: the plan, a warning, where a result is."""

    def begin(self, moment: Moment) -> None:
        """Before the first round of this session."""

    def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """Every `watch.log` images: the mean of every term and note since the last time, by name."""

    def after_round(self, moment: Moment) -> None:
        """After every round; keep it cheap unless something is due."""

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        """Samples were scored, by an observer before this one."""

    def end(self, moment: Moment) -> None:
        """After the last round of this session."""

    def close(self) -> None:
        """After training, even if it failed: release resources."""

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        """After training: the scores of the last and the best checkpoint."""


class Progress(Observer):
    """A line for every tenth of a training."""

    def __init__(self, say: Callable[[str], None], images: int) -> None:
        self.say, self.images = say, images

    def announce(self, text: str) -> None:
        self.say(text)

    def after_round(self, moment: Moment) -> None:
        if moment.passed(max(1, self.images // 10)):
            self.say(f"  {moment.images:,} of {self.images:,} images, {in_words(moment.seconds)}")
