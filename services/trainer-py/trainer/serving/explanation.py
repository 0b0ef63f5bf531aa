"""What speaks for an item: the interests it serves, and the items of the history behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..contract.recommender import Histories
from ..kernels.mixture import fused_for

MOST_BECAUSE = 3

# Strengths in memory at once: 8 M floats are 32 MiB.
MOST_STRENGTHS = 8_000_000


def shares_of(terms: Tensor) -> Tensor:
    """Share of each interest in the score of each item, [..., M, K] in float64, rows sum to 1; `terms` [..., K, M]."""
    terms = terms.mT.double()
    total = terms.sum(dim=-1, keepdim=True)
    # An item no interest speaks for (all terms underflow) belongs to all alike.
    return torch.where(total > 0, terms / total, torch.full_like(terms, 1 / terms.shape[-1]))


def left_by_path(shares: np.ndarray, linear: np.ndarray | None) -> np.ndarray:
    """Shares of the interests [..., M, K] as they are told: of what a linear path [..., M] leaves them."""
    return shares if linear is None else shares * (1 - linear[..., None])


def because_of(
    batch: Histories, items: Tensor, vectors: Tensor, item_shares: Tensor | None, history_shares: Tensor | None
) -> Tensor:
    """Up to three items of each person's history that speak most for each of `items` [B, M], as [B, M, 3]: columns,
    strongest first, -1 where there is none.

    With i an item, k* = argmax_k share(i, k) its dominant interest and l an item of the history,
        strength(l, i) = history_share(l, k*) · cos(v_l, v_i)
    that is: close to the item, and part of the interest through which the item was recommended. Without interests the
    strength is the cosine alone. Only positive strengths count, and an item never stands for itself; ties go to the
    lower column. `vectors` [N, d] has unit rows; `item_shares` [B, M, K], `history_shares` [nnz, K]. -1 in `items` is
    nothing, and nothing speaks for it.
    """
    if fused_for(vectors) is not None:
        return _compiled_because_of(batch, items, vectors, item_shares, history_shares)

    def strength_of(part: _Part) -> Tensor:
        strength = vectors[part.items.clamp(min=0)] @ vectors[part.history.clamp(min=0)].mT
        if item_shares is not None and history_shares is not None:
            belonging = history_shares[part.entries][part.place].mT  # [b, K, H]
            people = torch.arange(len(belonging), device=items.device)[:, None]
            strength *= belonging[people, item_shares[part.people].max(dim=2).indices]
        return strength

    return _strongest(batch, items, strength_of)


def _compiled_because_of(
    batch: Histories, items: Tensor, vectors: Tensor, item_shares: Tensor | None, history_shares: Tensor | None
) -> Tensor:
    from ..kernels.reasons import strongest

    because = torch.full((*items.shape, MOST_BECAUSE), -1, dtype=torch.int64)
    if item_shares is not None and history_shares is not None:
        interests, belonging = item_shares.max(dim=2).indices, history_shares.contiguous()
    else:
        interests, belonging = torch.zeros_like(items), torch.ones(len(batch.indices), 1)
    arrays = (batch.indptr, batch.indices, belonging, vectors, items.contiguous(), interests, because)
    strongest(*(array.numpy() for array in arrays))
    return because


def because_of_contributions(
    batch: Histories, items: Tensor, contributions: Callable[[Histories, Tensor], Tensor]
) -> Tensor:
    """As `because_of`, of a model whose score is a sum over the history: the strength is what an item adds to it."""

    def strength_of(part: _Part) -> Tensor:
        indptr = batch.indptr[part.people.start : part.people.stop + 1]
        people = Histories(batch.users[part.people], indptr - indptr[0], batch.indices[part.entries])
        return contributions(people, part.items.clamp(min=0))[part.place].mT

    return _strongest(batch, items, strength_of)


@dataclass(frozen=True)
class _Part:
    """Some people. items [b, M]; history [b, H] columns, -1 beyond a person's own; place [b, H] of these columns among
    the entries of these people, 0 beyond."""

    people: slice
    entries: slice
    items: Tensor
    history: Tensor
    place: Tensor


def _strongest(batch: Histories, items: Tensor, strength_of: Callable[[_Part], Tensor]) -> Tensor:
    """The items of the histories with the largest strengths [b, M, H], as `because_of`."""
    because = torch.full((*items.shape, MOST_BECAUSE), -1, dtype=torch.int64, device=items.device)
    for people in _chunks(batch, items.shape[1]):
        indptr = batch.indptr[people.start : people.stop + 1]
        entries = slice(int(indptr[0]), int(indptr[-1]))
        place, held = _places(indptr - indptr[0])
        history = batch.indices[entries][place].masked_fill(~held, -1)
        part = _Part(people, entries, items[people], history, place)
        strength = strength_of(part) * held[:, None, :]
        _forget_itself(strength, part.items, history)
        for rank in range(min(MOST_BECAUSE, strength.shape[2])):
            best, at = strength.max(dim=2)  # the first of equal ones
            found = history.gather(1, at)
            because[people, :, rank] = torch.where((best > 0) & (part.items >= 0), found, -1)
            strength.scatter_(2, at[:, :, None], 0.0)
    return because


def _chunks(batch: Histories, items: int) -> Iterator[slice]:
    """Neighbouring people, as many as fit MOST_STRENGTHS, but at least one."""
    start, longest = 0, 1
    for person, size in enumerate(batch.indptr.diff().tolist()):
        longest = max(longest, size)
        if person > start and (person + 1 - start) * longest * items > MOST_STRENGTHS:
            yield slice(start, person)
            start, longest = person, max(1, size)
    if len(batch) > start:
        yield slice(start, len(batch))


def _places(indptr: Tensor) -> tuple[Tensor, Tensor]:
    """Where the entries of ragged rows are, [b, H] with H the longest row's, and which of these places are real."""
    sizes = indptr.diff()[:, None]
    steps = torch.arange(int(sizes.max()), device=indptr.device)
    held = steps < sizes
    return (indptr[:-1, None] + steps).masked_fill(~held, 0), held


def _forget_itself(strength: Tensor, items: Tensor, history: Tensor) -> None:
    """Takes the strength of what stands for itself; found by search, as histories ascend."""
    if history.shape[1] == 0:
        return
    ascending = history.masked_fill(history < 0, torch.iinfo(torch.int64).max)
    place = torch.searchsorted(ascending, items).clamp(max=history.shape[1] - 1)
    itself = ascending.gather(1, place) == items
    place = place[:, :, None]
    strength.scatter_(2, place, strength.gather(2, place).masked_fill(itself[:, :, None], 0.0))
