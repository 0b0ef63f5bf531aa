"""UltraGCN against the formulas of paper and official code on dense matrices, a pair at a time."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models import ultragcn
from trainer.models.ultragcn import UltraGCN, UltraGCNConfig, neighbours

# One with everything, one with nothing; nobody has the last item.
X = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]], dtype=np.float32)
TRAIN = csr_matrix(X)
PAIRS = [(0, 0), (0, 3), (1, 1), (2, 2)]
BATCH = Interactions(*(torch.tensor(column) for column in zip(*PAIRS, strict=True)))
M = 6


def context() -> StepContext:
    return StepContext(1, 1, 1, 0, torch.Generator().manual_seed(5))


def model_of(**options: Any) -> UltraGCN:
    options = {"embedding_size": 3, "neg_sample_num": M, "ii_neighbor_num": 2, "negative_weight": 3.0, **options}
    model = UltraGCN(UltraGCNConfig(w1=0.1, w2=0.7, w3=0.2, w4=0.9, **options), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    model = model.double()
    with torch.no_grad():
        for table in (model.user_embedding, model.item_embedding):
            table.copy_(torch.randn(table.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))
    # As float64, where the model keeps float32.
    model.user_factor = ultragcn._of_source(X.sum(1).astype(np.float64))
    model.item_factor = ultragcn._of_target(X.sum(0).astype(np.float64))
    model.start_pass(context())
    return model


def omega_of(matrix: np.ndarray) -> np.ndarray:
    """Dense, with the diagonal."""
    G = matrix.T.astype(np.float64) @ matrix
    g = G.sum(1)
    omega = np.zeros_like(G)
    for i in range(len(G)):
        for j in range(len(G)):
            if g[i] > 0:
                omega[i, j] = G[i, j] * math.sqrt(g[i] + 1) / g[i] / math.sqrt(g[j] + 1)
    return omega


@pytest.mark.parametrize("sharing", [1, 2, 3, 4, 32])
def test_loss_and_gradients_are_the_papers(sharing: int) -> None:
    model = model_of(sharing=sharing, ii_weight=0.6, gamma=0.3)
    loss = model.pair_loss(BATCH, context())
    groups = math.ceil(len(PAIRS) / sharing)
    drawn = torch.randint(5, (groups, M), generator=torch.Generator().manual_seed(5))
    d_user, d_item, omega = X.sum(1), X.sum(0), omega_of(X)

    def beta(user: int, item: int) -> float:
        return math.sqrt((d_user[user] + 1) / (d_item[item] + 1)) / d_user[user]

    def log_sigmoid(user: int, item: int, sign: int) -> torch.Tensor:
        return torch.log(1 / (1 + torch.exp(-sign * (model.user_embedding[user] @ model.item_embedding[item]))))

    expected = 0.15 * ((model.user_embedding**2).sum() + (model.item_embedding**2).sum())
    for place, (user, item) in enumerate(PAIRS):
        expected = expected - (0.1 + 0.7 * beta(user, item)) * log_sigmoid(user, item, 1)
        for other in drawn[place // sharing].tolist():
            expected = expected - 3.0 / M * (0.2 + 0.9 * beta(user, other)) * log_sigmoid(user, other, -1)
        for other in sorted(range(5), key=lambda j, i=item: -omega[i, j])[:2]:  # type: ignore[misc]
            expected = expected - 0.6 * omega[item, other] * log_sigmoid(user, other, 1)
    torch.testing.assert_close(loss, expected)
    parameters = list(model.parameters())
    found, right = torch.autograd.grad(loss, parameters), torch.autograd.grad(expected, parameters)
    torch.testing.assert_close(found, right)


def test_neighbours_are_the_largest_of_the_dense_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ultragcn, "_ITEMS_AT_ONCE", 7)
    train = csr_matrix((np.random.default_rng(0).random((30, 40)) < 0.1).astype(np.float32))
    items, weights = neighbours(train, 6)
    omega = omega_of(train.toarray())
    for item in range(40):
        best = -np.sort(-omega[item])[:6]
        np.testing.assert_allclose(weights[item], best, rtol=1e-9)
        np.testing.assert_allclose(omega[item][items[item][best > 0]], best[best > 0], rtol=1e-9)


def test_an_item_without_edges_has_no_neighbours() -> None:
    _, weights = neighbours(TRAIN, 3)
    assert weights[4].tolist() == [0, 0, 0]
    assert bool(torch.isfinite(weights).all())


def test_scores_are_dot_products_also_of_a_user_without_items() -> None:
    model = model_of().eval()
    scores = model.scores(Histories.of(TRAIN, np.array([1, 3])))
    for row, user in enumerate((1, 3)):
        for item in range(5):
            expected = math.fsum((model.user_embedding[user] * model.item_embedding[item]).tolist())
            assert math.isclose(float(scores[row, item]), expected, rel_tol=1e-9)


def test_shared_negatives_keep_the_expectation() -> None:
    means = []
    for sharing in (4, 1):
        model = model_of(sharing=sharing)
        contexts = (StepContext(1, 1, 1, 0, torch.Generator().manual_seed(seed)) for seed in range(1500))
        with torch.no_grad():
            means.append(float(torch.stack([model.pair_loss(BATCH, one) for one in contexts]).mean()))
    assert abs(means[0] - means[1]) < 0.02 * means[0]


def test_vectors_start_as_wide_as_is_asked_for() -> None:
    model = UltraGCN(UltraGCNConfig(init_std=1e-4), 400, 500)
    model.prepare(csr_matrix((400, 500), dtype=np.float32), torch.Generator().manual_seed(1))
    for table in (model.user_embedding, model.item_embedding):
        assert 0.98e-4 < float(table.detach().std()) < 1.02e-4


def test_nothing_is_as_large_as_the_catalogue_squared() -> None:
    model = model_of()
    sizes = [tensor.numel() for tensor in (*model.state_dict().values(), *model.buffers())]
    assert max(sizes) <= 5 * 3
