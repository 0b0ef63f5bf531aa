"""Rows of different lengths: row b is entries[indptr[b]:indptr[b+1]], with indptr [B+1] and entries [n]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag


def owners(indptr: Tensor) -> Tensor:
    """Row of each entry, [n]."""
    return torch.arange(len(indptr) - 1, device=indptr.device).repeat_interleave(indptr.diff())


def rows_without(indptr: Tensor, entries: Tensor, rows: Tensor, left_out: Tensor) -> tuple[Tensor, Tensor]:
    """The chosen `rows` [C], each without the entries equal to its own of `left_out` [C]; again indptr and entries."""
    sizes = indptr[rows + 1] - indptr[rows]
    ends = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])  # [C+1]
    shift = (indptr[rows] - ends[:-1]).repeat_interleave(sizes)
    chosen = entries[torch.arange(len(shift), device=shift.device) + shift]
    kept = chosen != left_out.repeat_interleave(sizes)
    counts = torch.cat([sizes.new_zeros(1), kept.cumsum(0)])
    return counts[ends], chosen[kept]


def softmax_of_rows(indptr: Tensor, logits: Tensor) -> Tensor:
    """Softmax within each row, [n]; `logits` [n]. Rows without entries are no trouble."""
    owner, rows = owners(indptr), len(indptr) - 1
    largest = logits.new_full((rows,), -torch.inf).scatter_reduce(0, owner, logits.detach(), "amax")
    powers = torch.exp(logits - largest[owner])
    return powers / powers.new_zeros(rows).index_add(0, owner, powers).index_select(0, owner)


def products_with_own(indptr: Tensor, entries: Tensor, vectors: Tensor, table: Tensor) -> Tensor:
    """Dot products of each row's K vectors [B, K, d] with the rows of `table` [N, d] that its entries name, [n, K].

    `embedding` in place of an index: its backward pass adds in a fixed order on every number of threads.
    """
    mine = embedding(owners(indptr), vectors.flatten(1)).view(-1, *vectors.shape[1:])  # [n, K, d]
    return (mine @ embedding(entries, table)[:, :, None]).squeeze(-1)


def mean_shares(indptr: Tensor, shares: Tensor) -> Tensor:
    """Mean over each row's entries of shares [n, K] that sum to 1, [B, K]; all alike where a row has none."""
    sizes = indptr.diff()[:, None]
    sums = shares.new_zeros(len(sizes), shares.shape[1]).index_add(0, owners(indptr), shares)
    return torch.where(sizes > 0, sums / sizes.clamp(min=1), 1 / shares.shape[1])


def sums_of_rows(indptr: Tensor, weights: Tensor, vectors: Tensor) -> Tensor:
    """sum over each row's entries of weights [n, K] x vectors [n, d], as [B, K, d]."""
    n, kinds = weights.shape
    order = torch.arange(n, device=weights.device)
    starts = indptr[:-1]
    sums = [
        embedding_bag(order, vectors, starts, mode="sum", per_sample_weights=weights[:, k].contiguous())
        for k in range(kinds)
    ]
    return torch.stack(sums, dim=1)
