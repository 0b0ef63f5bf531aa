"""The lists of many users of a checkpoint, as fast as an evaluation ranks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, vstack

from ..checkpoint import LoadedCheckpoint
from ..lists import Lists
from ..person import columns_of
from .live import LiveRows

# Users of one batch, as in an evaluation; and recommendations and hidden entries of one, which bound its memory.
MOST_USERS = 1024
MOST_RECOMMENDATIONS = 1 << 15
MOST_HIDDEN = 1 << 24


class Ranker:
    """Leaves out what a user has seen (training, validation, test and since) and what nobody is recommended. With live
    rows everybody is ranked by their whole history, as a deployment with a feed answers."""

    def __init__(
        self, served: LoadedCheckpoint, n: int, explain: bool, hidden: tuple[str, ...], live: LiveRows | None = None
    ) -> None:
        data = served.dataset
        self._served, self._n, self._explain, self._live = served, n, explain, live
        seen = data.met(slice(None))
        self._seen = vstack([seen, data.late], "csr") if data.late.shape[0] else seen
        columns, _ = columns_of(data, hidden)
        ones = np.ones(len(columns), np.float32)
        self._hidden = csr_matrix((ones, np.sort(columns), [0, len(columns)]), (1, len(data.items)))
        room = (served.scored_at_once, MOST_RECOMMENDATIONS // n, MOST_HIDDEN // max(1, len(columns)))
        self._at_once = max(1, min(MOST_USERS, *room))

    def lists_of(self, rows: np.ndarray, progress: Callable[[int], None]) -> Lists:
        """Of these users, in float32 and int32; `progress` is told how many are done."""
        made = []
        for start in range(0, len(rows), self._at_once):
            some = rows[start : start + self._at_once]
            excluded = self._seen[some] + self._hidden[np.zeros(len(some), dtype=np.int64)]
            live = None
            if self._live is not None:
                excluded += self._live.met(some)
                live = [self._live.of(row) for row in some.tolist()]
            made.append(self._narrowed(self._served.rank_rows(some, self._n, excluded, self._explain, live=live)))
            progress(start + len(some))
        return _joined(made)

    def _narrowed(self, lists: Lists) -> Lists:
        columns = lists.columns.astype(np.int32)
        if not self._explain:
            return replace(lists, columns=columns, shares=None, because=None, linear=None)
        shares = None if lists.shares is None else lists.shares.astype(np.float32)
        because = None if lists.because is None else lists.because.astype(np.int32)
        linear = None if lists.linear is None else lists.linear.astype(np.float32)
        return replace(lists, columns=columns, shares=shares, because=because, linear=linear)


def _joined(some: list[Lists]) -> Lists:
    """At least one, all with the same arrays."""
    arrays = [field.name for field in fields(Lists) if isinstance(getattr(some[0], field.name), np.ndarray)]
    joined: dict[str, Any] = {name: np.concatenate([getattr(lists, name) for lists in some]) for name in arrays}
    return replace(some[0], **joined, seconds=sum(lists.seconds for lists in some))
