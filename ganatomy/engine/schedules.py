"""Learning-rate schedules: functions of the real images shown alone, so that a longer budget does not change them."""

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
        """The factor after so many real images."""

    def fall(self) -> tuple[int, int] | None:
        """The images at which it begins to fall, and at which it reaches 0; None if it never does."""
        return None


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

    def fall(self) -> tuple[int, int]:
        return self.after, self.until


@part
@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """1, multiplied by `by` after every `every` images."""

    every: PositiveInt
    by: PositiveFloat = 0.1

    def factor(self, images: int) -> float:
        return self.by ** (images // self.every)


@part
@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from 1 to 0 over `until` images (Loshchilov and Hutter, 2017, equation 5, without restarts).

    rise: images of linear warm-up from 0, times the cosine (Goyal et al., 2017, arXiv:1706.02677, section 2.2).
    """

    until: PositiveInt
    rise: NonNegativeInt = 0

    def __post_init__(self) -> None:
        if self.rise >= self.until:
            raise GanatomyError(f"Cosine: rise={self.rise} images must be fewer than until={self.until}.")

    def factor(self, images: int) -> float:
        risen = min(1.0, images / self.rise) if self.rise else 1.0
        return risen * 0.5 * (1 + math.cos(math.pi * min(1.0, images / self.until)))

    def fall(self) -> tuple[int, int]:
        return 0, self.until
