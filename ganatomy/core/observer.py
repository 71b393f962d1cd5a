"""Those who watch a run. They may look at everything and change nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Moment:
    """Where a run stands after a round."""

    round: int
    images: int
    seconds: float  # of training, over all the sessions of this run
    images_before: int  # images shown before this round

    def passed(self, every: int) -> bool:
        """Whether this round reached or crossed a multiple of `every` images."""
        return every > 0 and self.images // every > self.images_before // every


class Observer:
    """Told of what happens; every method may be left as it is."""

    def announce(self, text: str) -> None:
        """Something a person should read now: the plan, a warning, where a result is."""

    def begin(self, moment: Moment) -> None:
        """Before the first round of this session."""

    def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """The mean of every named term and note since the last observation."""

    def after_round(self, moment: Moment) -> None:
        """After every round; keep it cheap unless something is due."""

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        """A score was taken."""

    def end(self, moment: Moment) -> None:
        """After the last round of this session."""

    def close(self) -> None:
        """Training is over, also where it failed: give back what you hold."""

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        """The last and the best checkpoint were scored, training being over."""
