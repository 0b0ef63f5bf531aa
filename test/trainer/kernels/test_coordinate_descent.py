"""The elastic net's optimum is where its conditions of optimality hold."""

import numpy as np
import pytest

from trainer.kernels.coordinate_descent import solve


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 1.0), (2.0, 0.5), (1e6, 1.0)])
def test_the_conditions_of_optimality_hold(l1: float, l2: float) -> None:
    random = np.random.default_rng(3)
    x = (random.random((60, 9)) < 0.4).astype(np.float32)
    gram, product = x.T @ x, x.T @ (random.random(60) < 0.5).astype(np.float32)
    weights = solve(gram, product, l1, l2, 1000, 0.0)
    gradient = gram @ weights - product + l1 + l2 * weights
    assert (weights >= 0).all()
    np.testing.assert_allclose(gradient[weights > 0], 0, atol=1e-3)
    assert (gradient[weights == 0] >= -1e-3).all()
    assert (weights > 0).any() == (l1 < 1e6)
