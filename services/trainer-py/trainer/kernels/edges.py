"""Sums and products along the edges of the interaction graph, with weights that change and are trained.

The graph is held K times side by side, one copy a factor, as one sparse matrix [Kn, Kn]: what is done for an edge is
done for all its factors in one operation. Copies come first: node i of copy k is row k n + i of the nodes, and edge e
of copy k is k E + e. Edges are sorted by head: each sum runs along one row, in one order, forward and backward.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .graph import adjacency, index_type


class Edges(nn.Module):
    """Both directions of every pair of the train matrix [U, N], among n = U + N nodes, users first; E edges a copy.

    starts   [Kn+1]  edges of head h are starts[h] to starts[h+1]
    tails    [KE]    node at the other end
    reverse  [KE]    place of the edge that leads back
    """

    def __init__(self, train: csr_matrix, copies: int) -> None:
        super().__init__()
        graph = adjacency(train)
        many = np.arange(copies, dtype=np.int64)[:, None]
        starts = np.append((many * graph.nnz + graph.indptr[:-1]).ravel(), copies * graph.nnz)
        # Sorted by tail, and by head among equals: the order of the edges that lead back.
        reverse = np.argsort(graph.indices, kind="stable")
        index = index_type(copies * graph.nnz, copies * graph.shape[0])
        self.nodes = graph.shape[0]
        self.starts: Tensor
        self.tails: Tensor
        self.reverse: Tensor
        tails = (many * self.nodes + graph.indices).ravel()
        self.register_buffer("starts", torch.from_numpy(starts.astype(index)), persistent=False)
        self.register_buffer("tails", torch.from_numpy(tails.astype(index)), persistent=False)
        self.register_buffer("reverse", torch.from_numpy((many * graph.nnz + reverse).ravel()), persistent=False)

    def sums(self, weights: Tensor, nodes: Tensor) -> Tensor:
        """sum over the edges of each head of weight [KE] x tail's row of nodes [Kn, c], as [Kn, c]."""
        return cast("Tensor", _Sums.apply(self, weights, nodes))  # type: ignore[no-untyped-call]

    def products(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Dot product of the rows of heads [Kn, c] and tails [Kn, c] at the ends of each edge, [KE]."""
        return cast("Tensor", _Products.apply(self, heads, tails))  # type: ignore[no-untyped-call]

    def matrix(self, weights: Tensor) -> Tensor:
        size = (len(self.starts) - 1,) * 2
        return torch.sparse_csr_tensor(self.starts, self.tails, weights, size, check_invariants=False)

    def turned(self, weights: Tensor) -> Tensor:
        """The transpose of `matrix`: every edge has one that leads back."""
        return self.matrix(weights.index_select(0, self.reverse))


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, edges: Edges, weights: Tensor, nodes: Tensor) -> Tensor:
        ctx.edges = edges
        ctx.save_for_backward(weights, nodes)
        return edges.matrix(weights) @ nodes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        edges: Edges = ctx.edges
        weights, nodes = ctx.saved_tensors
        of_weights = _products(edges, gradient, nodes) if ctx.needs_input_grad[1] else None
        of_nodes = edges.turned(weights) @ gradient if ctx.needs_input_grad[2] else None
        return None, of_weights, of_nodes


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, edges: Edges, heads: Tensor, tails: Tensor) -> Tensor:
        ctx.edges = edges
        ctx.save_for_backward(heads, tails)
        return _products(edges, heads, tails)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor]:
        edges: Edges = ctx.edges
        heads, tails = ctx.saved_tensors
        return None, edges.matrix(gradient) @ tails, edges.turned(gradient) @ heads


def _products(edges: Edges, heads: Tensor, tails: Tensor) -> Tensor:
    nothing = edges.matrix(heads.new_zeros(len(edges.tails)))
    found: Tensor = torch.sparse.sampled_addmm(nothing, heads, tails.T, beta=0.0).values()
    return found
