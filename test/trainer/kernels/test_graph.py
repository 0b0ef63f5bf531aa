"""The normalised graph against its definition, and its products against dense ones."""

import math

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.kernels.graph import adjacency, index_type, normalised_adjacency, propagate

# A user and an item have no interactions; columns are not in order within a row.
TRAIN = csr_matrix((np.ones(4, np.float32), np.array([3, 0, 3, 1]), np.array([0, 2, 2, 4])), shape=(3, 5))
USERS, NODES = 3, 8


def test_every_pair_leads_both_ways_and_nothing_else() -> None:
    graph = adjacency(TRAIN)
    dense = TRAIN.toarray()
    for row in range(NODES):
        for column in range(NODES):
            user, item = min(row, column), max(row, column) - USERS
            expected = dense[user, item] if user < USERS <= item + USERS else 0
            assert graph[row, column] == expected
    assert graph.has_sorted_indices


def test_weights_are_one_over_the_root_of_both_degrees() -> None:
    found = normalised_adjacency(TRAIN).to_dense()
    dense = TRAIN.toarray()
    expected = torch.zeros(NODES, NODES)
    for user, item in zip(*TRAIN.nonzero(), strict=True):
        weight = 1 / math.sqrt(dense[user].sum() * dense[:, item].sum())
        expected[user, USERS + item] = expected[USERS + item, user] = weight
    torch.testing.assert_close(found, expected)


def test_nodes_without_interactions_have_empty_rows() -> None:
    found = normalised_adjacency(TRAIN).to_dense()
    assert bool(torch.isfinite(found).all())
    assert bool((found[[1, USERS + 2, USERS + 4]] == 0).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_propagation_and_its_gradient(dtype: torch.dtype) -> None:
    graph = normalised_adjacency(TRAIN).to(dtype)
    nodes = torch.randn(NODES, 3, generator=torch.Generator().manual_seed(1), dtype=dtype, requires_grad=True)
    weights = torch.randn(NODES, 3, generator=torch.Generator().manual_seed(2), dtype=dtype)
    found, expected = propagate(graph, nodes), graph.to_dense() @ nodes
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad((found * weights).sum(), nodes)
    (expected_gradient,) = torch.autograd.grad((expected * weights).sum(), nodes)
    torch.testing.assert_close(gradient, expected_gradient)


def test_indices_are_wide_enough() -> None:
    assert index_type(5, (1 << 31) - 1) is np.int32
    assert index_type(5, 1 << 31) is np.int64
