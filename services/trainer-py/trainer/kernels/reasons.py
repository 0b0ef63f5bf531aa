"""Which items of a history speak most for an item, compiled: a pair's strength is the same whoever is asked about
beside it, and nothing is stored of the pairs. Import it where `fused_for` has found the compiler."""

from __future__ import annotations

import numpy as np
from numpy import float32, int64
from numpy.typing import NDArray

from .fused import compiled


@compiled
def strongest(
    indptr: NDArray[int64],
    history: NDArray[int64],
    belonging: NDArray[float32],
    vectors: NDArray[float32],
    items: NDArray[int64],
    interests: NDArray[int64],
    because: NDArray[int64],
) -> None:
    """Fills because [B, M, R] with the R items l of history[indptr[u]:indptr[u+1]], ascending, whose strength
    belonging[l, interests[u, m]] cos(l, items[u, m]) is largest and above 0, strongest first and of equal ones the
    first; the item itself never counts. belonging [nnz, K]; vectors [N, d] unit rows; items [B, M], -1 is nothing. What
    is not filled stays."""
    users, count = items.shape
    ranks = because.shape[2]
    strengths = np.empty(ranks, np.float32)
    for u in range(users):
        for m in range(count):
            item = items[u, m]
            if item < 0:
                continue
            strengths[:] = np.float32(0)
            for place in range(indptr[u], indptr[u + 1]):
                other = history[place]
                if other == item:
                    continue
                strength = np.float32(0)
                for part in range(vectors.shape[1]):
                    strength += vectors[item, part] * vectors[other, part]
                strength *= belonging[place, interests[u, m]]
                if strength > strengths[ranks - 1]:
                    rank = ranks - 1
                    while rank > 0 and strength > strengths[rank - 1]:
                        strengths[rank] = strengths[rank - 1]
                        because[u, m, rank] = because[u, m, rank - 1]
                        rank -= 1
                    strengths[rank] = strength
                    because[u, m, rank] = other
