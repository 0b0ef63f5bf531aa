"""By how much and in what direction single users differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# What is kept of a difference: means over seeds of the same values differ in the sixteenth.
DIGITS = 12
# Odd numbers, so that nobody's tie lies on an edge.
BINS, FEWER_BINS = 41, 21
MOST_SHOWN = 10
# Up to so many tests all of it is told; of more in part, so that the answer to as many as there may be fits into a
# message of 4 MiB.
TOLD_IN_FULL = 100


@dataclass(frozen=True)
class Extreme:
    """A user, by place, with both means over seeds."""

    user: int
    value: float
    baseline: float


def differences(group: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Group less baseline, without what rounding left."""
    rounded: np.ndarray = np.round(group - baseline, DIGITS)
    return rounded


def histogram(difference: np.ndarray, tests: int) -> list[tuple[float, float, int]]:
    """Bins of the same width around 0 as (from, to, users); one where nobody differs. tests: of the comparison."""
    furthest = float(np.abs(difference).max(initial=0))
    if furthest == 0:
        return [(0.0, 0.0, len(difference))]
    bins = BINS if tests <= TOLD_IN_FULL else FEWER_BINS
    users, edges = np.histogram(difference, bins, (-furthest, furthest))
    return [(float(a), float(b), int(n)) for a, b, n in zip(edges[:-1], edges[1:], users, strict=True)]


def furthest(group: np.ndarray, baseline: np.ndarray, gain: np.ndarray, tests: int) -> list[Extreme]:
    """Users with the largest gains above 0, of equal ones those that come first in the dataset: ten, or fewer of many
    tests."""
    shown = max(1, min(MOST_SHOWN, MOST_SHOWN * TOLD_IN_FULL // tests))
    order = np.argsort(-gain, kind="stable")[:shown]
    return [Extreme(int(user), float(group[user]), float(baseline[user])) for user in order if gain[user] > 0]
