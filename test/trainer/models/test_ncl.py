"""NCL against the paper's formulas on a dense graph, one node at a time."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models.ncl import NCL, NCLConfig

# Each user of a pair lacks exactly one item, so what is drawn is known; the third user and the fourth item lack all.
TRAIN = csr_matrix(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32))
PAIRS = [(0, 0), (0, 1), (1, 1), (1, 2)]  # users and an item come twice
BATCH = Interactions(*(torch.tensor(column) for column in zip(*PAIRS, strict=True)))
USERS, ITEMS = 3, 4


def model_of(**options: Any) -> NCL:
    weights = {"reg_weight": 0.1, "ssl_reg": 0.2, "alpha": 0.6, "proto_reg": 0.3, "ssl_temp": 0.4}
    model = NCL(NCLConfig(**{"embedding_size": 3, "num_clusters": 2, "warm_up_step": 2, **weights, **options}), 3, 4)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    model.double()
    model.adjacency = dense().to_sparse_csr()  # in place of the one rounded to float32
    return model


def context(epoch: int = 3) -> StepContext:
    return StepContext(1, epoch, 1, 0, torch.Generator().manual_seed(5))


def dense() -> Tensor:
    train = TRAIN.toarray()
    graph = torch.zeros(7, 7, dtype=torch.float64)
    for user, item in PAIRS:
        weight = 1 / math.sqrt(train[user].sum() * train[:, item].sum())
        graph[user, USERS + item] = graph[USERS + item, user] = weight
    return graph


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum() / ((one**2).sum() * (other**2).sum()).sqrt()


def contrast(query: Tensor, keys: list[Tensor], chosen: int) -> Tensor:
    exponentials = torch.stack([torch.exp(cosine(query, key) / 0.4) for key in keys])
    return -torch.log(exponentials[chosen] / exponentials.sum())


@pytest.mark.parametrize(("layers", "hyper_layers"), [(3, 1), (1, 1), (1, 2)])
@pytest.mark.parametrize("epoch", [2, 3])  # the last of the warm-up, the first with clusters
def test_loss_and_gradients_are_the_papers(layers: int, hyper_layers: int, epoch: int) -> None:
    model = model_of(n_layers=layers, hyper_layers=hyper_layers)
    model.start_pass(context(epoch))
    assert len(model.clusters) == (2 if epoch == 3 else 0)
    loss = model.pair_loss(BATCH, context(epoch))
    loss.backward()

    drawn = model.negatives.draw(BATCH.users, 1, context().generator)[:, 0].tolist()
    start = model.embedding.detach().clone().requires_grad_()
    powers = [torch.linalg.matrix_power(dense(), power) @ start for power in range(5)]
    final = torch.stack(powers[: layers + 1]).mean(0)
    around = powers[2 * hyper_layers]
    own = [list(start[:USERS]), list(start[USERS:])]
    expected = torch.zeros((), dtype=torch.float64)
    for (user, item), negative in zip(PAIRS, drawn, strict=True):
        u, i, j = user, USERS + item, USERS + negative
        x_uij = final[u] @ final[i] - final[u] @ final[j]
        norms = sum((start[node] ** 2).sum() for node in (u, i, j))
        expected = expected - torch.log(torch.sigmoid(x_uij)) / 4 + 0.1 / 2 * norms / 4
        structure = contrast(around[u], own[0], user) + 0.6 * contrast(around[i], own[1], item)
        expected = expected + 0.2 * structure
        if epoch == 3:
            for (centres, nearest), node, place in zip(model.clusters, (u, i), (user, item), strict=True):
                expected = expected + 0.3 * contrast(start[node], list(centres), int(nearest[place]))
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.embedding.grad, start.grad)


def test_clusters_follow_from_weights_and_context_alone() -> None:
    """What a resumed run finds, whose first pass is not the first: the same as one that was never stopped."""
    undisturbed, resumed = model_of(), model_of()
    for epoch in (1, 2, 3):
        undisturbed.start_pass(context(epoch))
    resumed.start_pass(context(3))
    for one, other in zip(undisturbed.clusters, resumed.clusters, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    for centres, _ in resumed.clusters:
        torch.testing.assert_close((centres**2).sum(1), torch.ones(2, dtype=torch.float64))


def test_clusters_are_no_part_of_the_state() -> None:
    model = model_of()
    model.start_pass(context())
    assert list(model.state_dict()) == ["embedding"]


def test_scores_are_lightgcns_whatever_the_hyper_layers() -> None:
    model = model_of(n_layers=1, hyper_layers=2).eval()
    start = model.embedding.detach()
    final = (start + dense() @ start) / 2
    scores = model.scores(Histories.of(TRAIN, np.array([1, 2])))  # user 2 has no interactions
    torch.testing.assert_close(scores, final[[1, 2]] @ final[USERS:].T)
    assert bool(torch.isfinite(scores).all())
