"""What speaks for an item: the interests it serves, and the items of the history behind it."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_BECAUSE = 3


def shares_of(terms: Tensor) -> Tensor:
    """Share of each interest in the score of each item, [M, K] in float64, rows sum to 1; from `terms` [K, M]."""
    terms = terms.T.double()
    total = terms.sum(dim=1, keepdim=True)
    # An item no interest speaks for (all terms underflow) belongs to all alike.
    return torch.where(total > 0, terms / total, torch.full_like(terms, 1 / terms.shape[1]))


def because_of(
    items: Tensor, history: Tensor, vectors: Tensor, item_shares: Tensor | None, history_shares: Tensor | None
) -> list[list[int]]:
    """For each of `items` [M], up to three positions in `history` [H] that speak most for it, strongest first.

    With i an item, k* = argmax_k share(i, k) its dominant interest and l an item of the history,
        strength(l, i) = history_share(l, k*) · cos(v_l, v_i)
    that is: close to the item, and part of the interest through which the item was recommended. Without interests the
    strength is the cosine alone. Only positive strengths count, and an item never stands for itself; ties go to the
    lower column. `vectors` [N, d] has unit rows; `item_shares` [M, K], `history_shares` [H, K].
    """
    strength = (vectors[items] @ vectors[history].T).double()
    if item_shares is not None and history_shares is not None:
        strength = strength * history_shares.double()[:, item_shares.argmax(dim=1)].T
    strength.masked_fill_(items[:, None] == history[None, :], 0.0)
    values, order = strength.sort(dim=1, descending=True, stable=True)
    values, order = values[:, :MOST_BECAUSE], order[:, :MOST_BECAUSE]
    return [
        [place for place, value in zip(places, row, strict=True) if value > 0]
        for places, row in zip(order.tolist(), values.tolist(), strict=True)
    ]
