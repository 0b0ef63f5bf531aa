"""iALS against the normal equations of the paper, user by user over all items."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Histories, StepContext
from trainer.models.ials import IALS, IALSConfig

CONTEXT = StepContext(1, 1, 1, 0, torch.Generator())


def train_matrix() -> csr_matrix:
    dense = (np.random.default_rng(5).random((12, 9)) < 0.4).astype(np.float32)
    dense[3] = 0  # somebody without a history
    return csr_matrix(dense)


def prepared(**params: float) -> IALS:
    train = train_matrix()
    model = IALS(IALSConfig(embedding_size=4, alpha0=0.3, reg_weight=0.05, **params), *train.shape)
    model.prepare(train, torch.Generator().manual_seed(2))
    return model.double()


def solved(x: np.ndarray, other: np.ndarray, alpha0: float, reg: float, nu: float) -> np.ndarray:
    """(H_S'H_S + alpha0 H'H + reg (n + alpha0 N)^nu I)^-1 H_S'1 for each row of x."""
    rows = []
    for row in x:
        chosen = other[row > 0]
        penalty = reg * (len(chosen) + alpha0 * len(other)) ** nu
        system = chosen.T @ chosen + alpha0 * other.T @ other + penalty * np.eye(other.shape[1])
        rows.append(np.linalg.solve(system, chosen.sum(0)))
    return np.array(rows)


@pytest.mark.parametrize("nu", [0.0, 1.0])
def test_a_sweep_with_one_block_solves_the_normal_equations(nu: float) -> None:
    model, x = prepared(nu=nu, block_size=4), train_matrix().toarray()
    items = model.item_embedding.detach().numpy().copy()
    model.sweep(CONTEXT)
    users = solved(x, items, 0.3, 0.05, nu)
    np.testing.assert_allclose(model.user_embedding.detach().numpy(), users, atol=1e-10)
    np.testing.assert_allclose(model.item_embedding.detach().numpy(), solved(x.T, users, 0.3, 0.05, nu), atol=1e-10)


def test_blocks_reach_the_same_objective() -> None:
    whole, blocks = prepared(block_size=4), prepared(block_size=1)
    for _ in range(300):
        ends = whole.sweep(CONTEXT), blocks.sweep(CONTEXT)
    assert ends[0] == pytest.approx(ends[1], rel=1e-4)


def test_the_objective_is_the_papers_and_falls() -> None:
    model, x = prepared(block_size=2), train_matrix().toarray().astype(np.float64)
    losses = [model.sweep(CONTEXT) for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    users, items = model.user_embedding.detach().numpy(), model.item_embedding.detach().numpy()
    predicted = users @ items.T
    expected = ((predicted - 1) ** 2 * x).sum() + 0.3 * (predicted**2).sum()
    for vectors, degrees, others in ((users, x.sum(1), 9), (items, x.sum(0), 12)):
        expected += 0.05 * ((degrees + 0.3 * others) * (vectors**2).sum(1)).sum()
    assert losses[-1] == pytest.approx(expected / x.sum(), rel=1e-9)


@pytest.mark.parametrize("block_size", [4, 2])
def test_a_newcomer_gets_the_vector_that_training_would_give(block_size: int) -> None:
    model, x = prepared(block_size=block_size), train_matrix().toarray()
    for _ in range(200):
        model.sweep(CONTEXT)
    model.user_embedding.data.copy_(torch.from_numpy(solved(x, model.item_embedding.detach().numpy(), 0.3, 0.05, 1.0)))
    known = Histories.of(train_matrix(), np.arange(12))
    strangers = Histories(torch.full_like(known.users, -1), known.indptr, known.indices)
    torch.testing.assert_close(model.scores(strangers), model.scores(known), atol=1e-3, rtol=0)
