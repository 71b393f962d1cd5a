"""What a piece of a game has to know of a whole turn, though it is shown one part of the batch after another."""

import torch
from torch import Tensor

from ganatomy.core.randomness import Draws
from ganatomy.distributed import processes


class MeanOfTurn:
    """The mean of a tensor over all parts of a turn's batch, those of other processes, too; known with the last part.

    Between turns it remembers nothing, so it is no state.
    """

    def __init__(self) -> None:
        self.sum: Tensor | None = None

    @torch.no_grad()
    def __call__(self, of_part: Tensor, draws: Draws) -> Tensor | None:
        parts = draws.total // draws.count // processes.world()
        place = draws.rows.start // draws.count % parts
        self.sum = of_part.detach() + (0 if self.sum is None or place == 0 else self.sum)
        if place + 1 < parts:
            return None
        mean, self.sum = self.sum / parts, None
        processes.average([mean])
        return mean
