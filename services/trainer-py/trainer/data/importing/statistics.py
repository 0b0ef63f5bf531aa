"""What a dataset says of itself: how many users, items and interactions, and from when to when they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dataset import NO_TIME
from .interactions import COLD, Interactions


def counted(found: Interactions, names: Sequence[str], users: np.ndarray, items: np.ndarray) -> dict[str, Any]:
    """Of what is in a part, among these users and items."""
    is_in = found.part != COLD
    of_parts = {name: int(np.count_nonzero(found.part == number)) for number, name in enumerate(names)}
    interactions = sum(of_parts.values())
    return {
        "users": len(users),
        "items": len(items),
        "interactions": interactions,
        **of_parts,
        "density": interactions / (len(users) * len(items)),
        "user_degrees": _histogram(found.of_users(is_in)[users]),
        "item_degrees": _histogram(found.of_items(is_in)[items]),
    }


def has_times(found: Interactions) -> bool:
    """Whether one that is in a part has."""
    return found.at is not None and bool(((found.at != NO_TIME) & (found.part != COLD)).any())


def span(at: np.ndarray, forms: set[str]) -> dict[str, Any]:
    """Of times of which one is known."""
    known = at != NO_TIME
    return {
        "from_ms": int(np.min(at, where=known, initial=np.iinfo(np.int64).max)),
        "to_ms": int(np.max(at)),
        "form": "; ".join(sorted(forms)),
        "unknown": len(at) - int(np.count_nonzero(known)),
    }


def _histogram(degrees: np.ndarray) -> list[dict[str, int]]:
    """Bins 1, 2-3, 4-7, 8-15, ... up to the largest degree."""
    bins = np.bincount(np.log2(np.maximum(degrees, 1)).astype(int))
    return [{"low": 1 << b, "high": (2 << b) - 1, "count": int(count)} for b, count in enumerate(bins)]
