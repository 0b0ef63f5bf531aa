"""DGCF against the paper's equations with dense graphs, a factor, an edge and a pair of nodes at a time."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models.dgcf import DGCF, DGCFConfig

# Each user of a pair lacks few items; the third user and the fourth item have no interactions.
TRAIN = csr_matrix(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32))
PAIRS = [(0, 0), (0, 1), (1, 1), (1, 2)]
BATCH = Interactions(*(torch.tensor(column) for column in zip(*PAIRS, strict=True)))
USERS, ITEMS = 3, 4
NODES = USERS + ITEMS
FACTORS = 3


def model_of(**options: Any) -> DGCF:
    config = {"embedding_size": 6, "n_factors": FACTORS, "reg_weight": 0.1, "cor_weight": 0.5} | options
    model = DGCF(DGCFConfig(**config), USERS, ITEMS)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    return model.double()


def context(steps: int = 1) -> StepContext:
    return StepContext(1, 1, steps, 0, torch.Generator().manual_seed(5))


def unit(vector: Tensor) -> Tensor:
    return vector / (vector**2).sum().sqrt()


def neighbours(node: int) -> list[int]:
    ends = [(user, USERS + item) for user, item in PAIRS]
    return [other for pair in ends for other in pair if node in pair and other != node]


def route(start: Tensor, layers: int, iterations: int) -> tuple[Tensor, dict[tuple[int, int], Tensor]]:
    """Final vectors, and each edge's shares of the factors in the last routing."""
    edges = [(head, tail) for head in range(NODES) for tail in neighbours(head)]
    scores = {edge: [torch.ones((), dtype=torch.float64)] * FACTORS for edge in edges}
    e = [list(torch.stack(list(start))[:, 2 * k : 2 * k + 2]) for k in range(FACTORS)]  # [k][node]
    outputs = [start]
    shares = {}
    for _ in range(layers):
        for _ in range(iterations):
            shares = {edge: torch.softmax(torch.stack(scores[edge]), 0) for edge in edges}
            y = []
            for k in range(FACTORS):
                degree = [sum(shares[node, t][k] for t in neighbours(node)) for node in range(NODES)]
                y.append(
                    [
                        sum(
                            (
                                shares[node, t][k] * e[k][t] / (degree[node] * degree[t]) ** 0.5
                                for t in neighbours(node)
                            ),
                            torch.zeros(2, dtype=torch.float64),
                        )
                        for node in range(NODES)
                    ]
                )
            for h, t in edges:
                agreement = [unit(y[k][h]) @ torch.tanh(unit(e[k][t])) for k in range(FACTORS)]
                scores[h, t] = [old + new for old, new in zip(scores[h, t], agreement, strict=True)]
        e = y
        outputs.append(torch.stack([torch.cat([e[k][node] for k in range(FACTORS)]) for node in range(NODES)]))
    return torch.stack(outputs).mean(0), shares


def distance_correlation(x: Tensor, y: Tensor) -> Tensor:
    def centred(rows: Tensor) -> Tensor:
        m = len(rows)
        apart = torch.stack(
            [torch.stack([(((a - b) ** 2).sum() + 1e-8).sqrt() for b in rows]) for a in rows]
        )  # as the code, so that there is a gradient at distance 0
        middle = torch.eye(m, dtype=torch.float64) - torch.full((m, m), 1 / m, dtype=torch.float64)
        return middle @ apart @ middle

    def covariance(a: Tensor, b: Tensor) -> Tensor:
        return ((a * b).sum() / len(a) ** 2 + 1e-8).sqrt()

    a, b = centred(x), centred(y)
    return covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt()


@pytest.mark.parametrize(("layers", "iterations"), [(1, 1), (1, 2), (2, 2), (1, 3)])
def test_loss_and_gradients_are_the_papers(layers: int, iterations: int) -> None:
    model = model_of(n_layers=layers, n_iterations=iterations)
    loss = model.pair_loss(BATCH, context())
    loss.backward()

    chance = context().generator
    drawn = model.negatives.draw(BATCH.users, 1, chance)[:, 0].tolist()
    start = model.embedding.detach().clone().requires_grad_()
    final, _ = route(start, layers, iterations)
    # One step an epoch: the sample is everybody, whose order does not matter.
    chunks = [final[:, 2 * k : 2 * k + 2] for k in range(FACTORS)]
    expected = 0.5 * torch.stack([distance_correlation(x, y) for x, y in pairwise(chunks)]).sum() / 6
    for (user, item), negative in zip(PAIRS, drawn, strict=True):
        u, i, j = user, USERS + item, USERS + negative
        x_uij = final[u] @ final[i] - final[u] @ final[j]
        norms = sum((start[node] ** 2).sum() for node in (u, i, j))
        expected = expected - torch.log(torch.sigmoid(x_uij)) / 4 + 0.1 / 2 * norms / 4
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.embedding.grad, start.grad)


def test_scores_are_dot_products_of_the_mean_over_layers() -> None:
    model = model_of().eval()
    final, _ = route(model.embedding.detach(), 1, 2)
    scores = model.scores(Histories.of(TRAIN, np.array([1, 2])))  # user 2 has no interactions
    torch.testing.assert_close(scores, final[[1, 2]] @ final[USERS:].T)


def test_interests_are_shares_of_edges_and_parts_of_scores() -> None:
    model = model_of(n_layers=2).eval()
    final, shares = route(model.embedding.detach(), 2, 2)
    batch, items = Histories.of(TRAIN, np.array([1, 2, 0])), torch.tensor([3, 0])
    found = model.interests(batch, items)
    for row, user in enumerate((1, 2, 0)):
        for k in range(FACTORS):
            for place, item in enumerate((3, 0)):
                part = slice(2 * k, 2 * k + 2)
                term = max(0.0, float(final[user, part] @ final[USERS + item, part]))
                assert math.isclose(float(found.item_terms[row, k, place]), term, abs_tol=1e-12)
    owned = [(1, 1), (1, 2), (0, 0), (0, 1)]
    expected = torch.stack([shares[user, USERS + item] for user, item in owned])
    torch.testing.assert_close(found.history_shares, expected)
    alike = torch.full((FACTORS,), 1 / FACTORS, dtype=torch.float64)
    weights = torch.stack([expected[:2].mean(0), alike, expected[2:].mean(0)])
    torch.testing.assert_close(found.weights, weights)


def test_somebody_unknown_without_history_has_interests_of_equal_weight() -> None:
    """How serving asks for the number of interests."""
    nothing = torch.zeros(0, dtype=torch.int64)
    nobody = Histories(torch.tensor([-1]), torch.tensor([0, 0]), nothing)
    found = model_of().eval().interests(nobody, nothing)
    assert found.weights.tolist() == [[1 / 3, 1 / 3, 1 / 3]]


def test_the_sample_is_the_larger_sides_share_of_a_step() -> None:
    model = model_of()
    sample = model._sample(context(steps=2))
    assert len(sample) == 4  # 4 items in 2 steps: 2 items and as many users
    assert bool((sample[:2] < USERS).all())
    assert bool((sample[2:] >= USERS).all())
    assert len(sample.unique()) == 4
    assert len(model._sample(context(steps=100))) == 2


def test_one_factor_has_nothing_to_correlate_with() -> None:
    model = model_of(n_factors=1)
    loss = model.pair_loss(BATCH, context())
    without = model_of(n_factors=1, cor_weight=0.0).pair_loss(BATCH, context())
    torch.testing.assert_close(loss, without)


def test_vectors_of_nothing_give_finite_gradients() -> None:
    model = model_of()
    torch.nn.init.zeros_(model.embedding)
    model.pair_loss(BATCH, context()).backward()
    assert model.embedding.grad is not None
    assert bool(torch.isfinite(model.embedding.grad).all())


def test_factors_share_the_width_evenly() -> None:
    with pytest.raises(ValidationError, match="multiple of n_factors"):
        DGCFConfig(embedding_size=10, n_factors=4)
