"""Metrics of what was met, of one batch of users. Every function is pure and takes what `Measuring` gathers; metrics.py
defines them.

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


def precision(hits: Tensor, sizes: Tensor, cutoff: int) -> Tensor:
    """Precision@P = hits in the first P / P, [B], also where fewer than P items are left to rank."""
    return hits[:, :cutoff].sum(1).double() / cutoff


def hit_rate(hits: Tensor, sizes: Tensor, cutoff: int) -> Tensor:
    """1 where one of the first P is a test item, [B]."""
    return hits[:, :cutoff].any(1).double()


def reciprocal_rank(hits: Tensor, sizes: Tensor, cutoff: int) -> Tensor:
    """1 / rank of the first hit, [B]; 0 where none is among the first P."""
    return (hits[:, :cutoff] / _ranks(hits, cutoff)).amax(1)


def average_precision(hits: Tensor, sizes: Tensor, cutoff: int) -> Tensor:
    """AP@P, [B]: sum over hits of the precision at their rank, over min(P, |test|), so that a perfect list has 1
    (McFee et al., "The Million Song Dataset Challenge", WWW 2012). Not over |test|, as some papers do."""
    found = hits[:, :cutoff].double()
    precisions = found.cumsum(1) / _ranks(hits, cutoff)
    return (found * precisions).sum(1) / sizes.clamp(max=cutoff)


def _ranks(hits: Tensor, cutoff: int) -> Tensor:
    return torch.arange(1, cutoff + 1, dtype=torch.float64, device=hits.device)


RANKING_METRICS = {
    "recall": recall,
    "ndcg": ndcg,
    "precision": precision,
    "hit": hit_rate,
    "mrr": reciprocal_rank,
    "map": average_precision,
}
