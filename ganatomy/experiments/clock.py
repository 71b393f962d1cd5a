"""A training's clock that survives restarts: its seconds are written to a file as it runs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ganatomy.core.observer import Moment, Observer
from ganatomy.runs.checkpoints import Checkpoints
from ganatomy.runs.files import read_json, write_json

EVERY = 2.0  # seconds between two writes of a clock; so much may be lost if the process is killed
LOST = 60.0  # seconds counted at most of the training after the last checkpoint, if the process was killed
LEAST = 1.0  # seconds given to a run without a checkpoint


@dataclass(frozen=True)
class State:
    """The state of a piece of work with a time budget.

    given: its budget in seconds; None: no limit.
    spent: seconds spent so far. kept: those of them whose result is in the last checkpoint.
    done: whether it is finished. failed: why it failed; for good if it is done.
    """

    given: float | None
    spent: float = 0.0
    kept: float = 0.0
    done: bool = False
    failed: str | None = None

    @property
    def left(self) -> float | None:
        """Seconds left; None: no limit."""
        return None if self.given is None else max(0.0, self.given - self.spent)

    def resumed(self) -> "State":
        """The state after a kill: lost time is given back, except LOST seconds, so that even repeated kills end.

        >>> State(given=600.0, spent=500.0, kept=100.0).resumed().resumed().spent
        160.0
        """
        spent = min(self.spent, self.kept + LOST)
        return replace(self, spent=spent, kept=spent)

    @classmethod
    def read(cls, file: Path) -> "State | None":
        return cls(**read_json(file)) if file.exists() else None

    def write(self, file: Path) -> "State":
        write_json(file, asdict(self))
        return self


class Clock(Observer):
    """Writes a training's seconds to its file, and passes all calls on to another observer."""

    def __init__(self, file: Path, state: State, checkpoints: Checkpoints, show: Observer | None = None) -> None:
        self.file, self.state, self.checkpoints, self.show = file, state, checkpoints, show or Observer()
        self.begun = self.written = time.monotonic()
        self.newest = checkpoints.rounds()[-1:]
        self.before = state.spent

    @property
    def duration(self) -> float | None:
        """Seconds to train in this session; at least LEAST if there is no checkpoint yet."""
        left = self.state.left
        return left if left is None or self.newest else max(left, LEAST)

    def announce(self, text: str) -> None:
        self.show.announce(text)

    def begin(self, moment: Moment) -> None:
        self.begun = self.written = time.monotonic()
        self.show.begin(moment)

    def figures(self, moment: Moment, figures: Mapping[str, float]) -> None:
        self.show.figures(moment, figures)

    def after_round(self, moment: Moment) -> None:
        if time.monotonic() - self.written >= EVERY:
            self.note()
        self.show.after_round(moment)

    def scored(self, moment: Moment, scores: Mapping[str, Any]) -> None:
        self.show.scored(moment, scores)

    def end(self, moment: Moment) -> None:
        self.show.end(moment)

    def close(self) -> None:
        self.note()
        self.show.close()

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.show.evaluated(records)

    def note(self) -> None:
        """Write the clock."""
        self.written = time.monotonic()
        spent, newest = self.before + self.written - self.begun, self.checkpoints.rounds()[-1:]
        kept = spent if newest != self.newest else self.state.kept
        self.newest = newest
        self.state = replace(self.state, spent=spent, kept=kept).write(self.file)
