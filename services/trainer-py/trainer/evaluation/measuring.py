"""From the lists of some users at a time to what is measured of one split under one rule."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn.functional import pad

from ..events import MetricGroup
from .groups import GROUPS, ByPopularity, by_activity, of_lists, thirds_of_users
from .list_metrics import CATALOGUE_METRICS, LIST_METRICS
from .means import mean_of
from .ranking_metrics import RANKING_METRICS
from .reference import Reference
from .user_values import MOST_TOP


@dataclass(frozen=True)
class Asked:
    """U users in a split of a dataset with N items, for a model with M items.

    part       [U, N] what each has in the split
    truth      [U, M] the same in the model's columns: less, where it does not know an item
    column_of  [M] the dataset's column of each of the model's, -1 where it has none; None: they are the same
    """

    part: csr_matrix
    truth: csr_matrix
    column_of: np.ndarray | None
    reference: Reference


@dataclass(frozen=True)
class Measured:
    """users    [U] int64                        rows of those with an item in the split, ascending
    columns  {"recall@20": [U] float64, ...}  a value of each
    metrics  {"recall@20": ...}               their means and the metrics of all lists together; NaN where U is 0
    top      [U, P] int32                     as user_values.py keeps it; no rows unless it was asked for
    groups                                    none unless they were asked for
    """

    users: np.ndarray
    columns: dict[str, np.ndarray]
    metrics: dict[str, float]
    top: np.ndarray
    groups: list[MetricGroup]


class Measuring:
    """Takes the lists of each user with an item in the split once, in batches of any size, and tells what came of it.
    What no metric needs is not computed. `in_detail`: with groups and the first items of lists."""

    def __init__(self, asked: Asked, metrics: Sequence[str], cutoffs: Sequence[int], *, in_detail: bool) -> None:
        self._asked, self._metrics, self._cutoffs = asked, metrics, cutoffs
        self._depth = max(cutoffs)
        self._sizes = np.diff(asked.part.indptr)
        self.users = np.flatnonzero(self._sizes)
        names = self._named([*RANKING_METRICS, *LIST_METRICS])
        self._columns = {name: np.zeros(len(self.users)) for name in names}
        needed = cutoffs if set(metrics) & CATALOGUE_METRICS.keys() else ()
        self._counts = {cutoff: np.zeros((len(GROUPS), asked.part.shape[1]), np.int64) for cutoff in needed}
        self._history = np.diff(asked.reference.dataset.history.indptr)[self.users]
        self._thirds = thirds_of_users(self._history)
        self._in_detail = in_detail
        self._needs_lists = in_detail or not set(metrics) <= RANKING_METRICS.keys()
        self._top = np.full((len(self.users) if in_detail else 0, min(self._depth, MOST_TOP)), -1, np.int32)
        if in_detail:
            self._by_popularity = ByPopularity(asked.reference, asked.part, metrics, cutoffs)

    def add(self, rows: np.ndarray, columns: Tensor) -> None:
        """Users [B], and the model's columns at ranks 1..P [B, P], -1 where no item is left."""
        has = self._sizes[rows] > 0
        rows, columns = rows[has], columns[torch.from_numpy(has).to(columns.device)]
        places = np.searchsorted(self.users, rows)
        short = (0, self._depth - columns.shape[1])
        hits = pad(_hits(columns, self._asked.truth[rows]), short)
        sizes = torch.from_numpy(self._sizes[rows]).to(hits.device).long()
        for name, cutoff in self._pairs(RANKING_METRICS):
            values = RANKING_METRICS[name](hits, sizes, cutoff)
            self._columns[f"{name}@{cutoff}"][places] = values.cpu().numpy()
        if self._needs_lists:
            lists = pad(columns, short, value=-1).cpu().numpy()
            if self._asked.column_of is not None:
                lists = np.where(lists >= 0, self._asked.column_of[lists], -1)
            self._add_lists(rows, places, lists, hits)

    def _add_lists(self, rows: np.ndarray, places: np.ndarray, lists: np.ndarray, hits: Tensor) -> None:
        """`lists` [B, P] of the dataset's columns."""
        for name, cutoff in self._pairs(LIST_METRICS):
            values = LIST_METRICS[name](lists, rows, cutoff, self._asked.reference)
            self._columns[f"{name}@{cutoff}"][places] = values
        for cutoff, counts in self._counts.items():
            first = lists[:, :cutoff]
            cells = self._thirds[places, None] * counts.shape[1] + first
            counts += np.bincount(cells[first >= 0], minlength=counts.size).reshape(counts.shape)
        if self._in_detail:
            self._top[places] = lists[:, : self._top.shape[1]]
            self._by_popularity.add(rows, lists, hits)

    def ended(self) -> Measured:
        together = of_lists(self._metrics, {cutoff: counts.sum(0) for cutoff, counts in self._counts.items()})
        metrics = {}
        for name in self._named([*RANKING_METRICS, *LIST_METRICS, *CATALOGUE_METRICS]):
            if name in together:
                metrics[name] = together[name] if len(self.users) else math.nan
            else:
                metrics[name] = mean_of(self._columns[name])
        groups = []
        if self._in_detail:
            groups = by_activity(self._history, self._columns, self._metrics, self._counts)
            groups += self._by_popularity.ended(self.users, self._counts)
        return Measured(self.users, self._columns, metrics, self._top, groups)

    def _named(self, kind: Container[str]) -> list[str]:
        """With their cut-offs, the metrics that are asked for and of this kind."""
        return [f"{name}@{cutoff}" for name, cutoff in self._pairs(kind)]

    def _pairs(self, kind: Container[str]) -> list[tuple[str, int]]:
        return [(name, cutoff) for cutoff in self._cutoffs for name in self._metrics if name in kind]


def _hits(top: Tensor, part: csr_matrix) -> Tensor:
    """Whether each ranked item [B, P] is in the user's row of `part`: one search in its sorted (user, item) keys.
    -1, no item, is in no row."""
    items = part.shape[1]
    rows = np.repeat(np.arange(part.shape[0], dtype=np.int64), np.diff(part.indptr))
    keys = torch.from_numpy(np.sort(rows * items + part.indices)).to(top.device)
    if len(keys) == 0:
        return torch.zeros_like(top, dtype=torch.bool)
    asked = torch.arange(len(top), device=top.device)[:, None] * items + top
    place = torch.searchsorted(keys, asked).clamp(max=len(keys) - 1)
    found: Tensor = (keys[place] == asked) & (top >= 0)
    return found
