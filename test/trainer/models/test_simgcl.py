"""SimGCL against the paper's formulas on a dense graph, one node at a time."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models.simgcl import SimGCL, SimGCLConfig

# The third user and the fourth item are in no pair. The others lack few items, so what is drawn is soon known.
TRAIN = csr_matrix(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32))
PAIRS = [(0, 0), (0, 1), (1, 1), (1, 2)]  # users and an item come twice
BATCH = Interactions(*(torch.tensor(column) for column in zip(*PAIRS, strict=True)))
USERS = 3


def model_of(**options: Any) -> SimGCL:
    options = {"embedding_size": 3, "reg_weight": 0.1, "ssl_weight": 0.7, "ssl_temp": 0.3, "eps": 0.2} | options
    model = SimGCL(SimGCLConfig(**options), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    model.double()
    model.adjacency = dense().to_sparse_csr()  # in place of the one rounded to float32
    return model


def context() -> StepContext:
    return StepContext(1, 1, 1, 0, torch.Generator().manual_seed(5))


def dense() -> Tensor:
    train = TRAIN.toarray()
    graph = torch.zeros(7, 7, dtype=torch.float64)
    for user, item in PAIRS:
        weight = 1 / math.sqrt(train[user].sum() * train[:, item].sum())
        graph[user, USERS + item] = graph[USERS + item, user] = weight
    return graph


def mean_of_layers(embedding: Tensor, layers: int, noise: list[Tensor] | None = None, eps: float = 0.2) -> Tensor:
    found = []
    for number in range(layers):
        embedding = dense() @ embedding
        if noise is not None:
            lengths = (noise[number] ** 2).sum(1, keepdim=True).sqrt()
            embedding = embedding + embedding.detach().sign() * noise[number] / lengths * eps
        found.append(embedding)
    return torch.stack(found).mean(0)


def info_nce(one: Tensor, other: Tensor, nodes: list[int]) -> Tensor:
    losses = []
    for node in nodes:
        similar = [torch.cosine_similarity(one[node], other[each], dim=0) / 0.3 for each in nodes]
        losses.append(torch.stack(similar).exp().sum().log() - similar[nodes.index(node)])
    return torch.stack(losses).mean()


@pytest.mark.parametrize("layers", [1, 2])
def test_loss_and_gradients_are_the_papers(layers: int) -> None:
    model = model_of(n_layers=layers)
    loss = model.pair_loss(BATCH, context())
    loss.backward()

    chance = context().generator
    drawn = model.negatives.draw(BATCH.users, 1, chance)[:, 0].tolist()
    noise = [[torch.rand(7, 3, generator=chance, dtype=torch.float64) for _ in range(layers)] for _ in range(2)]
    parameters = model.embedding.detach().clone().requires_grad_()
    final = mean_of_layers(parameters, layers)
    one, other = (mean_of_layers(parameters, layers, view) for view in noise)
    expected = 0.7 * (info_nce(one, other, [0, 1]) + info_nce(one, other, [USERS, USERS + 1, USERS + 2]))
    for (user, chosen), negative in zip(PAIRS, drawn, strict=True):
        u, i, j = user, USERS + chosen, USERS + negative
        x_uij = final[u] @ final[i] - final[u] @ final[j]
        norms = sum((parameters[node] ** 2).sum() for node in (u, i, j))
        expected = expected - torch.log(torch.sigmoid(x_uij)) / 4 + 0.1 / 2 * norms / 4
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.embedding.grad, parameters.grad)


def test_scores_leave_out_layer_zero() -> None:
    model = model_of(n_layers=2).eval()
    final = mean_of_layers(model.embedding.detach(), 2)
    scores = model.scores(Histories.of(TRAIN, np.array([1, 2])))
    torch.testing.assert_close(scores, final[[1, 2]] @ final[USERS:].T)
    assert bool((scores[1] == 0).all())  # nothing is known of a user without interactions: no layer reaches them


def test_noise_has_the_length_eps_and_the_signs_of_what_it_disturbs() -> None:
    model = model_of(eps=0.25)
    layer = torch.tensor([[0.5, -2.0, 1e-9], [0.0, 0.0, 0.0]], dtype=torch.float64)
    noise = model._disturbed(layer, context().generator) - layer
    torch.testing.assert_close((noise**2).sum(1).sqrt(), torch.tensor([0.25, 0.0], dtype=torch.float64))
    assert noise[0].sign().tolist() == [1, -1, 1]


def test_a_batch_of_one_pair_has_nothing_to_contrast() -> None:
    model = model_of(reg_weight=0.0)
    batch = Interactions(torch.tensor([0]), torch.tensor([1]))
    loss = model.pair_loss(batch, context())
    drawn = int(model.negatives.draw(batch.users, 1, context().generator))
    final = mean_of_layers(model.embedding.detach(), 2)
    torch.testing.assert_close(loss, -torch.log(torch.sigmoid(final[0] @ (final[USERS + 1] - final[USERS + drawn]))))


def test_unconnected_nodes_give_finite_gradients() -> None:
    model = model_of()
    model.pair_loss(BATCH, context()).backward()
    assert model.embedding.grad is not None
    assert bool(torch.isfinite(model.embedding.grad).all())
