"""DirectAU against the formulas of the paper written out a pair at a time."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models.directau import DirectAU, DirectAUConfig

TRAIN = csr_matrix(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32))


def model_of(**options: Any) -> DirectAU:
    model = DirectAU(DirectAUConfig(embedding_size=3, **options), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    return model.double()


def context() -> StepContext:
    return StepContext(1, 1, 1, 0, torch.Generator().manual_seed(5))


def length(vector: Tensor) -> Tensor:
    return (vector**2).sum().sqrt()


def uniformity(units: list[Tensor]) -> Tensor:
    potentials = [torch.exp(-2 * ((one - other) ** 2).sum()) for one, other in combinations(units, 2)]
    return torch.log(torch.stack(potentials).mean())


def test_loss_and_gradients_are_the_papers() -> None:
    model = model_of(gamma=0.7)
    pairs = [(0, 0), (0, 1), (1, 1), (1, 2)]  # users and an item come twice: distance 0, which counts
    batch = Interactions(*(torch.tensor(column) for column in zip(*pairs, strict=True)))
    loss = model.pair_loss(batch, context())
    loss.backward()

    users, items = (table.detach().clone().requires_grad_() for table in (model.user_embedding, model.item_embedding))
    user_units = [users[user] / length(users[user]) for user, _ in pairs]
    item_units = [items[item] / length(items[item]) for _, item in pairs]
    aligned = [length(user - item) ** 2 for user, item in zip(user_units, item_units, strict=True)]
    expected = torch.stack(aligned).mean() + 0.7 * (uniformity(user_units) + uniformity(item_units)) / 2
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.user_embedding.grad, users.grad)
    torch.testing.assert_close(model.item_embedding.grad, items.grad)
    assert model.item_embedding.grad is not None
    assert bool((model.item_embedding.grad[3] == 0).all())  # in no pair


@pytest.mark.parametrize("cosine", [False, True])
def test_scores_are_dot_products_or_cosines(cosine: bool) -> None:
    model = model_of(cosine=cosine).eval()
    scores = model.scores(Histories.of(TRAIN, np.array([1, 2])))  # user 2 has no history
    for row, user in enumerate((1, 2)):
        for item in range(4):
            u, i = model.user_embedding[user].detach(), model.item_embedding[item].detach()
            expected = math.fsum((u * i).tolist()) / (float(length(u) * length(i)) if cosine else 1)
            assert math.isclose(float(scores[row, item]), expected, rel_tol=1e-9)


def test_one_pair_has_no_uniformity() -> None:
    """The last batch of an epoch may be that small; the mean over no pairs would not be a number."""
    model = model_of()
    loss = model.pair_loss(Interactions(torch.tensor([0]), torch.tensor([1])), context())
    user, item = model.user_embedding[0], model.item_embedding[1]
    torch.testing.assert_close(loss, length(user / length(user) - item / length(item)) ** 2)


def test_vectors_of_nothing_are_numbers() -> None:
    model = model_of()
    torch.nn.init.zeros_(model.user_embedding)
    loss = model.pair_loss(Interactions(torch.tensor([0, 1]), torch.tensor([1, 2])), context())
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


def test_weight_decay_is_the_published_one() -> None:
    assert DirectAUConfig().weight_decay == 1e-6
