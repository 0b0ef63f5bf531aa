"""Users drawn with replacement, some at a time, and how far that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

# Draws times users, or columns, of one batch: some arrays of 8 bytes each are this large.
CELLS = 4_000_000


class Steps:
    """Counts what is done of all that is to do, and tells it."""

    def __init__(self, total: int, tell: Callable[[int, int], None]) -> None:
        self._total, self._tell = total, tell
        self._done = 0

    def take(self, steps: int) -> None:
        self._done = min(self._done + steps, self._total)
        self._tell(self._done, self._total)


def batches(draws: int, users: int, columns: int) -> Iterator[int]:
    """Sizes of batches that make up all draws."""
    at_once = draws_at_once(max(users, columns))
    for start in range(0, draws, at_once):
        yield min(at_once, draws - start)


def draws_at_once(wide: int) -> int:
    return max(1, CELLS // wide)


def chunks(columns: int, users: int, draws: int) -> list[slice]:
    """Of columns for which all draws are kept at once."""
    at_once = max(1, CELLS // max(users, draws))
    return [slice(start, min(start + at_once, columns)) for start in range(0, columns, at_once)]


def drawn_means(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Means [B, C] of values [U, C] over the users that are drawn, rows [B, n] of 0..U-1."""
    draws, users = len(rows), len(values)
    places = rows + np.arange(draws)[:, None] * users
    times = np.bincount(places.ravel(), minlength=draws * users).reshape(draws, users)
    means: np.ndarray = times.astype(np.float64) @ values / rows.shape[1]
    return means
