"""How often a run is logged, sampled, scored and saved, and when it may stop early."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from ganatomy.core.registry import part


@part
@dataclass(frozen=True, kw_only=True)
class Watch:
    """How often a run is observed, in real images shown; 0 means never. Nothing here changes a weight.

    log: a line in metrics.jsonl.
    grid: a picture in samples/.
    score: a line in scores.jsonl, and a checkpoint.
    checkpoint: a checkpoint.
    tensorboard: log to TensorBoard, too.
    wandb: log to Weights & Biases, too, which is an extra. WANDB_MODE=offline keeps its files in the run's folder.
    """

    log: PositiveInt = 1_000
    grid: NonNegativeInt = 20_000
    score: NonNegativeInt = 100_000
    checkpoint: NonNegativeInt = 50_000
    tensorboard: bool = True
    wandb: bool = False


@part
@dataclass(frozen=True, kw_only=True)
class Stop:
    """Early stopping, off unless `patience` is set.

    A run stops when none of its last `patience` Fréchet distances is lower than the lowest one before them, by more
    than the share `by`.

    patience: readings, one every `watch.score` images.
    by: the smallest improvement that counts, as a share: 0.01 is 1 %.
    """

    patience: PositiveInt | None = None
    by: Annotated[float, Field(ge=0, lt=1)] = 0.01

    def due(self, distances: Sequence[float]) -> bool:
        """Whether a run with these Fréchet distances, oldest first, should stop.

        >>> Stop(patience=2).due([9.0, 5.0, 5.1, 4.99]), Stop(patience=2).due([9.0, 5.0, 5.1, 4.0])
        (True, False)
        """
        if self.patience is None or len(distances) <= self.patience:
            return False
        return min(distances[-self.patience :]) >= min(distances[: -self.patience]) * (1 - self.by)
