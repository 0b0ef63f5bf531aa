"""Sums and products along edges against loops over the pairs of nodes."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.kernels.edges import Edges

# An item and a user have no interactions; indices are not in order within a row.
TRAIN = csr_matrix((np.ones(5, np.float32), np.array([3, 0, 1, 3, 0]), np.array([0, 2, 2, 5])), shape=(3, 5))
COPIES, NODES, WIDTH = 2, 8, 3


@pytest.fixture
def edges() -> Edges:
    return Edges(TRAIN, COPIES)


def ends() -> list[tuple[int, int]]:
    """Head and tail of each edge of one copy, by head and then by tail."""
    pairs = [(int(user), 3 + int(item)) for user, item in zip(*TRAIN.nonzero(), strict=True)]
    return sorted(pairs + [(item, user) for user, item in pairs])


def random(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)


def gradients(value: Tensor, *inputs: Tensor) -> list[Tensor]:
    chance = torch.Generator().manual_seed(9)
    weights = torch.randn(value.shape, generator=chance, dtype=torch.float64)
    return list(torch.autograd.grad((value * weights).sum(), inputs))


def test_reverse_leads_back(edges: Edges) -> None:
    heads = torch.repeat_interleave(torch.arange(COPIES * NODES), edges.starts.diff())
    tails = edges.tails.long()
    assert torch.equal(heads[edges.reverse], tails)
    assert torch.equal(tails[edges.reverse], heads)


def test_sums_and_gradients(edges: Edges) -> None:
    weights, nodes = random(COPIES * len(ends()), seed=1), random(COPIES * NODES, WIDTH, seed=2)
    rows = [torch.zeros(WIDTH, dtype=torch.float64) for _ in range(COPIES * NODES)]
    for copy in range(COPIES):
        for place, (head, tail) in enumerate(ends()):
            weight = weights[copy * len(ends()) + place]
            rows[copy * NODES + head] = rows[copy * NODES + head] + weight * nodes[copy * NODES + tail]
    found, expected = edges.sums(weights, nodes), torch.stack(rows)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(found, weights, nodes), gradients(expected, weights, nodes))


def test_products_and_gradients(edges: Edges) -> None:
    heads, tails = (random(COPIES * NODES, WIDTH, seed=seed) for seed in (1, 2))
    expected = torch.stack(
        [heads[copy * NODES + h] @ tails[copy * NODES + t] for copy in range(COPIES) for h, t in ends()]
    )
    found = edges.products(heads, tails)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(found, heads, tails), gradients(expected, heads, tails))


def test_constant_weights_need_no_gradient(edges: Edges) -> None:
    nodes = random(COPIES * NODES, WIDTH, seed=2)
    edges.sums(torch.ones(COPIES * len(ends()), dtype=torch.float64), nodes).sum().backward()
    assert nodes.grad is not None
    degrees = torch.zeros(NODES)
    for head, _ in ends():
        degrees[head] += 1
    assert torch.equal(nodes.grad[:, 0].float(), degrees.repeat(COPIES))
