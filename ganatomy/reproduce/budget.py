"""Time: a budget divided among works by their weights, and a clock for each that a restart does not set back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ganatomy.core.errors import GanatomyError
from ganatomy.core.observer import Moment, Observer
from ganatomy.experiments.train import parse_duration
from ganatomy.report.results import number
from ganatomy.runs.checkpoints import Checkpoints
from ganatomy.runs.files import read_json, write_json

FULL = "full"
EVERY = 2.0  # seconds between two entries of a clock; so much is not counted if the process is killed
LOST = 60.0  # seconds that count, at most, of what was trained after the newest checkpoint when the process was killed


def seconds_of(budget: str) -> float | None:
    """Of all works together; None: as long as each recipe's images take."""
    seconds = None if budget == FULL else parse_duration(budget)
    if seconds is not None and seconds <= 0:
        raise GanatomyError(f"--budget {budget}: some time is needed, such as 30m; or full.")
    return seconds


def divided(weights: Mapping[str, tuple[float, float]], seconds: float) -> dict[str, float]:
    """Shares of a budget, by name, from weights and the minutes below which a work is not worth beginning.

    A work whose share would be too small is left out, the hungriest first, and the others have its time.

    >>> divided({"a": (1.0, 0.0), "b": (3.0, 0.0)}, 120.0)
    {'a': 30.0, 'b': 90.0}
    >>> divided({"a": (1.0, 0.0), "b": (3.0, 5.0)}, 120.0)
    {'a': 120.0}
    """
    left = dict(weights)
    while left:
        total = sum(weight for weight, _ in left.values())
        shares = {name: seconds * weight / total for name, (weight, _) in left.items()}
        short = [name for name, (_, least) in left.items() if shares[name] < 60 * least]
        if not short:
            return shares
        del left[max(short, key=lambda name: 60 * left[name][1] / shares[name])]
    return {}


@dataclass(frozen=True)
class State:
    """What became of a work so far.

    given: its seconds, None for as long as it takes. kept: of those spent, what the newest checkpoint holds. failed:
    why it did; for good, if it is done.
    """

    given: float | None
    spent: float = 0.0
    kept: float = 0.0
    done: bool = False
    failed: str | None = None

    @property
    def left(self) -> float | None:
        return None if self.given is None else max(0.0, self.given - self.spent)

    def resumed(self) -> "State":
        """After a kill, what was lost is given back, but for a part: a run that is always killed comes to its end.

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
    """Counts a training's seconds into its file while it lasts, and passes on what should be read."""

    def __init__(self, file: Path, state: State, announce: Callable[[str], None], checkpoints: Checkpoints) -> None:
        self.file, self.state, self.say, self.checkpoints = file, state, announce, checkpoints
        self.begun = self.written = time.monotonic()
        self.newest = checkpoints.rounds()[-1:]
        self.before = state.spent

    def begin(self, moment: Moment) -> None:
        self.begun = self.written = time.monotonic()

    def after_round(self, moment: Moment) -> None:
        if time.monotonic() - self.written >= EVERY:
            self.note()

    def close(self) -> None:
        self.note()

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        for record in records:
            scores, floor = record["scores"], record["floor"]
            self.say(
                f"{record['which']:<10} {record['images']:,} images: Fréchet {scores['frechet']:.2f} (floor "
                f"{floor['frechet']:.2f}), coverage {number(scores['coverage'])}"
            )

    def note(self) -> None:
        self.written = time.monotonic()
        spent, newest = self.before + self.written - self.begun, self.checkpoints.rounds()[-1:]
        kept = spent if newest != self.newest else self.state.kept
        self.newest = newest
        self.state = replace(self.state, spent=spent, kept=kept).write(self.file)
