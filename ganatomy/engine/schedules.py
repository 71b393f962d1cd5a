"""Learning-rate schedules. They read the images shown and nothing else, so a run's budget never bends them."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from ganatomy.core.errors import GanatomyError
from ganatomy.core.registry import part


class Schedule(ABC):
    """A factor on the learning rate."""

    @abstractmethod
    def factor(self, images: int) -> float:
        """The factor after so many images shown."""


@part
@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """Always 1."""

    def factor(self, images: int) -> float:
        return 1.0


@part
@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """1 until `after` images, then linearly to 0 at `until` images."""

    after: NonNegativeInt = 0
    until: PositiveInt

    def __post_init__(self) -> None:
        if self.until <= self.after:
            raise GanatomyError(f"Linear: until={self.until} images must come later than after={self.after}.")

    def factor(self, images: int) -> float:
        return min(1.0, max(0.0, (self.until - images) / (self.until - self.after)))


@part
@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """Multiplied by `by` after every `every` images."""

    every: PositiveInt
    by: PositiveFloat = 0.1

    def factor(self, images: int) -> float:
        return self.by ** (images // self.every)


@part
@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from 1 to 0 over `until` images (Loshchilov and Hutter, 2017, equation 5, without restarts)."""

    until: PositiveInt

    def factor(self, images: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * min(1.0, images / self.until)))
