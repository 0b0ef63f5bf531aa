"""Products with drawn items against a loop over every draw; both ways of computing them."""

import pytest
import torch

from trainer.kernels.drawn import products_with_drawn


@pytest.mark.parametrize(("items", "count"), [(40, 7), (5, 5), (5, 9)])
def test_products_and_gradients_are_those_of_each_draw(items: int, count: int) -> None:
    generator = torch.Generator().manual_seed(3)
    vectors = torch.randn(6, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    table = torch.randn(items, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    drawn = torch.randint(items, (6, count), generator=generator)
    drawn[0, :3] = 2  # an item that comes more than once
    weights = torch.randn(6, count, dtype=torch.float64, generator=generator)
    found = products_with_drawn(vectors, table, drawn)
    rows = [[vectors[row] @ table[item] for item in drawn[row].tolist()] for row in range(6)]
    expected = torch.stack([torch.stack(row) for row in rows])
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad((weights * found.sin()).sum(), [vectors, table]),
        torch.autograd.grad((weights * expected.sin()).sum(), [vectors, table]),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_table_that_is_not_trained_gets_no_gradient() -> None:
    vectors = torch.ones(2, 3, requires_grad=True)
    products_with_drawn(vectors, torch.eye(3), torch.tensor([[0, 2], [1, 1]])).sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.tolist() == [[1, 0, 1], [0, 2, 0]]


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    generator = torch.Generator().manual_seed(3)
    vectors = torch.randn(300, 64, generator=generator, requires_grad=True)
    table = torch.randn(900, 64, generator=generator, requires_grad=True)
    drawn = torch.randint(900, (300, 200), generator=generator)
    found = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            products = products_with_drawn(vectors, table, drawn)
            found.append((products.detach(), *torch.autograd.grad(products.sin().sum(), [vectors, table])))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for run in found[1:] for one, other in zip(run, found[0], strict=True))
