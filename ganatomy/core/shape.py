"""The size of an image."""

from typing import NamedTuple


class Shape(NamedTuple):
    """Channels, height, width."""

    channels: int
    height: int
    width: int

    @property
    def numbers(self) -> int:
        """Channels * height * width."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"
