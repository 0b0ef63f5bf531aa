"""What is asked about recommendations, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from .explanation import left_by_path
from .person import Columns, Person

Weights = np.ndarray[tuple[int], np.dtype[np.float32]]


@dataclass(frozen=True)
class Question:
    """
    excluded   columns that are never answered, ascending
    explain    whether the items of the history that are behind an answer are named
    weights    [K] of the interests inside the score; None: nothing is steered
    calibrate  0 (not at all) to 1: how far the list's shares of interests follow the person's (`calibration`)
    shelves    whether a list an interest is answered besides
    against    the question whose list is compared with this one's
    """

    person: Person
    n: int
    excluded: Columns
    explain: bool = False
    weights: Weights | None = None
    calibrate: float = 0.0
    shelves: bool = False
    against: Question | None = None


def left_out(
    items: int, parts: Sequence[Columns], candidates: Columns | None = None, allowed: np.ndarray | None = None
) -> Columns:
    """`excluded` of a question about so many items: what is in one of the parts, each ascending, or no candidate (where
    there are some), or not `allowed` [N] (where that is given)."""
    if candidates is None and allowed is None:
        some = [part for part in parts if part.size]
        return some[0] if len(some) == 1 else np.unique(np.concatenate([*some, np.empty(0, np.int64)]))
    kept = np.ones(items, dtype=bool) if allowed is None else allowed.copy()
    if candidates is not None:
        named = np.zeros(items, dtype=bool)
        named[candidates] = True
        kept &= named
    for part in parts:
        kept[part] = False
    return np.flatnonzero(~kept)


@dataclass(frozen=True)
class Ranked:
    """shares  [K], empty without interests; because  item columns, strongest first; linear  share of a linear path, of
    which the interests share what is left, None without one."""

    column: int
    score: float
    shares: list[float]
    because: list[int]
    linear: float | None = None


@dataclass(frozen=True)
class RankedList:
    """Best first: columns [m] int64; scores [m] float32; shares [m, K] among the interests, K = 0 without; because
    [m, 3] columns, strongest first and -1 where there is none, [m, 0] unless asked for; linear [m] share of a linear
    path in the whole score, None without one."""

    columns: np.ndarray
    scores: np.ndarray
    shares: np.ndarray
    because: np.ndarray
    linear: np.ndarray | None = None

    def at(self, places: np.ndarray | slice) -> RankedList:
        """The items at these places, in their order."""
        linear = None if self.linear is None else self.linear[places]
        return RankedList(self.columns[places], self.scores[places], self.shares[places], self.because[places], linear)

    def items(self) -> Iterator[Ranked]:
        arrays = (self.columns, self.scores, left_by_path(self.shares, self.linear), self.because)
        linear = [None] * len(self.columns) if self.linear is None else self.linear.tolist()
        for column, score, shares, because, path in zip(*(array.tolist() for array in arrays), linear, strict=True):
            yield Ranked(column, score, shares, [reason for reason in because if reason >= 0], path)


@dataclass(frozen=True)
class Change:
    """An item that is in one list and not in another, and the interest that did it (-1 without interests)."""

    column: int
    interest: int


@dataclass(frozen=True)
class Answer:
    """shelves  interests with their lists; entered and left  against the other question's list; seconds  that the model
    computed for the batch with this question."""

    ranked: RankedList
    shelves: list[tuple[int, RankedList]] = field(default_factory=list)
    entered: list[Change] = field(default_factory=list)
    left: list[Change] = field(default_factory=list)
    seconds: float = 0.0
