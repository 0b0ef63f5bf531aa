"""Drawn items are none of the user's, and all others come alike."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, random_array

from trainer.kernels.negatives import Negatives


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def train() -> csr_matrix:
    """50 users with a quarter of 20 items each."""
    return csr_matrix(random_array((50, 20), density=0.25, rng=np.random.default_rng(1), dtype=np.float32))


def test_contains_is_membership(train: csr_matrix) -> None:
    users, items = torch.arange(50)[:, None], torch.arange(20)[None, :]
    assert np.array_equal(Negatives(train).contains(users, items).numpy(), train.toarray() > 0)


def test_nothing_drawn_is_the_users_own(train: csr_matrix) -> None:
    users = torch.arange(50).repeat(20)
    drawn = Negatives(train).draw(users, 7, seeded(1))
    assert drawn.shape == (1000, 7)
    assert not (train.toarray()[users[:, None], drawn] > 0).any()


def test_the_others_are_equally_likely(train: csr_matrix) -> None:
    drawn = Negatives(train).draw(torch.zeros(1, dtype=torch.int64), 40_000, seeded(1))[0]
    others = np.flatnonzero(train.toarray()[0] == 0)
    counts = np.bincount(drawn.numpy(), minlength=20)[others]
    expected = 40_000 / len(others)
    assert counts.sum() == 40_000
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_the_generator_decides(train: csr_matrix) -> None:
    negatives, users = Negatives(train), torch.arange(50)
    assert torch.equal(negatives.draw(users, 3, seeded(4)), negatives.draw(users, 3, seeded(4)))
    assert not torch.equal(negatives.draw(users, 3, seeded(4)), negatives.draw(users, 3, seeded(5)))


def test_somebody_who_has_everything_is_not_drawn_for_ever() -> None:
    negatives = Negatives(csr_matrix(np.ones((2, 3), dtype=np.float32)))
    drawn = negatives.draw(torch.tensor([0, 1]), 4, seeded(1))
    assert drawn.shape == (2, 4)
    assert bool(((drawn >= 0) & (drawn < 3)).all())


def test_columns_need_no_order() -> None:
    shuffled = csr_matrix((np.ones(3, np.float32), np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))
    found = Negatives(shuffled).contains(torch.arange(2)[:, None], torch.arange(3))
    assert found.tolist() == [[True, False, True], [False, True, False]]


def test_pairs_of_a_large_matrix_do_not_collide() -> None:
    """user · items + item leaves 32 bits long before it leaves memory."""
    users, items = 100_000, 100_000
    train = csr_matrix((np.ones(1, np.float32), ([99_999], [99_998])), shape=(users, items))
    negatives = Negatives(train)
    asked = torch.tensor([99_998, 99_997, 0])
    assert negatives.contains(torch.tensor(99_999), asked).tolist() == [True, False, False]
