"""A part of the catalogue in the place of all of it, for the normaliser of a softmax over items.

sum over l of p_l = (sum over the history) + (sum over the rest), and the rest is estimated from items that a batch
draws together: each draw l counts 1 / (S q_l), which is the logQ correction (Bengio & Senecal, 2008), and nothing where
the user has it. The estimate of the sum is unbiased; its logarithm is not, which is what the option costs in accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Sampling = Literal["uniform", "popularity"]


@dataclass(frozen=True)
class Drawn:
    """items [S] columns, drawn with replacement; weights [B, S] of each for each user."""

    items: Tensor
    weights: Tensor


def chances(train: csr_matrix, sampling: Sampling) -> Tensor:
    """q [N], sums to 1. By popularity every item counts one interaction more, so that none is out of reach."""
    items = train.shape[1]
    counts = np.bincount(train.indices, minlength=items) + 1 if sampling == "popularity" else np.ones(items)
    return torch.from_numpy((counts / counts.sum()).astype(np.float32))


def draw(count: int, q: Tensor, indptr: Tensor, indices: Tensor, generator: torch.Generator) -> Drawn:
    """For the users with ascending histories indices[indptr[b]:indptr[b+1]]."""
    items = torch.multinomial(q, count, replacement=True, generator=generator)
    users, catalogue = len(indptr) - 1, len(q)
    owner = torch.arange(users, device=q.device)
    keys = owner.repeat_interleave(indptr.diff()) * catalogue + indices  # ascending
    asked = owner[:, None] * catalogue + items
    place = torch.searchsorted(keys, asked).clamp(max=max(len(keys) - 1, 0))
    owned = keys[place] == asked if len(keys) else torch.zeros_like(asked, dtype=torch.bool)
    return Drawn(items, torch.where(owned, 0, 1 / (count * q[items])))
