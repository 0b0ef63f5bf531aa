"""DPCML against the formulas of paper and official code written out a triplet at a time."""

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models.dpcml import DPCML, DPCMLConfig

# The third user has everything, the last nothing.
X = np.array([[1, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], dtype=np.float32)
TRAIN = csr_matrix(X)
PAIRS = [(0, 0), (0, 3), (1, 1), (2, 2)]
BATCH = Interactions(*(torch.tensor(column) for column in zip(*PAIRS, strict=True)))
C, M = 3, 4


def model_of(**options: Any) -> DPCML:
    model = DPCML(DPCMLConfig(**{"embedding_size": 5, "k": C, "neg_sample_num": M, **options}), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    model = model.double()
    model.presence = torch.from_numpy((X.sum(1) > 0) / 3).double()
    model.rarity = torch.from_numpy(X.sum() / np.maximum(X.sum(1), 1) / 3).double()
    with torch.no_grad():
        model.after_step()
    return model


def context(seed: int = 5) -> StepContext:
    return StepContext(1, 1, 1, 0, torch.Generator().manual_seed(seed))


def distance(one: Tensor, other: Tensor) -> Tensor:
    return ((one - other) ** 2).sum()


def nearest(model: DPCML, user: int, item: int) -> Tensor:
    return torch.stack([distance(g, model.item_embedding[item]) for g in model.user_embedding[user]]).min()


def psi(model: DPCML, user: int) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for c in range(C):
        for other in range(C):
            if c != other:
                apart = distance(model.user_embedding[user, c], model.user_embedding[user, other])
                total = total + torch.clamp(0.3 - apart, min=0) + torch.clamp(apart - 0.9, min=0)
    return total / C**2


@pytest.mark.parametrize("diversity", ["all", "batch"])
@pytest.mark.parametrize("negatives", ["uniform", "hard"])
def test_loss_and_gradients_are_the_papers(negatives: str, diversity: str) -> None:
    model = model_of(negatives=negatives, diversity=diversity, margin=1.3, reg_weight=0.7, m1=0.3, m2=0.9)
    loss = model.pair_loss(BATCH, context())
    drawn = model.negatives.draw(BATCH.users, M, context().generator)
    expected = torch.zeros((), dtype=torch.float64)
    for place, (user, item) in enumerate(PAIRS):
        losses = [
            torch.clamp(1.3 + nearest(model, user, item) - nearest(model, user, other), min=0)
            for other in drawn[place].tolist()
        ]
        # Of the drawn items the nearest costs most.
        expected = expected + (sum(losses) if negatives == "uniform" else torch.stack(losses).max())
        if diversity == "batch":
            share = X[user].sum() / X.sum()  # how often this user comes
            expected = expected + 0.7 * psi(model, user) / (3 * share * len(PAIRS))
    if diversity == "all":  # those who have anything, whoever is in the batch
        expected = expected + 0.7 * sum(psi(model, user) for user in range(3)) / 3
    torch.testing.assert_close(loss, expected)
    parameters = list(model.parameters())
    found, right = torch.autograd.grad(loss, parameters), torch.autograd.grad(expected, parameters)
    torch.testing.assert_close(found, right)


def test_the_diversity_of_all_pairs_is_the_mean_over_users() -> None:
    model = model_of(m1=0.3, m2=0.9, diversity="batch")
    rows, columns = TRAIN.nonzero()
    everything = Interactions(torch.from_numpy(rows).long(), torch.from_numpy(columns).long())
    found = model._diversity(everything, model.user_embedding[everything.users])
    torch.testing.assert_close(found, sum(psi(model, user) for user in range(3)) / 3)


def test_scores_are_distances_to_the_nearest_vector() -> None:
    model = model_of()
    scores = model.scores(Histories.of(TRAIN, np.array([3, 0, 2])))
    for row, user in enumerate((3, 0, 2)):
        for item in range(6):
            torch.testing.assert_close(scores[row, item], -nearest(model, user, item).detach())


def test_vectors_are_kept_on_the_sphere_and_in_the_ball() -> None:
    model = model_of()
    with torch.no_grad():
        model.user_embedding.mul_(3)
        model.item_embedding.copy_(torch.eye(5, dtype=torch.float64)[[0, 1, 2, 3, 4, 0]])
        model.item_embedding[0] *= 0.5
        model.item_embedding[1] *= 7
        model.after_step()
    torch.testing.assert_close(model.user_embedding.norm(dim=2), torch.ones(4, C, dtype=torch.float64))
    lengths = torch.tensor([0.5, 1, 1, 1, 1, 1], dtype=torch.float64)
    torch.testing.assert_close(model.item_embedding.norm(dim=1), lengths)


def test_one_vector_is_collaborative_metric_learning() -> None:
    model = model_of(k=1)
    assert float(model._diversity(BATCH, model.user_embedding[BATCH.users]).detach()) == 0
    assert bool(torch.isfinite(model.pair_loss(BATCH, context())))


def test_the_least_distance_is_not_above_the_largest() -> None:
    with pytest.raises(ValidationError, match="m1"):
        DPCMLConfig(m1=0.5, m2=0.4)
