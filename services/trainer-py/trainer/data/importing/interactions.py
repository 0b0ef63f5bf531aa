"""The interactions of an import: arrays and no matrices, so that each is held once and nothing of them is copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..dataset import FOLD_IN, PARTS

# Interactions that are worked on at a time, unless one user has more.
BLOCK = 1 << 20
NAMES = (*PARTS, FOLD_IN)
TRAIN, VALID, TEST, FOLDED = range(4)
# Of an interaction that is in no part.
COLD = -1


class Part(NamedTuple):
    """indptr  [U+1] int64; indices  [nnz] int32, ascending in each row"""

    indptr: np.ndarray
    indices: np.ndarray


@dataclass(frozen=True)
class Interactions:
    """Every pair of a user and an item once, by user, then by item.

    indptr  [U+1] int64: where those of each user begin
    items   [n] int32
    part    [n] int8: the place of its part in NAMES, or COLD
    at      [n] int64, milliseconds since 1970 UTC or NO_TIME; None where no file has times
    width   how many items there are
    """

    indptr: np.ndarray
    items: np.ndarray
    part: np.ndarray
    at: np.ndarray | None
    width: int

    def __len__(self) -> int:
        return len(self.items)

    @property
    def sizes(self) -> np.ndarray:
        """Interactions of each user [U]."""
        return np.diff(self.indptr)

    def kept(self, keep: np.ndarray) -> Interactions:
        """Those of a mask [n]; of all users and items."""
        at = None if self.at is None else self.at[keep]
        indptr = np.concatenate([[0], np.cumsum(self.of_users(keep))])
        return replace(self, indptr=indptr, items=self.items[keep], part=self.part[keep], at=at)

    def of_users(self, mask: np.ndarray) -> np.ndarray:
        """How many of a mask [n] each user has [U]."""
        counts = np.empty(len(self.indptr) - 1, np.int64)
        for users, rows in blocks(self.indptr):
            before = np.concatenate([[0], np.cumsum(mask[rows])])
            counts[users] = np.diff(before[self.indptr[users.start : users.stop + 1] - rows.start])
        return counts

    def of_items(self, mask: np.ndarray) -> np.ndarray:
        """How many of a mask [n] each item has."""
        counts = np.zeros(self.width, np.int64)
        for _, rows in blocks(self.indptr):
            counts += np.bincount(self.items[rows][mask[rows]], minlength=self.width)
        return counts

    def users_of(self, rows: np.ndarray) -> np.ndarray:
        """The user of each of these interactions."""
        return np.searchsorted(self.indptr, rows, "right") - 1

    def of_part(self, number: int, users: np.ndarray, items: np.ndarray) -> Part:
        """A part among these users and items alone, whose numbers become their places."""
        mask = self.part == number
        indptr = np.concatenate([[0], np.cumsum(self.of_users(mask)[users])])
        return Part(indptr, looked_up(places_of(items, self.width), self.items[mask]))


def places_of(kept: np.ndarray, size: int) -> np.ndarray:
    """From a number to its place among those that are kept; -1 of others."""
    places = np.full(size, -1, np.int32)
    places[kept] = np.arange(len(kept), dtype=np.int32)
    return places


def looked_up(table: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """table[numbers], for which NumPy would make 64 bits of every number at once."""
    found = np.empty(len(numbers), table.dtype)
    for start in range(0, len(numbers), BLOCK):
        found[start : start + BLOCK] = table[numbers[start : start + BLOCK]]
    return found


def blocks(indptr: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Users, and the rows that are theirs, some at a time."""
    first, users = 0, len(indptr) - 1
    while first < users:
        end = max(int(np.searchsorted(indptr, indptr[first] + BLOCK, "right")) - 1, first + 1)
        yield slice(first, end), slice(int(indptr[first]), int(indptr[end]))
        first = end
