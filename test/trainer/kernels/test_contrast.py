"""The tiled log-partition against the same sum with every product stored."""

import pytest
import torch

from trainer.kernels import contrast


@pytest.mark.parametrize("products", [1, 30, 1 << 20])  # a query at a time, tiles that do not divide the rows, all
def test_value_and_gradients_are_those_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch, products: int) -> None:
    monkeypatch.setattr(contrast, "PRODUCTS", products)
    chance = torch.Generator().manual_seed(1)
    inputs = [torch.randn(rows, 4, generator=chance, dtype=torch.float64) for rows in (11, 9)]
    weights = torch.rand(11, generator=chance, dtype=torch.float64)
    queries, keys = (each.clone().requires_grad_() for each in inputs)
    value = contrast.log_partition(queries, keys, weights)
    (3 * value).backward()
    plain_queries, plain_keys = (each.clone().requires_grad_() for each in inputs)
    expected = (weights * (plain_queries @ plain_keys.T).exp().sum(1).log()).sum()
    (3 * expected).backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(queries.grad, plain_queries.grad)
    torch.testing.assert_close(keys.grad, plain_keys.grad)


def test_large_products_do_not_overflow() -> None:
    queries = torch.tensor([[1000.0], [-1000.0]], requires_grad=True)
    value = contrast.log_partition(queries, torch.tensor([[1.0], [2.0]]), torch.ones(2))
    value.backward()
    assert value.item() == 2000 - 1000
    assert queries.grad is not None
    assert queries.grad.tolist() == [[2.0], [1.0]]


def test_no_queries_are_nothing() -> None:
    assert float(contrast.log_partition(torch.zeros(0, 3), torch.ones(2, 3), torch.zeros(0))) == 0
