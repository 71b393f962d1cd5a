"""Linear support vector machines, one class against the rest, on more numbers than fit into memory twice.

The L2-regularized L2-loss SVM of Fan et al. (2008), "LIBLINEAR", section 2.1, whose objective `cost` is, the bias
regularized as there; by L-BFGS (Liu and Nocedal, 1989) in the place of its coordinate descent.

Rows are kept in float16: 50,000 x 14,336 of them take 1.4 GB, and standardized numbers keep three digits, where
bfloat16 keeps two. A block of rows at a time is brought to float32; a pass over all takes one to two seconds on one
core. (Products with narrow matrices are fast one way only: the classes are rows.)
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

BLOCK = 128  # rows that are multiplied at a time


@dataclass(frozen=True)
class LinearSVM:
    """weights: [classes, d]; biases: [classes]; float64."""

    weights: Tensor
    biases: Tensor

    def scores(self, x: Tensor) -> Tensor:
        """x: [N, d] of any precision -> [N, classes], float32."""
        weights, biases = self.weights.float(), self.biases.float()
        return torch.cat([rows.float() @ weights.T + biases for rows in x.split(BLOCK)])

    def classify(self, x: Tensor) -> Tensor:
        """x: [N, d] -> class numbers [N]."""
        return self.scores(x).argmax(1)

    def accuracy(self, x: Tensor, y: Tensor) -> float:
        return float((self.classify(x) == y).double().mean())


def fit(
    x: Tensor,
    y: Tensor,
    classes: int,
    C: float,
    *,
    start: LinearSVM | None = None,
    steps: int = 200,
    tolerance: float = 1e-6,
) -> LinearSVM:
    """The SVM of rows x: [N, d] and class numbers y: [N]. `start`: weights to begin at, such as those of a smaller C.

    It is done where a step lowers the mean loss of a row and class, which begins at 1, by less than `tolerance`.
    """
    found = torch.zeros(classes, x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    if start is not None:
        found.data.copy_(torch.cat([start.weights, start.biases[:, None]], dim=1))
    scale = 1 / (C * len(x) * classes)
    descent = torch.optim.LBFGS(
        [found],
        max_iter=steps,
        history_size=20,
        tolerance_grad=0.0,
        tolerance_change=tolerance,
        line_search_fn="strong_wolfe",
    )

    def look() -> Tensor:
        value, gradient = cost(x, y, found.detach(), C)
        found.grad = gradient * scale
        return value * scale

    descent.step(look)
    return LinearSVM(found.detach()[:, :-1].clone(), found.detach()[:, -1].clone())


@torch.no_grad()
def cost(x: Tensor, y: Tensor, weights: Tensor, C: float) -> tuple[Tensor, Tensor]:
    """1/2 |W|^2 + C sum max(0, 1 - s (w x + b))^2 over rows and classes, s = 1 of the own class and else -1.

    x: [N, d]; y: [N]; weights: [classes, d + 1], float64, the last column the biases -> the value, and its gradient in
    the weights.
    """
    w, b = weights[:, :-1].float(), weights[:, -1].float()
    gradient, loss = torch.zeros_like(weights), torch.zeros((), dtype=torch.float64)
    block = torch.empty(min(BLOCK, len(x)), x.shape[1])
    for start in range(0, len(x), BLOCK):
        rows = block[: len(x) - start].copy_(x[start : start + BLOCK])
        signs = one_hot(y[start : start + BLOCK], len(weights)).float().mul_(2).sub_(1)
        short = (1 - signs * (rows @ w.T + b)).clamp_(min=0)  # of a margin of 1
        pull = (signs * short).T
        gradient[:, :-1] -= pull @ rows
        gradient[:, -1] -= pull.sum(1)
        loss += short.double().square().sum()
    return weights.square().sum() / 2 + C * loss, weights + 2 * C * gradient
