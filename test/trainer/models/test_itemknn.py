"""ItemKNN against a slow double loop over the definition."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Histories
from trainer.models.itemknn import ItemKNN, ItemKNNConfig


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


def test_an_item_that_is_nobodys_neighbour_has_its_own() -> None:
    """Item 2 is met only with item 1, whose one neighbour is item 0."""
    train = csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], dtype=np.float32))
    model = ItemKNN(ItemKNNConfig(k=1, shrink=0.0), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    torch.testing.assert_close(model.likeness(torch.tensor([2])), torch.tensor([0, 3**-0.5, 0]))
    torch.testing.assert_close(model.likeness(torch.tensor([1])), torch.tensor([(2 / 3) ** 0.5, 0, 3**-0.5]))
    added = model.contributions(Histories.of(train, np.array([1])), torch.tensor([[1, 2]]))
    torch.testing.assert_close(added, torch.tensor([[(2 / 3) ** 0.5, 0], [0, 3**-0.5]]))
