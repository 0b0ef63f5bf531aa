"""Dot products of each row with items that were drawn for it alone, without gathering a vector for each draw.

A pair of UltraGCN or SimpleX has 800 negatives of its own. Gathered, their vectors are written and read several times a
step; as the entries of a sparse matrix they are read where they lie, and nothing is written but their products. That is
ten times as fast on a processor (1,024 pairs with 800 of 17,000 items, d 64: 0.06 s in place of 0.67 s with gradients).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .graph import index_type


def products_with_drawn(vectors: Tensor, table: Tensor, drawn: Tensor) -> Tensor:
    """vectors [B, d] times the rows of `table` [N, d] that `drawn` [B, M] names, [B, M]; an item may come twice."""
    if drawn.shape[1] > len(table):  # the products with all items are fewer, and PyTorch takes no fuller sparse matrix
        return (vectors @ table.T).gather(1, drawn)
    return cast("Tensor", _Products.apply(vectors, table, drawn))  # type: ignore[no-untyped-call]


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, table: Tensor, drawn: Tensor) -> Tensor:
        ctx.save_for_backward(vectors, table, drawn)
        places = _matrix(_starts(drawn), drawn.flatten(), vectors.new_zeros(drawn.numel()), len(table))
        found: Tensor = torch.sparse.sampled_addmm(places, vectors, table.T, beta=0.0).values()
        return found.view_as(drawn)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        vectors, table, drawn = ctx.saved_tensors
        of_vectors = of_table = None
        if ctx.needs_input_grad[0]:
            of_vectors = _matrix(_starts(drawn), drawn.flatten(), gradient.flatten(), len(table)) @ table
        if ctx.needs_input_grad[1]:
            # The transpose by a stable sort: each sum runs along one row, in one order, on every number of threads.
            columns, order = drawn.flatten().to(_kind(drawn.numel(), len(table))).sort(stable=True)
            starts = torch.searchsorted(columns, torch.arange(len(table) + 1, device=drawn.device, dtype=columns.dtype))
            of_table = _matrix(starts, order // drawn.shape[1], gradient.flatten()[order], len(vectors)) @ vectors
        return of_vectors, of_table, None


def _starts(drawn: Tensor) -> Tensor:
    return torch.arange(0, drawn.numel() + 1, drawn.shape[1], device=drawn.device)


def _kind(*largest: int) -> torch.dtype:
    return torch.int32 if index_type(*largest) is np.int32 else torch.int64


def _matrix(starts: Tensor, columns: Tensor, values: Tensor, width: int) -> Tensor:
    kind = _kind(len(values), width)
    size = (len(starts) - 1, width)
    return torch.sparse_csr_tensor(starts.to(kind), columns.to(kind), values, size, check_invariants=False)
