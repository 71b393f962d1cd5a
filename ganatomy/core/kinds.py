"""What may stand in which field of a recipe: the kinds of part that are not players, games or watches."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any


class Data(ABC):
    """Where images come from and how they are prepared."""

    @abstractmethod
    def open(self, *, progress: bool = False) -> Any:
        """The images, ready to be fed."""


class Stepper(ABC):
    """How a player steps."""

    @abstractmethod
    def make(self, parameters: Iterable[Any]) -> Any:
        """torch's optimizer over these parameters."""


class Averaging(ABC):
    """Which players' weights are averaged, and how."""

    players: tuple[str, ...]


class Scoring(ABC):
    """How samples are scored."""

    count: int
