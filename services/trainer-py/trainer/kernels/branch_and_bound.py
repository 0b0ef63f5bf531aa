"""Exact top-n of VALID's mixture without scoring the catalogue, compiled by numba.

An item's score log p = log sum_k A_k exp(s_k) is a log-mean of the decoder's logits under weights A that sum to 1, so
it is never above max_k s_k. Whoever keeps the n best so far computes A, with its dot products and exponentials, only
for the few items whose bound is above the worst of them; the others cost one comparison.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy import float32, int64
from numpy.typing import NDArray

from .fused import _FAST, _compiled, _exp


@njit(inline="always", fastmath=_FAST)
def _log_p(prototypes: NDArray[float32], item: NDArray[float32], logits: NDArray[float32]) -> float32:
    """prototypes [K, d] over their temperature, item [d], logits s [K]."""
    whole, mixed = np.float32(0), np.float32(0)
    for k in range(len(prototypes)):
        b = np.float32(0)
        for place in range(len(item)):
            b += prototypes[k, place] * item[place]
        a = _exp(b)
        whole += a
        mixed += a * _exp(logits[k])
    return np.float32(np.log(mixed / whole))


@njit(inline="always")
def _insert(values: NDArray[float32], columns: NDArray[int64], value: float32, column: int) -> None:
    """Into a row that is sorted, best first; after its equals, which have lower columns."""
    place = len(values) - 1
    while place > 0 and values[place - 1] < value:
        values[place] = values[place - 1]
        columns[place] = columns[place - 1]
        place -= 1
    values[place] = value
    columns[place] = column


@_compiled
def search_tile(
    logits: NDArray[float32],
    prototypes: NDArray[float32],
    items: NDArray[float32],
    first_item: int,
    hidden_indptr: NDArray[int64],
    hidden: NDArray[int64],
    values: NDArray[float32],
    columns: NDArray[int64],
) -> None:
    """Takes a tile's items into the best n of each user, in place.

    logits s [u, K, T]; prototypes [u, K, d] or [1, K, d] over their temperature; items Hn [T, d], of which the first is
    column `first_item`; hidden[hidden_indptr[u]:hidden_indptr[u+1]] ascending columns that are left out; values,
    columns [u, n] best first, -inf where none is yet.
    """
    users, interests, width = logits.shape
    bounds = np.empty(width, np.float32)
    for u in range(users):
        bounds[:] = logits[u, 0]
        for k in range(1, interests):
            for t in range(width):
                bounds[t] = max(bounds[t], logits[u, k, t])
        mine = hidden[hidden_indptr[u] : hidden_indptr[u + 1]]
        for place in range(np.searchsorted(mine, first_item), len(mine)):
            if mine[place] >= first_item + width:
                break
            bounds[mine[place] - first_item] = -np.inf
        own = prototypes[u if len(prototypes) > 1 else 0]
        least = values[u, -1]
        for t in range(width):
            if bounds[t] > least:
                value = _log_p(own, items[t], logits[u, :, t])
                if value > least:
                    _insert(values[u], columns[u], value, first_item + t)
                    least = values[u, -1]
