"""Groups of runs compared with each other, on every metric asked for.

Each user's mean over seeds comes first: seeds of one user are no further users. What users say (are these models
different for these people?) and what seeds say (is the method different?) stay apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...data import dataset
from ...data.dataset import IdMap
from ...errors import InvalidRequest
from ..means import mean_of
from ..metrics import METRICS
from . import intervals, overlap, seeds, significance
from .differing import Extreme, differences, furthest, histogram
from .drawing import Steps, chunks
from .measured import Measured, measured
from .request import DRAWS, CompareRequest

# What is drawn by itself, so that none changes with another.
USERS, SEEDS, SIGNS = range(3)


def compare(root: Path, request: CompareRequest, on_progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The fields of trainer.v1.CompareFinished. The same request gives the same answer on the same machine, `seconds`
    aside. Raises InvalidRequest for what cannot be compared, and what loading the dataset and the values raises."""
    started = time.perf_counter()
    draws = request.draws or DRAWS
    found = measured(root, request, lambda: on_progress(0, draws))
    columns = (len(request.groups) + len(request.pairs)) * len(request.metrics)
    over_users = len(chunks(columns, len(found.users), draws))
    steps = Steps((request.has_seeds + over_users + 1) * draws, on_progress)
    ids, _, split_digest = dataset.load_ids(root, request.dataset_key)
    if split_digest != found.split_digest:
        raise InvalidRequest(
            f"the runs were measured on split {found.split_digest}, the dataset has {split_digest}",
            field="dataset_key",
        )
    result = _Comparison(request, found, ids, draws, steps).result()
    return result | {"draws": draws, "seconds": time.perf_counter() - started}


class _Comparison:
    """Arrays have a column for each metric, of pairs one for each pair and metric."""

    def __init__(self, request: CompareRequest, found: Measured, ids: IdMap, draws: int, steps: Steps) -> None:
        self._request, self._groups, self._steps = request, found.groups, steps
        self._users, self._depths, self._ids, self._draws = found.users, found.depths, ids, draws
        self._means = [group.user_means for group in found.groups]
        self._differences = np.hstack([differences(self._means[a], self._means[b]) for a, b in request.pairs])
        self._drawn = (
            intervals.over_seeds([group.values for group in found.groups], draws, self._rng(SEEDS), steps)
            if request.has_seeds
            else np.empty(0)
        )

    def result(self) -> dict[str, Any]:
        columns = np.hstack([*self._means, self._differences])
        over_users = intervals.over_users(columns, self._draws, self._rng(USERS), self._steps)
        ends = np.cumsum([len(self._request.metrics)] * len(self._groups))
        *of_groups, of_pairs = np.split(over_users, ends)
        return {
            "users": len(self._users),
            "interval_method": intervals.method(len(self._users)),
            "family": self._differences.shape[1],
            "means": list(self._group_means(of_groups)),
            "differences": list(self._pair_differences(of_pairs)),
            "overlaps": list(self._overlaps()),
        }

    def _group_means(self, over_users: list[np.ndarray]) -> Iterator[dict[str, Any]]:
        for place, group in enumerate(self._groups):
            several = group.seeds > 1
            interval = intervals.percentiles(self._drawn[:, place]) if several else over_users[place]
            for column, metric in enumerate(self._request.metrics):
                yield {
                    "group": place,
                    "metric": metric,
                    "mean": mean_of(self._means[place][:, column]),
                    "interval": self._interval(interval[column]),
                    "seeds": group.seeds,
                    "seed_deviation": float(np.std(group.seed_means[:, column], ddof=1)) if several else np.nan,
                }

    def _pair_differences(self, over_users: np.ndarray) -> Iterator[dict[str, Any]]:
        t = significance.paired_t(self._differences)
        p = significance.sign_flips(self._differences, self._draws, self._rng(SIGNS), self._steps)
        t_holm, p_holm = significance.holm(t.p), significance.holm(p)
        tests = [(pair, column) for pair in self._request.pairs for column in range(len(self._request.metrics))]
        for test, ((a, b), column) in enumerate(tests):
            own = seeds.over_seeds(self._groups[a], self._groups[b], column)
            yield {
                "group": a,
                "baseline": b,
                "metric": self._request.metrics[column],
                "users_interval": self._interval(over_users[test]),
                "seeds_interval": self._over_seeds(a, b, column),
                "t": float(t.t[test]),
                "p_t": float(t.p[test]),
                "p_randomisation": float(p[test]),
                "p_randomisation_holm": float(p_holm[test]),
                "p_t_holm": float(t_holm[test]),
                "effect": float(t.effect[test]),
                "p_seeds": own.p,
                "seeds_test": own.test,
                "detectable": [vars(one) for one in own.detectable],
                **self._of_users(test, self._means[a][:, column], self._means[b][:, column]),
            }

    def _over_seeds(self, a: int, b: int, column: int) -> dict[str, float] | None:
        if not seeds.test_of(self._groups[a], self._groups[b]):
            return None
        return self._interval(intervals.percentiles(self._drawn[:, a, column] - self._drawn[:, b, column]))

    def _interval(self, ends: np.ndarray) -> dict[str, float] | None:
        """None of a single user, of whom nobody knows how others differ."""
        return {"low": float(ends[0]), "high": float(ends[1])} if len(self._users) > 1 else None

    def _of_users(self, test: int, group: np.ndarray, baseline: np.ndarray) -> dict[str, Any]:
        difference, tests = self._differences[:, test], self._differences.shape[1]
        mean, of_baseline = float(difference.mean()), float(baseline.mean())
        gain = -difference if self._is_less_better(test) else difference
        return {
            "difference": mean,
            "relative": mean / of_baseline if of_baseline != 0 else np.nan,
            "won": int(np.count_nonzero(gain > 0)),
            "tied": int(np.count_nonzero(gain == 0)),
            "lost": int(np.count_nonzero(gain < 0)),
            "histogram": [{"from": low, "to": high, "users": n} for low, high, n in histogram(difference, tests)],
            "won_most": self._named(furthest(group, baseline, gain, tests)),
            "lost_most": self._named(furthest(group, baseline, -gain, tests)),
        }

    def _is_less_better(self, test: int) -> bool:
        metric = self._request.metrics[test % len(self._request.metrics)]
        return METRICS[metric.partition("@")[0]].better == "lower"

    def _named(self, users: list[Extreme]) -> list[dict[str, Any]]:
        return [vars(one) | {"user": self._ids.id(int(self._users[one.user]))} for one in users]

    def _overlaps(self) -> Iterator[dict[str, Any]]:
        for depth in self._depths:
            within = [overlap.within(group, depth, self._steps) for group in self._groups]
            for a, b in self._request.pairs:
                yield {
                    "group": a,
                    "baseline": b,
                    "depth": depth,
                    "overlap": overlap.between(self._groups[a], self._groups[b], depth, self._steps),
                    "within_group": within[a],
                    "within_baseline": within[b],
                }

    def _rng(self, of: int) -> np.random.Generator:
        return np.random.default_rng([self._request.seed, of])
