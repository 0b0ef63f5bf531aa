"""k-means finds clusters that are there, and finds the same ones again."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, random_array

from trainer.kernels import clusters
from trainer.kernels.clusters import k_means, spherical_k_means


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_clear_clusters_are_found() -> None:
    corners = torch.tensor([[0.0, 0.0], [9.0, 5.0]])
    rows = corners.repeat_interleave(20, 0) + 0.1 * torch.randn(40, 2, generator=seeded(1))
    centres, nearest = k_means(rows, 2, seeded(2))
    torch.testing.assert_close(centres[nearest], corners.repeat_interleave(20, 0), atol=0.1, rtol=0)


def test_each_row_belongs_to_its_nearest_centre() -> None:
    rows = torch.randn(500, 8, generator=seeded(1), dtype=torch.float64)
    centres, nearest = k_means(rows, 40, seeded(2))
    assert centres.shape == (40, 8)
    assert centres.dtype == torch.float64
    assert torch.equal(torch.cdist(rows, centres).argmin(1), nearest)


def test_the_same_seed_gives_the_same_bits_whatever_the_threads() -> None:
    rows = torch.randn(3000, 16, generator=seeded(1))
    first = k_means(rows, 50, seeded(2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        again = k_means(rows, 50, seeded(2))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[1], k_means(rows, 50, seeded(3))[1])


def test_no_more_clusters_than_rows() -> None:
    centres, nearest = k_means(torch.eye(3), 1000, seeded(1))
    assert torch.equal(centres[nearest], torch.eye(3))


def directions(rows: int, d: int) -> csr_matrix:
    """Unit rows, and some empty ones."""
    some = random_array((rows, d), density=0.05, rng=np.random.default_rng(1), format="csr")
    lengths = np.sqrt(np.asarray(some.multiply(some).sum(1)).ravel())
    return csr_matrix(some.multiply((1 / np.where(lengths > 0, lengths, 1))[:, None]))


def test_clear_directions_are_found() -> None:
    rows = np.zeros((40, 30))
    rows[:20, :5], rows[20:, 5:] = 1 / np.sqrt(5), 1 / np.sqrt(25)
    for seed in range(9):
        nearest = spherical_k_means(csr_matrix(rows), 2, np.random.default_rng(seed))
        assert len(set(nearest[:20])) == len(set(nearest[20:])) == 1
        assert nearest[0] != nearest[20]


def test_each_direction_belongs_to_its_nearest_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "MOST_ROUNDS", 1000)  # to the end
    rows = directions(400, 100)
    nearest = spherical_k_means(rows, 12, np.random.default_rng(2))
    means = np.stack([rows[nearest == cluster].toarray().sum(0) for cluster in range(12)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines = rows @ means.T
    some = np.diff(rows.indptr) > 0
    np.testing.assert_allclose(cosines.max(1)[some], cosines[np.arange(400), nearest][some], rtol=1e-12)
    assert np.array_equal(nearest, spherical_k_means(rows, 12, np.random.default_rng(2)))
    assert not np.array_equal(nearest, spherical_k_means(rows, 12, np.random.default_rng(3)))


def test_no_more_directions_than_rows() -> None:
    assert sorted(spherical_k_means(csr_matrix(np.eye(3)), 20, np.random.default_rng(1))) == [0, 1, 2]
    assert spherical_k_means(csr_matrix((4, 2)), 20, np.random.default_rng(1)).shape == (4,)
