"""SLIM against projected gradient descent on the paper's own objective, with X itself in place of its Gram matrix."""

from typing import Literal

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Histories
from trainer.contract.sparse_regression import SLIMConfig
from trainer.models.slim import SLIM


def slow_weights(x: np.ndarray, target: int, chosen: np.ndarray, l1: float, l2: float) -> np.ndarray:
    """min over w >= 0 of 1/2 |x_j - X w|^2 + l2/2 |w|^2 + l1 |w|_1."""
    part, goal = x[:, chosen], x[:, target]
    weights = np.zeros(len(chosen))
    step = 1 / (np.linalg.norm(part, 2) ** 2 + l2)
    for _ in range(5000):
        weights = np.maximum(0, weights - step * (part.T @ (part @ weights - goal) + l2 * weights + l1))
    return weights


@pytest.mark.parametrize(("k", "candidates"), [(4, "nearest"), (50, "nearest"), (50, "all")])
def test_scores_equal_the_objective_s_minimum(k: int, candidates: Literal["nearest", "all"]) -> None:
    x = (np.random.default_rng(4).random((40, 13)) < 0.35).astype(np.float64)
    train = csr_matrix(x.astype(np.float32))
    config = SLIMConfig(alpha=0.05, l1_ratio=0.2, k=k, candidates=candidates, max_iter=2000, tol=0.0)
    model = SLIM(config, *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    similarity = x.T @ x / np.sqrt(np.outer(x.sum(0), x.sum(0)))
    np.fill_diagonal(similarity, 0)
    expected = np.zeros((13, 13))
    for target in range(13):
        chosen = np.argsort(-similarity[target].astype(np.float32), kind="stable")[:k]
        # All of them is the problem as it is published: over every other item, whether it co-occurs or not.
        chosen = np.delete(np.arange(13), target) if candidates == "all" else chosen[similarity[target, chosen] > 0]
        expected[chosen, target] = slow_weights(x, target, chosen, 40 * 0.05 * 0.2, 40 * 0.05 * 0.8)
    scores = model.scores(Histories.of(train, np.arange(40)))
    np.testing.assert_allclose(scores.numpy(), x @ expected, atol=2e-4)
    assert (expected > 0).any()


def test_of_all_candidates_the_largest_weights_are_kept() -> None:
    x = (np.random.default_rng(4).random((40, 13)) < 0.35).astype(np.float32)
    options = {"alpha": 0.01, "l1_ratio": 0.01, "max_iter": 2000, "tol": 0.0}
    weights = []
    for k in (12, 3):
        model = SLIM(SLIMConfig(candidates="all", k=k, **options), *x.shape)
        model.fit(csr_matrix(x))
        weights.append(model.weights.numpy())
    assert ((weights[0] > 0).sum(1) > 3).all()
    np.testing.assert_array_equal(weights[0][:, :3], weights[1])
