"""UserKNN against a slow double loop over the definition."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Histories
from trainer.models.userknn import UserKNN, UserKNNConfig


def slow_scores(x: np.ndarray, k: int, shrink: float) -> np.ndarray:
    scores = np.zeros(x.shape)
    for user, mine in enumerate(x):
        similar = [
            0.0 if other == user else mine @ theirs / (np.sqrt(mine.sum() * theirs.sum()) + shrink)
            for other, theirs in enumerate(x)
        ]
        for other in sorted(range(len(x)), key=lambda v: (-similar[v], v))[:k]:
            scores[user] += similar[other] * x[other]
    return scores


@pytest.mark.parametrize(("k", "shrink"), [(3, 0.0), (5, 10.0), (100, 1.0)])
def test_scores_equal_the_definition(k: int, shrink: float) -> None:
    dense = (np.random.default_rng(1).random((20, 17)) < 0.3).astype(np.float32)
    dense[dense.sum(1) == 0, 0] = 1
    train = csr_matrix(dense)
    model = UserKNN(UserKNNConfig(k=k, shrink=shrink), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    scores = model.scores(Histories.of(train, np.arange(20)))
    np.testing.assert_allclose(scores.numpy(), slow_scores(dense, k, shrink), atol=1e-5)


def test_a_newcomer_with_the_history_of_a_user_asks_that_user_too() -> None:
    train = csr_matrix(np.array([[1, 1, 0], [0, 0, 1]], dtype=np.float32))
    model = UserKNN(UserKNNConfig(shrink=0.0), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    nobody = Histories(torch.tensor([-1]), torch.tensor([0, 1]), torch.tensor([0]))
    torch.testing.assert_close(model.scores(nobody), torch.tensor([[1, 1, 0]]) / 2**0.5)


def test_what_an_item_adds_is_its_part_of_the_overlaps() -> None:
    train = csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]], dtype=np.float32))
    model = UserKNN(UserKNNConfig(shrink=1.0), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    added = model.contributions(Histories.of(train, np.array([0])), torch.tensor([[2, 3]]))
    # Both others have item 1, the first of them item 0 as well; both have item 2, only the second item 3.
    each = 1 / (6**0.5 + 1)
    torch.testing.assert_close(added, torch.tensor([[each, 0], [2 * each, each]]))
