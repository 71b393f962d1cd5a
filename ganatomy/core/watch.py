"""How often a run is looked at. All in real images shown; 0 means never."""

from dataclasses import dataclass

from pydantic import NonNegativeInt, PositiveInt

from ganatomy.core.registry import part


@part
@dataclass(frozen=True, kw_only=True)
class Watch:
    """Nothing here decides a weight: change it freely between sessions of a run."""

    log: PositiveInt = 1_000  # a line in metrics.jsonl
    grid: NonNegativeInt = 20_000  # a picture in samples/
    score: NonNegativeInt = 100_000  # a line in scores.jsonl, and a checkpoint
    checkpoint: NonNegativeInt = 50_000
    tensorboard: bool = True
