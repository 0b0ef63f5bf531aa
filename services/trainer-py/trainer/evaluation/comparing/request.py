"""What a comparison is asked for, checked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ...errors import InvalidRequest

DRAWS = 10_000
FEWEST_DRAWS, MOST_DRAWS = 100, 100_000
# Pairs times metrics. Beyond it the correction leaves little to be found, and time and memory grow with it.
MOST_TESTS = 1_000
# Of the means of all draws, which the intervals over seeds are taken from.
MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class ComparedRun:
    """key, sha256: of the values of its users."""

    run_id: str
    seed: int
    key: str
    sha256: str


@dataclass(frozen=True)
class ComparedGroup:
    """Runs that differ in nothing but their seed. closed_form: of a model in which it changes nothing."""

    name: str
    runs: tuple[ComparedRun, ...]
    closed_form: bool = False


@dataclass(frozen=True)
class CompareRequest:
    """metrics: with their cut-offs, means of users. baseline: place of the group that the others are compared with;
    -1: each with each. draws: of bootstrap and randomisation, 0: 10,000. dataset_key: where the users' ids are."""

    dataset_key: str
    groups: tuple[ComparedGroup, ...]
    baseline: int
    metrics: tuple[str, ...]
    draws: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.groups) < 2:
            raise InvalidRequest(f"a comparison takes two groups or more, not {len(self.groups)}", field="groups")
        if not -1 <= self.baseline < len(self.groups):
            raise InvalidRequest(
                f"baseline is the place of one of {len(self.groups)} groups or -1, not {self.baseline}",
                field="baseline",
            )
        if not self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise InvalidRequest("metrics names one or more, each once", field="metrics")
        if len(self.pairs) * len(self.metrics) > MOST_TESTS:
            raise InvalidRequest(
                f"{len(self.pairs)} pairs times {len(self.metrics)} metrics are more than {MOST_TESTS:,} tests; "
                "name a baseline, or fewer groups or metrics",
                field="groups",
            )
        if self.draws != 0 and not FEWEST_DRAWS <= self.draws <= MOST_DRAWS:
            raise InvalidRequest(f"draws are from {FEWEST_DRAWS} to {MOST_DRAWS:,}, not {self.draws:,}", field="draws")
        if self._bytes_of_draws > MOST_BYTES:
            raise InvalidRequest(
                f"{self.draws:,} draws of {len(self.groups)} groups times {len(self.metrics)} metrics take more than "
                f"{MOST_BYTES >> 30} GiB; ask for fewer",
                field="draws",
            )
        if self.seed < 0:
            raise InvalidRequest(f"seed must be 0 or more, not {self.seed}", field="seed")
        self._check_runs()

    def _check_runs(self) -> None:
        runs: set[str] = set()
        for place, group in enumerate(self.groups):
            if not group.runs:
                raise InvalidRequest(f"group {group.name!r} has no run", field=f"groups[{place}].runs")
            seeds: set[int] = set()
            for number, run in enumerate(group.runs):
                field = f"groups[{place}].runs[{number}]"
                if run.run_id in runs:
                    raise InvalidRequest(f"run {run.run_id} is named twice", field=f"{field}.run_id")
                if run.seed in seeds:
                    # Twice the same training would pass for how much seeds vary.
                    raise InvalidRequest(f"group {group.name!r} has seed {run.seed} twice", field=f"{field}.seed")
                runs.add(run.run_id)
                seeds.add(run.seed)

    @property
    def has_seeds(self) -> bool:
        return any(len(group.runs) > 1 for group in self.groups)

    @property
    def _bytes_of_draws(self) -> int:
        return self.has_seeds * 8 * (self.draws or DRAWS) * len(self.groups) * len(self.metrics)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Places of a group and of what it is compared with."""
        if self.baseline >= 0:
            return [(place, self.baseline) for place in range(len(self.groups)) if place != self.baseline]
        return list(combinations(range(len(self.groups)), 2))

    @staticmethod
    def of(values: dict[str, Any]) -> CompareRequest:
        """From what came through JSON."""
        groups = tuple(
            ComparedGroup(group["name"], tuple(ComparedRun(**run) for run in group["runs"]), group["closed_form"])
            for group in values["groups"]
        )
        return CompareRequest(**{**values, "groups": groups, "metrics": tuple(values["metrics"])})
