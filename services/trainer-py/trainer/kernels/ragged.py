"""Rows of different lengths: row b is entries[indptr[b]:indptr[b+1]], with indptr [B+1] and entries [n]."""

from __future__ import annotations

import torch
from torch import Tensor


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
