"""The log of terms and notes: kept as tensors on the device and read seldom, so that the loop does not wait for it."""

import math
from typing import Any

import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.distributed import processes
from ganatomy.engine.cuda_graphs import Figures
from ganatomy.engine.precision import widest


class NonFiniteError(GanatomyError):
    """A term became infinite or not a number."""


class Ledger:
    """Every figure (term or note) of every round since the last report to observers."""

    def __init__(self) -> None:
        self._unread: list[tuple[int, Figures]] = []
        self._read: list[tuple[int, str, float]] = []

    def record(self, round: int, figures: Figures) -> None:
        """Keep a turn's figures, without reading them."""
        self._unread.append((round, figures))

    def read(self) -> None:
        """Read all figures from the device. Raises NonFiniteError, which names the first one that is not finite.

        Figures are averaged over the processes, so all of them must read in the same rounds.
        """
        if not self._unread:
            return
        values = torch.cat([figures.values for _, figures in self._unread])
        values = values.to(widest(values.device))
        processes.average([values])
        named = [(round, name) for round, figures in self._unread for name in figures.names]
        for (round, name), value in zip(named, values.tolist(), strict=True):
            if not math.isfinite(value):
                raise NonFiniteError(f"{name} became {value} in round {round}")
            self._read.append((round, name, value))
        self._unread.clear()

    def means(self) -> dict[str, float]:
        """The mean of every figure since the last call, by name."""
        self.read()
        sums: dict[str, list[float]] = {}
        for _, name, value in self._read:
            sums.setdefault(name, []).append(value)
        self._read.clear()
        return {name: math.fsum(values) / len(values) for name, values in sums.items()}

    def state(self) -> list[Any]:
        """Figures not yet reported, as JSON: [round, name, value] each."""
        self.read()
        return [list(row) for row in self._read]

    def restore(self, rows: list[Any]) -> None:
        """Continue from what `state` returned."""
        self._unread.clear()
        self._read = [(int(round), str(name), float(value)) for round, name, value in rows]
