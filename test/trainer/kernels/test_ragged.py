"""Ragged rows against lists."""

import torch

from trainer.kernels.ragged import mean_shares, owners, rows_without, softmax_of_rows

ROWS = [[1, 4, 6], [], [2], [0, 6], []]
INDPTR = torch.tensor([0, 3, 3, 4, 6, 6])
ENTRIES = torch.tensor([entry for row in ROWS for entry in row])


def test_owners() -> None:
    assert owners(INDPTR).tolist() == [0, 0, 0, 2, 3, 3]


def test_rows_without() -> None:
    chosen, left_out = [3, 0, 0, 1, 2, 0], [6, 1, 6, 0, 2, 5]
    indptr, entries = rows_without(INDPTR, ENTRIES, torch.tensor(chosen), torch.tensor(left_out))
    bounds = zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)
    found = [entries[start:end].tolist() for start, end in bounds]
    assert found == [[e for e in ROWS[row] if e != out] for row, out in zip(chosen, left_out, strict=True)]


def test_softmax_of_rows_and_its_gradient() -> None:
    logits = torch.tensor([900.0, 901.0, 899.5, -3.0, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    slopes = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], dtype=torch.float64)
    found = softmax_of_rows(INDPTR, logits)
    expected = torch.cat([torch.softmax(part, 0) for part in logits.split([3, 0, 1, 2, 0])])
    torch.testing.assert_close(found, expected)
    one, other = (torch.autograd.grad((value * slopes).sum(), logits)[0] for value in (found, expected))
    torch.testing.assert_close(one, other)


def test_mean_shares() -> None:
    shares = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8], [0.6, 0.4]])
    expected = [[0.6, 0.4], [0.5, 0.5], [0.1, 0.9], [0.4, 0.6], [0.5, 0.5]]
    torch.testing.assert_close(mean_shares(INDPTR, shares), torch.tensor(expected))


def test_no_entries_at_all() -> None:
    nothing = torch.zeros(3, dtype=torch.int64)
    assert softmax_of_rows(nothing, torch.zeros(0)).shape == (0,)
    indptr, entries = rows_without(nothing, nothing[:0], torch.tensor([1]), torch.tensor([5]))
    assert indptr.tolist() == [0, 0]
    assert entries.tolist() == []
