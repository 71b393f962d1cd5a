"""How often a run is looked at. All in real images shown; 0 means never."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

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
    wandb: bool = False  # Weights & Biases, an extra; WANDB_MODE=offline keeps all of it in the run's folder


@part
@dataclass(frozen=True, kw_only=True)
class Stop:
    """When a run ends before its budget: never, unless `patience` is set.

    A run has stopped improving when none of its last `patience` Fréchet distances is below the lowest one before them
    by more than the share `by`.
    """

    patience: PositiveInt | None = None
    by: Annotated[float, Field(ge=0, lt=1)] = 0.01

    def due(self, distances: Sequence[float]) -> bool:
        """Whether a run with these distances, in order, has stopped improving.

        >>> Stop(patience=2).due([9.0, 5.0, 5.1, 4.99]), Stop(patience=2).due([9.0, 5.0, 5.1, 4.0])
        (True, False)
        """
        if self.patience is None or len(distances) <= self.patience:
            return False
        return min(distances[-self.patience :]) >= min(distances[: -self.patience]) * (1 - self.by)
