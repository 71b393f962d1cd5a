"""Base classes of what a recipe's fields may hold, beside games and players."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any


class Data(ABC):
    """A source of images, and how they are prepared."""

    @abstractmethod
    def open(self, *, progress: bool = False) -> Any:
        """The images, ready for training: an `ImageSet`."""


class OptimizerSettings(ABC):
    """An optimizer's settings."""

    @abstractmethod
    def make(self, parameters: Iterable[Any]) -> Any:
        """torch's optimizer over these parameters."""


class Averaging(ABC):
    """A moving average of players' weights."""

    players: tuple[str, ...]


class Scoring(ABC):
    """How samples are scored during training and at its end."""

    count: int
