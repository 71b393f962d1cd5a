"""Our linear SVM against scikit-learn's, and its gradient against autograd's."""

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from ganatomy.studies.svm import LinearSVM, cost, fit


def clouds(rows: int, d: int = 40, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping normal clouds: x [rows, d], y [rows]."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(rows).remainder(classes)
    centers = torch.randn(classes, d, generator=generator) * 0.35
    return centers[y] + torch.randn(rows, d, generator=generator), y


@pytest.mark.parametrize("dual", [False, True])
def test_it_is_scikit_learns_on_two_thousand_rows(dual: bool) -> None:
    x, y = clouds(2000)
    C = 0.01
    theirs = LinearSVC(C=C, loss="squared_hinge", dual=dual, tol=1e-8, max_iter=100_000).fit(x.numpy(), y.numpy())
    ours = fit(x, y, 4, C, tolerance=1e-9)
    assert np.allclose(ours.weights, theirs.coef_, atol=2e-3) and np.allclose(ours.biases, theirs.intercept_, atol=2e-3)
    assert (ours.classify(x).numpy() == theirs.predict(x.numpy())).mean() > 0.998

    def objective(weights: torch.Tensor, biases: torch.Tensor) -> float:
        return float(cost(x, y, torch.cat([weights, biases[:, None]], dim=1), C)[0])

    reached = objective(torch.from_numpy(theirs.coef_), torch.from_numpy(theirs.intercept_))
    assert objective(ours.weights, ours.biases) == pytest.approx(reached, rel=1e-5)
    by_halves = fit(x.half(), y, 4, C)
    assert (by_halves.classify(x) == ours.classify(x)).float().mean() > 0.995


def test_the_gradient_is_that_of_the_objective() -> None:
    x, y = clouds(300, 6)
    weights = torch.randn(4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    scores = x.double() @ weights[:, :-1].T + weights[:, -1]
    signs = torch.where(torch.arange(4) == y[:, None], 1.0, -1.0)
    value = weights.square().sum() / 2 + 0.3 * (1 - signs * scores).clamp(min=0).square().sum()
    value.backward()
    found, gradient = cost(x, y, weights.detach(), 0.3)
    assert weights.grad is not None
    assert float(found) == pytest.approx(value.item(), rel=1e-5)
    assert torch.allclose(gradient, weights.grad, rtol=1e-4, atol=1e-3)


def test_a_start_changes_the_way_and_not_the_end() -> None:
    x, y = clouds(500)
    weak = fit(x, y, 4, 1e-4)
    cold, warm = fit(x, y, 4, 0.01, tolerance=1e-9), fit(x, y, 4, 0.01, start=weak, tolerance=1e-9)
    assert torch.allclose(cold.weights, warm.weights, atol=1e-3)
    assert isinstance(weak, LinearSVM) and weak.weights.norm() < cold.weights.norm()
    assert cold.accuracy(x, y) > 0.8
