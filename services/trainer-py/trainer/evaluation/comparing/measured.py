"""What was measured of the groups of a comparison, once it is known to be comparable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import InvalidRequest
from ..user_values import UserValues, load
from .request import ComparedGroup, CompareRequest

# What numbers have to have in common, as a person calls it.
_FACTS = {"split_digest": "split", "split": "measured part", "mask_rule": "mask rule"}


@dataclass(frozen=True)
class Group:
    """values [S, U, M]: of S seeds, U users and M metrics; tops S x [U, P]: item columns at the first ranks, -1 where
    there is none; closed_form: every seed gives the same."""

    values: np.ndarray
    tops: list[np.ndarray]
    closed_form: bool = False

    @property
    def seeds(self) -> int:
        return len(self.values)

    @cached_property
    def user_means(self) -> np.ndarray:
        """Each user's mean over seeds, [U, M]."""
        means: np.ndarray = self.values.mean(axis=0)
        return means

    @cached_property
    def seed_means(self) -> np.ndarray:
        """Each seed's mean over users, [S, M]."""
        means: np.ndarray = self.values.mean(axis=1)
        return means


@dataclass(frozen=True)
class Measured:
    """users [U]: rows of the dataset. depths: cut-offs down to which every list is kept, or else how far that is."""

    users: np.ndarray
    groups: list[Group]
    split_digest: str
    depths: list[int]


def measured(root: Path, request: CompareRequest, on_progress: Callable[[], None] = lambda: None) -> Measured:
    """Raises InvalidRequest where runs cannot be compared, naming the first that differs and how, and what loading the
    values of users raises."""
    first: UserValues | None = None
    groups = []
    depth = np.iinfo(np.int32).max
    for place, group in enumerate(request.groups):
        loaded = []
        for number, run in enumerate(group.runs):
            values = load(root, run.key, run.sha256)
            first = first or values
            if why := _unlike(values, first):
                raise InvalidRequest(
                    f"run {run.run_id} cannot be compared with run {request.groups[0].runs[0].run_id}: {why}",
                    field=f"groups[{place}].runs[{number}].values",
                )
            if missing := [name for name in request.metrics if name not in values.columns]:
                raise InvalidRequest(
                    f"run {run.run_id} has no {', '.join(missing)} of its users, but {', '.join(values.columns)}",
                    field="metrics",
                )
            loaded.append(values)
            depth = min(depth, values.top.shape[1])
            on_progress()
        groups.append(_group(group, loaded, request.metrics))
    if first is None or len(first.users) == 0:
        raise InvalidRequest("nobody was measured", field="groups")
    depths = [cutoff for cutoff in first.cutoffs if cutoff <= depth] or [depth]
    return Measured(first.users, groups, first.split_digest, depths)


def _group(group: ComparedGroup, loaded: list[UserValues], metrics: tuple[str, ...]) -> Group:
    values = np.stack([np.column_stack([one.columns[name] for name in metrics]) for one in loaded])
    return Group(values, [one.top for one in loaded], group.closed_form)


def _unlike(values: UserValues, first: UserValues) -> str:
    """Why the two cannot be compared; empty where they can."""
    for name, called in _FACTS.items():
        own, other = getattr(values, name), getattr(first, name)
        if own != other:
            return f"its {called} is {own}, not {other}"
    if not np.array_equal(values.users, first.users):
        return f"other users were measured: {len(values.users):,}, not the same {len(first.users):,}"
    return ""
