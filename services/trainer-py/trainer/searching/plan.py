"""What is searched, and what is told of its trials, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from ..errors import InvalidRequest
from .space import Places, Space


@dataclass(frozen=True)
class Plan:
    """seed: of what is drawn."""

    strategy: Literal["random", "tpe"]
    seed: int
    space: Space

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InvalidRequest(f"seed must be 0 or more, not {self.seed}", field="plan.seed")
        if not self.space.dimensions:
            raise InvalidRequest("a search takes one field or more", field="plan.space")
        names: set[str] = set()
        for place, dimension in enumerate(self.space.dimensions):
            field = f"plan.space[{place}].field"
            if not dimension.field:
                raise InvalidRequest("a field that is searched has a name", field=field)
            if dimension.field in names:
                raise InvalidRequest(f"{dimension.field} is searched twice", field=field)
            names.add(dimension.field)


class TrialState(Enum):
    RUNNING = 1
    COMPLETE = 2
    PRUNED = 3
    # Nothing is learnt from it but that it was tried.
    FAILED = 4


@dataclass(frozen=True)
class Trial:
    """values: of each committed epoch from the first on; what is not a number counts as nothing learnt. chosen: None
    where nothing asks for it."""

    number: int
    state: TrialState
    values: tuple[float, ...]
    chosen: Places | None = None

    @property
    def best(self) -> float | None:
        """None of one that has learnt nothing."""
        return max((value for value in self.values if math.isfinite(value)), default=None)


def by_number(trials: list[Trial]) -> list[Trial]:
    """In their order, so that the order in which they are told changes nothing. Raises InvalidRequest for a number that
    is below 0 or told twice."""
    numbers: set[int] = set()
    for place, trial in enumerate(trials):
        field = f"trials[{place}].number"
        if trial.number < 0:
            raise InvalidRequest(f"trials are numbered from 0, not {trial.number}", field=field)
        if trial.number in numbers:
            raise InvalidRequest(f"trial {trial.number} is told twice", field=field)
        numbers.add(trial.number)
    return sorted(trials, key=lambda trial: trial.number)
