"""The same metrics for some: by the activity of users, and by the popularity of the items they are to find.

counts  {cutoff: [3, N] int64}  of the users of each third of activity, how many have each item among the first of their
                                list; no cut-off where no metric of all lists together is asked for
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from ..events import MetricGroup
from .list_metrics import CATALOGUE_METRICS, LIST_METRICS
from .means import mean_of
from .ranking_metrics import RANKING_METRICS
from .reference import Reference

GROUPS = ("low", "middle", "high")


def thirds_of_users(history: np.ndarray) -> np.ndarray:
    """Third 0, 1 or 2 of each measured user [U] by their interactions in training [U]. Users with as many are in the
    same third, so that sizes differ and one may have nobody."""
    if len(history) == 0:
        return np.zeros(0, np.int64)
    ascending = np.sort(history)
    ends = [ascending[(len(history) * part + 2) // 3 - 1] for part in (1, 2)]
    return np.searchsorted(ends, history)


def by_activity(
    history: np.ndarray, columns: dict[str, np.ndarray], metrics: Sequence[str], counts: dict[int, np.ndarray]
) -> list[MetricGroup]:
    """Those thirds of the measured users that have somebody, with the means of their values [U] and what holds of their
    lists together."""
    third = thirds_of_users(history)
    groups = []
    for number, name in enumerate(GROUPS):
        has = third == number
        if has.any():
            means = {metric: mean_of(values[has]) for metric, values in columns.items()}
            means |= of_lists(metrics, {cutoff: of_cutoff[number] for cutoff, of_cutoff in counts.items()})
            first, last = int(history[has].min()), int(history[has].max())
            groups.append(MetricGroup("activity", name, first, last, int(has.sum()), means))
    return groups


def of_lists(metrics: Sequence[str], counts: dict[int, np.ndarray]) -> dict[str, float]:
    """Metrics of all lists together, of how many of them each item is in: {cutoff: [N]}."""
    return {
        f"{name}@{cutoff}": CATALOGUE_METRICS[name](of_cutoff)
        for cutoff, of_cutoff in counts.items()
        for name in metrics
        if name in CATALOGUE_METRICS
    }


# Of fewer items of a third in a list it has nothing to say.
FEWEST = {"diversity": 2}


class ByPopularity:
    """Gathers, batch by batch, how well items of each third of popularity are found: those that users have in the
    measured part are held against the hits among them, for users with one. Metrics of lists are of the items of the
    third that are among the first P, for users with one there (diversity: two). What holds of all lists together is
    held against the items of the third, whoever has them in the measured part. Each third of the items has about a
    third of the training interactions; items with as many are in the same one."""

    def __init__(self, reference: Reference, part: csr_matrix, metrics: Sequence[str], cutoffs: Sequence[int]) -> None:
        """Of N items; part  [U, N] what users have in the measured part"""
        self._reference = reference
        self._popularity = reference.popularity
        self._third = thirds_of_interactions(self._popularity)
        self._metrics = metrics
        self._sizes = np.asarray(part @ np.eye(len(GROUPS))[self._third]).astype(np.int64)  # [U, 3]
        self._asked = [(name, cutoff) for cutoff in cutoffs for name in metrics if name in RANKING_METRICS]
        self._asked_of_lists = [(name, cutoff) for cutoff in cutoffs for name in metrics if name in LIST_METRICS]
        self._found: list[list[list[Tensor]]] = [[[] for _ in self._asked] for _ in GROUPS]
        self._listed: list[list[list[np.ndarray]]] = [[[] for _ in self._asked_of_lists] for _ in GROUPS]

    def add(self, rows: np.ndarray, lists: np.ndarray, hits: Tensor) -> None:
        """Users [B], item columns at ranks 1..P [B, P], and whether each was met [B, P]."""
        thirds = self._third[lists]
        thirds_of_hits = torch.from_numpy(thirds).to(hits.device)  # a hit has an item
        for number, found in enumerate(self._found):
            sizes = torch.from_numpy(self._sizes[rows, number]).to(hits.device)
            some = sizes > 0
            own = (hits & (thirds_of_hits == number))[some]
            for values, (name, cutoff) in zip(found, self._asked, strict=True):
                values.append(RANKING_METRICS[name](own, sizes[some], cutoff).cpu())
        for number, listed in enumerate(self._listed if self._asked_of_lists else []):
            of_third = np.where((lists >= 0) & (thirds == number), lists, -1)
            for values_of_lists, (name, cutoff) in zip(listed, self._asked_of_lists, strict=True):
                have = (of_third[:, :cutoff] >= 0).sum(1) >= FEWEST.get(name, 1)
                if have.any():
                    values_of_lists.append(LIST_METRICS[name](of_third[have], rows[have], cutoff, self._reference))

    def ended(self, users: np.ndarray, counts: dict[int, np.ndarray]) -> list[MetricGroup]:
        """Of all measured users [U], rows."""
        groups = []
        for number, name in enumerate(GROUPS):
            has = self._third == number
            some = self._popularity[has]
            measured = int(np.count_nonzero(self._sizes[users, number]))
            if len(some) and len(users):
                means = {
                    f"{metric}@{cutoff}": mean_of(torch.cat(values).numpy())
                    for values, (metric, cutoff) in zip(self._found[number], self._asked, strict=True)
                    if measured
                }
                means |= {
                    f"{metric}@{cutoff}": mean_of(np.concatenate(values))
                    for values, (metric, cutoff) in zip(self._listed[number], self._asked_of_lists, strict=True)
                    if values
                }
                of_items = {cutoff: of_cutoff.sum(0)[has] for cutoff, of_cutoff in counts.items()}
                means |= of_lists(self._metrics, of_items)
                groups.append(MetricGroup("popularity", name, int(some.min()), int(some.max()), measured, means))
        return groups


def thirds_of_interactions(popularity: np.ndarray) -> np.ndarray:
    """Third 0, 1 or 2 of each item, [N] int64. With the interactions of all items in a row, the rarest items first, it
    is where those of the items that are as popular have their middle."""
    ascending = np.sort(popularity)
    held = np.concatenate([[0], ascending.cumsum()])
    first, end = (held[np.searchsorted(ascending, popularity, side)] for side in ("left", "right"))
    thirds: np.ndarray = (first + end) * len(GROUPS) // max(2 * int(held[-1]), 1)
    return thirds
