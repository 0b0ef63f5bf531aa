"""LightGCN against the paper's formulas with a dense graph."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models.lightgcn import LightGCN, LightGCNConfig

# Each user of a pair lacks few items; the third user and the fourth item have no interactions.
TRAIN = csr_matrix(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32))
PAIRS = [(0, 0), (0, 1), (1, 1), (1, 2)]
BATCH = Interactions(*(torch.tensor(column) for column in zip(*PAIRS, strict=True)))
USERS, NODES = 3, 7


def model_of(**options: Any) -> LightGCN:
    model = LightGCN(LightGCNConfig(**{"embedding_size": 3, "reg_weight": 0.1, **options}), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    model.double()
    model.adjacency = dense().to_sparse_csr()  # in place of the one rounded to float32
    return model


def context() -> StepContext:
    return StepContext(1, 1, 1, 0, torch.Generator().manual_seed(5))


def dense() -> Tensor:
    train = TRAIN.toarray()
    graph = torch.zeros(NODES, NODES, dtype=torch.float64)
    for user, item in PAIRS:
        weight = 1 / math.sqrt(train[user].sum() * train[:, item].sum())
        graph[user, USERS + item] = graph[USERS + item, user] = weight
    return graph


def smoothed(start: Tensor, layers: int) -> Tensor:
    return torch.stack([torch.linalg.matrix_power(dense(), layer) @ start for layer in range(layers + 1)]).mean(0)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_loss_and_gradients_are_the_papers(layers: int) -> None:
    model = model_of(n_layers=layers)
    loss = model.pair_loss(BATCH, context())
    loss.backward()
    drawn = model.negatives.draw(BATCH.users, 1, context().generator)[:, 0].tolist()
    start = model.embedding.detach().clone().requires_grad_()
    final = smoothed(start, layers)
    expected = torch.zeros((), dtype=torch.float64)
    for (user, item), negative in zip(PAIRS, drawn, strict=True):
        u, i, j = user, USERS + item, USERS + negative
        x_uij = final[u] @ final[i] - final[u] @ final[j]
        norms = sum((start[node] ** 2).sum() for node in (u, i, j))  # of layer 0 alone
        expected = expected - torch.log(torch.sigmoid(x_uij)) / 4 + 0.1 / 2 * norms / 4
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.embedding.grad, start.grad)


def test_scores_are_dot_products_of_smoothed_vectors() -> None:
    model = model_of().eval()
    final = smoothed(model.embedding.detach(), 3)
    scores = model.scores(Histories.of(TRAIN, np.array([1, 0])))
    torch.testing.assert_close(scores, final[[1, 0]] @ final[USERS:].T)
    vectors = model.item_vectors()
    assert vectors is not None
    torch.testing.assert_close(vectors, final[USERS:] / (final[USERS:] ** 2).sum(1, keepdim=True).sqrt())


def test_nodes_without_interactions_keep_a_share_of_their_own_vector() -> None:
    model = model_of(n_layers=3).eval()
    users, items = model.vectors()
    torch.testing.assert_close(users[2], model.embedding[2] / 4)
    torch.testing.assert_close(items[3], model.embedding[USERS + 3] / 4)


def test_scores_follow_training() -> None:
    """What was smoothed for one evaluation must not outlive the next step."""
    model, batch = model_of().eval(), Histories.of(TRAIN, np.array([0]))
    before = model.scores(batch)
    model.train()
    with torch.no_grad():
        model.embedding.mul_(2)
    torch.testing.assert_close(model.eval().scores(batch), 4 * before)


def test_the_graph_is_no_part_of_the_state() -> None:
    assert list(model_of().state_dict()) == ["embedding"]
