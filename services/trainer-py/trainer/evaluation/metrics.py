"""Ranking metrics of one user batch. Every function is pure and takes what `evaluate` gathers.

hits  [B, P] bool   whether the item at rank 1..P is a test item of the user
sizes [B]    int    number of test items of the user, at least 1
"""

from __future__ import annotations

import torch
from torch import Tensor


def recall(hits: Tensor, sizes: Tensor, cutoff: int) -> Tensor:
    """Recall@P = hits in the first P / |test items|, [B]. Not divided by min(P, |test|), as some papers do."""
    return hits[:, :cutoff].sum(1).double() / sizes


def ndcg(hits: Tensor, sizes: Tensor, cutoff: int) -> Tensor:
    """Binary NDCG@P, [B]: sum of 1 / log2(rank + 1) over hits, over that of an ideal list of min(P, |test|) hits."""
    discounts = 1 / torch.log2(torch.arange(2, cutoff + 2, dtype=torch.float64, device=hits.device))
    gains = (hits[:, :cutoff] * discounts).sum(1)
    ideal = discounts.cumsum(0)[sizes.clamp(max=cutoff) - 1]
    return gains / ideal


METRICS = {"recall": recall, "ndcg": ndcg}
