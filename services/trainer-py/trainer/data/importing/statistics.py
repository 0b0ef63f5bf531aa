"""What a dataset says of itself: how many users, items and interactions, and from when to when they were."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from ..dataset import NO_TIME
from .matrices import Times


def counted(parts: dict[str, csr_matrix]) -> dict[str, Any]:
    whole = sum(parts.values())
    users, items = whole.shape
    return {
        "users": users,
        "items": items,
        "interactions": whole.nnz,
        **{name: part.nnz for name, part in parts.items()},
        "density": whole.nnz / (users * items),
        "user_degrees": _histogram(np.diff(whole.indptr)),
        "item_degrees": _histogram(np.bincount(whole.indices, minlength=items)),
    }


def times_of_parts(
    parts: dict[str, csr_matrix], times: dict[str, Times], users: np.ndarray, items: np.ndarray
) -> dict[str, np.ndarray] | None:
    """Of each part in the order in which it is written; None where no interaction has a time. A part that was given has
    times of its own."""
    at_of = {}
    for name, part in parts.items():
        part.sort_indices()
        whole = times.get("interactions", times.get(name))
        at_of[name] = np.full(part.nnz, NO_TIME) if whole is None else whole.of(part, users, items)
    return at_of if any((at != NO_TIME).any() for at in at_of.values()) else None


def times_of_pairs(pairs: csr_matrix, times: dict[str, Times], users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Of pairs of any part, in their order; `users` and `items`: their rows and columns among all that were read."""
    pairs.sort_indices()
    at = np.full(pairs.nnz, NO_TIME)
    for one in times.values():
        at = np.maximum(at, one.of(pairs, users, items))
    return at


def span(at_of: dict[str, np.ndarray], forms: set[str]) -> dict[str, Any]:
    known = [at[at != NO_TIME] for at in at_of.values()]
    return {
        "from_ms": min(int(at.min()) for at in known if len(at)),
        "to_ms": max(int(at.max()) for at in known if len(at)),
        "form": ", ".join(sorted(forms)),
        "unknown": sum(map(len, at_of.values())) - sum(map(len, known)),
    }


def _histogram(degrees: np.ndarray) -> list[dict[str, int]]:
    """Bins 1, 2-3, 4-7, 8-15, ... up to the largest degree."""
    bins = np.bincount(np.log2(np.maximum(degrees, 1)).astype(int))
    return [{"low": 1 << b, "high": (2 << b) - 1, "count": int(count)} for b, count in enumerate(bins)]
