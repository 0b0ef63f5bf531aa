"""ItemKNN against a slow double loop over the definition."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.models.itemknn import ItemKNN, ItemKNNConfig
from trainer.recommender import Histories


def slow_scores(x: np.ndarray, k: int, shrink: float) -> np.ndarray:
    """Each target keeps its k most similar items; ties go to the lower column."""
    items = x.shape[1]
    counts = x.T @ x
    similarity = np.zeros((items, items))
    for target in range(items):
        row = [
            0.0 if i == target else counts[target, i] / (np.sqrt(counts[target, target] * counts[i, i]) + shrink)
            for i in range(items)
        ]
        kept = sorted(range(items), key=lambda i: (-row[i], i))[:k]
        similarity[target, kept] = np.array(row)[kept]
    return x @ similarity.T


@pytest.mark.parametrize(("k", "shrink"), [(3, 0.0), (5, 10.0), (100, 1.0)])
def test_scores_equal_the_definition(k: int, shrink: float) -> None:
    dense = (np.random.default_rng(1).random((30, 17)) < 0.3).astype(np.float32)
    dense[0] = 1
    train = csr_matrix(dense)
    model = ItemKNN(ItemKNNConfig(k=k, shrink=shrink), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    scores = model.scores(Histories.of(train, np.arange(30)))
    np.testing.assert_allclose(scores.numpy(), slow_scores(dense, k, shrink), atol=1e-5)
