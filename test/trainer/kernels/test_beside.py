"""What bench/joint.py trains with: the path without a user, and the normaliser with what is beside log p, against their
plain forms."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, vstack
from torch.nn.functional import normalize

from trainer.contract.recommender import Histories, StepContext
from trainer.kernels import noise
from trainer.kernels.mixture import Temperatures
from trainer.models.valiant import ValiantConfig

PLACE = Path(__file__).parents[3] / "bench/training/beside.py"
spec = importlib.util.spec_from_file_location("beside", PLACE)
assert spec is not None
assert spec.loader is not None
beside = sys.modules["beside"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(beside)

LAMBDA = 5.0


@pytest.mark.parametrize("users", [300, 100])  # solved over items, over users
def test_the_path_as_of_somebody_it_was_solved_without_is_the_one_solved_without_them(users: int) -> None:
    items, somebody = 200, [3, 7]
    train = csr_matrix((np.random.default_rng(0).random((users, items)) < 0.08).astype(np.float32))
    config = ValiantConfig(linear="ease", reg_weight=LAMBDA)
    model = beside.Beside(config, users, items, beside.Way(inside=True, unseen=True))
    model.prepare(train, torch.Generator().manual_seed(0))
    model.start_pass(StepContext(1, 1, 1, 1, torch.Generator()))
    batch = Histories.of(train, np.array(somebody))
    unseen, seen = (model.linear(batch, unseen).numpy() * float(model.scale) for unseen in (True, False))
    for row, user in enumerate(somebody):
        others = vstack([train[:user], train[user + 1 :]])
        inverse = np.linalg.inv((others.T @ others).toarray() + LAMBDA * np.eye(items))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        expected = train[user].toarray()[0] @ weights
        np.testing.assert_allclose(unseen[row], expected, atol=1e-5)
        assert np.abs(seen[row] - expected).max() > 0.1


def test_the_normaliser_and_its_gradients_are_those_of_the_dense_form() -> None:
    users, interests, items, width = 140, 3, 1100, 5  # more than one chunk and one tile
    random = torch.Generator().manual_seed(1)
    rows = normalize(torch.randn(items, width, generator=random), dim=1).requires_grad_()
    prototypes = normalize(torch.randn(users, interests, width, generator=random), dim=2)
    vectors = normalize(torch.randn(users, interests, width, generator=random), dim=2).requires_grad_()
    linear, weight = torch.randn(users, items, generator=random), torch.tensor(3.0, requires_grad=True)
    keys, shares = noise.draw_keys((users, interests), random), torch.rand(users, generator=random)
    asked = (rows, vectors, weight)
    value = beside.log_normaliser(rows, prototypes, vectors, weight * linear, keys, Temperatures(0.2, 0.15), shares)
    found = torch.autograd.grad(value, asked)

    drawn = torch.log(noise.exponential(keys[:, :, None, :], torch.arange(items), torch.float32))
    assignment = torch.softmax(prototypes @ rows.T / 0.2 - drawn, dim=1)
    log_p = torch.log((assignment * torch.exp(vectors @ rows.T / 0.15)).sum(1))
    expected = (shares * torch.logsumexp(log_p + weight * linear, dim=1)).sum()
    torch.testing.assert_close(value, expected)
    for one, other in zip(found, torch.autograd.grad(expected, asked), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
