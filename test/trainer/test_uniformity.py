"""Uniformity of user representations against a loop over all pairs, and as a metric of a run."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch.nn.functional import normalize

from trainer import registry
from trainer.contract.recommender import Histories
from trainer.evaluation import uniformity


def test_it_is_the_log_mean_over_pairs_of_different_users() -> None:
    x = normalize(torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), dim=1)
    pairs = [float(torch.exp(-2 * (x[u] - x[v]).square().sum())) for u in range(7) for v in range(7) if u != v]
    assert uniformity.uniformity(x) == pytest.approx(np.log(np.mean(pairs)), rel=1e-12)


def test_more_users_than_a_chunk_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    x = normalize(torch.randn(50, 4, generator=torch.Generator().manual_seed(2)), dim=1)
    whole = uniformity.uniformity(x)
    monkeypatch.setattr(uniformity, "USERS_AT_ONCE", 8)
    assert uniformity.uniformity(x) == pytest.approx(whole, abs=1e-6)


def test_it_is_zero_when_all_are_the_same_and_low_when_spread() -> None:
    same = normalize(torch.ones(20, 64), dim=1)
    spread = normalize(torch.randn(2000, 256, generator=torch.Generator().manual_seed(3)), dim=1)
    assert uniformity.uniformity(same) == pytest.approx(0, abs=1e-5)
    assert uniformity.uniformity(spread) == pytest.approx(-4, abs=0.05)


@pytest.mark.parametrize("name", ["valid", "macridvae", "bpr", "lightgcn"])
def test_vectors_of_users_are_unit_rows_and_one_a_user(name: str) -> None:
    model_class = registry.get(name)
    train = csr_matrix(np.eye(6, 9, dtype=np.float32) + np.eye(6, 9, 2, dtype=np.float32))
    model = model_class(registry.resolve_config(model_class, '{"embedding_size": 4}'), 6, 9)
    model.prepare(train, torch.Generator().manual_seed(1))
    model.eval()
    vectors = model.user_vectors(Histories.of(train, np.arange(6)))
    assert vectors is not None
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(6))
    torch.testing.assert_close(model.user_vectors(Histories.of(train, np.array([4, 1]))), vectors[[4, 1]])
