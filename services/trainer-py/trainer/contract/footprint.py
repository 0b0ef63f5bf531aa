"""How much memory a run takes, said before it runs (docs/adr/0040): the words in which a model says its own part.

The figures are of what is largest, not of every byte: an estimate is to be right within a factor of 1.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "cuda"]

FLOAT = 4  # bytes of float32, which all tensors of a training are
SPARSE_ENTRY = FLOAT + 4  # of a compressed matrix: its value and its column
SCIPY_SORT_ENTRY = 48  # of a strip whose largest entries are looked for: row, order, rank and what sorting takes


@dataclass(frozen=True)
class Sizes:
    """Of a dataset with U users and N items, as its statistics tell.

    interactions  in all parts
    train         in the training part
    item_pairs    of two items that one user has, each counted once a user: X'X has no more entries
    user_pairs    of two users who have one item: XX' has no more
    """

    users: int
    items: int
    interactions: int
    train: int
    item_pairs: int
    user_pairs: int

    def history(self, users: int) -> int:
        """Training interactions of so many users, all of like length."""
        return users * self.train // max(self.users, 1)

    @property
    def items_beside(self) -> int:
        """Items that share a user with one, at most and on average: entries of a row of X'X."""
        return min(self.items, self.item_pairs // max(self.items, 1))

    @property
    def users_beside(self) -> int:
        return min(self.users, self.user_pairs // max(self.users, 1))


@dataclass(frozen=True)
class Memory:
    """Bytes of tensors, which lie on the accelerator where there is one, and of what is always in the host's memory."""

    tensors: int = 0
    host: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.tensors + other.tensors, self.host + other.host)


def largest(phases: Iterable[Memory]) -> Memory:
    """What is enough for each of several phases, one after the other."""
    every = list(phases)
    return Memory(max(phase.tensors for phase in every), max(phase.host for phase in every))
