"""How much lists have in common: equal means can hide that every seed recommends something else.

Francomano et al., RobustRecSys 2024.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from .drawing import Steps
from .measured import Group


def common(a: np.ndarray, b: np.ndarray, depth: int) -> float:
    """Mean over users of the part of the first `depth` items that both lists [U, P] have; -1 is no item."""
    own, other = a[:, :depth], b[:, :depth]
    own = np.where(own < 0, -2, own)
    both = sum(np.count_nonzero(own == other[:, [rank]]) for rank in range(depth))
    return float(both / (depth * max(len(a), 1)))


def between(group: Group, other: Group, depth: int, steps: Steps) -> float:
    """Mean over all pairs of their runs."""
    return _mean([(a, b) for a, b in product(group.tops, other.tops)], depth, steps)


def within(group: Group, depth: int, steps: Steps) -> float:
    """Mean over the pairs of its runs; NaN with one."""
    return _mean(list(combinations(group.tops, 2)), depth, steps)


def _mean(pairs: list[tuple[np.ndarray, np.ndarray]], depth: int, steps: Steps) -> float:
    values = []
    for a, b in pairs:
        values.append(common(a, b, depth))
        steps.take(0)
    return float(np.mean(values)) if values else np.nan
