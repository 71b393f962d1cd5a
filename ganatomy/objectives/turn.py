"""Statistics of a whole turn, for terms that are computed on one micro-batch after another."""

import torch
from torch import Tensor

from ganatomy.core.randomness import Draws
from ganatomy.distributed import processes


class MeanOfTurn:
    """The mean of a tensor over all micro-batches of a turn, those of other processes included.

    It is called with every micro-batch's tensor; the mean comes back with the last one, None before that. Nothing is
    remembered between turns, so there is no state to save.
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
