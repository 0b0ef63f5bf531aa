"""RP3beta against walks counted one by one."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract.random_walks import RP3betaConfig
from trainer.contract.recommender import Histories
from trainer.models.rp3beta import RP3beta


def slow_scores(x: np.ndarray, k: int, alpha: float, beta: float) -> np.ndarray:
    users, items = x.shape
    walks = np.zeros((items, items))
    for i in range(items):
        for u in range(users):
            for j in range(items):
                if i != j and x[u, i] and x[u, j]:
                    there = (1 / x[:, i].sum()) ** alpha * (1 / x[u].sum()) ** alpha
                    walks[i, j] += there / x[:, j].sum() ** beta
        for j in sorted(range(items), key=lambda j: (-walks[i, j], j))[k:]:
            walks[i, j] = 0
    return x @ walks


@pytest.mark.parametrize(("k", "alpha", "beta"), [(3, 0.6, 0.3), (100, 1.0, 0.0), (100, 0.0, 1.0)])
def test_scores_equal_the_definition(k: int, alpha: float, beta: float) -> None:
    dense = (np.random.default_rng(2).random((15, 11)) < 0.4).astype(np.float32)
    dense[:, dense.sum(0) == 0] = 1
    train = csr_matrix(dense)
    model = RP3beta(RP3betaConfig(k=k, alpha=alpha, beta=beta), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    scores = model.scores(Histories.of(train, np.arange(15)))
    np.testing.assert_allclose(scores.numpy(), slow_scores(dense, k, alpha, beta), rtol=1e-4, atol=1e-5)
