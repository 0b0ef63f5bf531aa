"""EASE against the textbook inverse, and primal against dual."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract import ridge
from trainer.contract.recommender import Histories
from trainer.contract.ridge import EASEConfig
from trainer.models.ease import EASE


def random_matrix(users: int, items: int) -> csr_matrix:
    dense = np.random.default_rng(0).random((users, items)) < 0.3
    dense[:, dense.sum(0) == 0] = True  # every item has a user, every user an item
    dense[dense.sum(1) == 0, 0] = True
    return csr_matrix(dense.astype(np.float32))


def fitted(train: csr_matrix, **params: float) -> EASE:
    model = EASE(EASEConfig(**params), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    return model


def textbook_weights(train: csr_matrix, reg_weight: float) -> np.ndarray:
    """Steck 2019, algorithm 1, in float64."""
    x = train.toarray().astype(np.float64)
    inverse = np.linalg.inv(x.T @ x + reg_weight * np.eye(x.shape[1]))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def textbook_scores(train: csr_matrix, reg_weight: float) -> np.ndarray:
    return train.toarray().astype(np.float64) @ textbook_weights(train, reg_weight)


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)], ids=["primal", "dual"])
@pytest.mark.parametrize("reg_weight", [0.5, 50.0])
def test_scores_equal_the_textbook(shape: tuple[int, int], reg_weight: float) -> None:
    train = random_matrix(*shape)
    model = fitted(train, reg_weight=reg_weight)
    assert model.dual == (shape[0] < shape[1])
    scores = model.scores(Histories.of(train, np.arange(shape[0])))
    np.testing.assert_allclose(scores.numpy(), textbook_scores(train, reg_weight), atol=2e-4)


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)], ids=["primal", "dual"])
def test_a_person_who_is_not_in_the_data_is_scored_like_one_who_is(shape: tuple[int, int]) -> None:
    train = random_matrix(*shape)
    model = fitted(train, reg_weight=5.0)
    known = Histories.of(train, np.arange(6))
    unknown = Histories(torch.full_like(known.users, -1), known.indptr, known.indices)
    torch.testing.assert_close(model.scores(unknown), model.scores(known), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("at_once", [1, 10_000])
@pytest.mark.parametrize("shape", [(40, 12), (12, 40)], ids=["primal", "dual"])
def test_what_an_item_adds_is_its_weight(shape: tuple[int, int], at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "_NUMBERS_AT_ONCE", at_once)
    train = random_matrix(*shape)
    model = fitted(train, reg_weight=5.0)
    batch = Histories.of(train, np.array([3, 0, 5]))
    items = torch.from_numpy(np.random.default_rng(1).integers(0, shape[1], (3, 7)))
    added = model.contributions(batch, items)
    weights = textbook_weights(train, 5.0)
    rows = np.repeat(np.arange(3), np.diff(batch.indptr))
    expected = weights[batch.indices.numpy()[:, None], items.numpy()[rows]]
    np.testing.assert_allclose(added.numpy(), expected, atol=2e-4)
    np.testing.assert_allclose(model.likeness(torch.tensor([4])).numpy(), weights[4], atol=2e-4)


def test_nobody_has_no_contributions() -> None:
    model = fitted(random_matrix(12, 40))
    nobody = Histories(torch.tensor([-1]), torch.tensor([0, 0]), torch.empty(0, dtype=torch.int64))
    assert model.contributions(nobody, torch.tensor([[1, 2]])).shape == (0, 2)


def test_a_loaded_state_scores_alike_without_fitting() -> None:
    train = random_matrix(12, 40)
    model = fitted(train)
    loaded = EASE(EASEConfig(), *train.shape)
    loaded.prepare(train, torch.Generator())
    loaded.load_state_dict(model.state_dict())
    batch = Histories.of(train, np.arange(5))
    assert torch.equal(model.scores(batch), loaded.scores(batch))
