"""k-means finds clusters that are there, and finds the same ones again."""

import torch

from trainer.kernels.clusters import k_means


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
