"""The sparse input and the likelihood against dense rows."""

import torch

from trainer.kernels.multinomial import multinomial_loss, normalised_input

# Items 0, 2 and 3; nothing; all five; nothing again, at the end.
INDPTR, INDICES = torch.tensor([0, 3, 3, 8, 8]), torch.tensor([0, 2, 3, 0, 1, 2, 3, 4])
DENSE = torch.tensor([[1, 0, 1, 1, 0], [0] * 5, [1] * 5, [0] * 5], dtype=torch.float64)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_input_is_the_product_with_normalised_rows() -> None:
    table = torch.randn(5, 3, dtype=torch.float64, generator=seeded(1), requires_grad=True)
    found = normalised_input(INDPTR, INDICES, table, 0.5, None)
    rows = torch.stack([row / row.norm() if row.any() else row for row in DENSE])
    torch.testing.assert_close(found, rows @ table)
    (slopes,) = torch.autograd.grad((found * found).sum(), table)
    torch.testing.assert_close(slopes, 2 * rows.T @ rows @ table.detach())


def test_dropped_entries_are_none_and_kept_ones_scaled() -> None:
    eye = torch.eye(5, dtype=torch.float64)
    draws = torch.stack([normalised_input(INDPTR, INDICES, eye, 0.2, seeded(seed)) for seed in range(4000)])
    for row, scale in ((0, 3**-0.5), (2, 5**-0.5)):
        owned = draws[:, row, DENSE[row] > 0]
        assert bool(((owned == 0) | torch.isclose(owned, torch.tensor(scale / 0.8, dtype=torch.float64))).all())
        assert abs(float((owned == 0).double().mean()) - 0.2) < 0.02


def test_the_loss_and_its_gradient_are_those_of_log_softmax() -> None:
    logits = 50 * torch.randn(4, 5, dtype=torch.float64, generator=seeded(2))
    one, other = (logits.clone().requires_grad_() for _ in range(2))
    loss = multinomial_loss(INDPTR, INDICES, one)
    expected = -(torch.log_softmax(other, 1) * DENSE).sum() / 4
    torch.testing.assert_close(loss, expected)
    (3 * loss).backward()
    (3 * expected).backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_nobody_with_anything_costs_nothing() -> None:
    nothing = (torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64))
    table = torch.ones(5, 3, requires_grad=True)
    first = normalised_input(*nothing, table, 0.5, seeded(1))
    assert bool((first == 0).all())
    loss = multinomial_loss(*nothing, first @ torch.ones(3, 5))
    loss.backward()
    assert float(loss.detach()) == 0
    assert bool((table.grad == 0).all())  # type: ignore[union-attr]
