"""What runs that differ in their seed say by themselves: whether the method differs, and how many would show it.

Welch, "The generalization of Student's problem when several different population variances are involved",
Biometrika 34, 1947: the seeds of two groups are drawn apart, so that a number they share makes no pairs; by scipy.
Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2, by statsmodels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import ttest_1samp, ttest_ind
from statsmodels.stats.power import TTestIndPower, TTestPower

from .differing import DIGITS
from .measured import Group

MORE = (0, 1, 2, 3, 5, 10, 20)
LEVEL, POWER = 0.05, 0.8


@dataclass(frozen=True)
class Detectable:
    """The smallest part of the baseline's mean that so many more seeds of each group that has seeds would show, four
    times of five."""

    more_seeds: int
    relative: float


@dataclass(frozen=True)
class OverSeeds:
    """test: as `test_of` names it. p, without correction, is NaN where there is no test, and where they differ and no
    seed changes anything."""

    test: str
    p: float
    detectable: list[Detectable]


def test_of(group: Group, baseline: Group) -> str:
    """welch; one_sample: of the seeds of one about the mean of a closed form, which every seed gives; empty where
    nothing is known of how the seeds of either vary, or both are closed forms."""
    if any(one.seeds < 2 and not one.closed_form for one in (group, baseline)):
        return ""
    closed = group.closed_form + baseline.closed_form
    return ("welch", "one_sample", "")[closed]


def over_seeds(group: Group, baseline: Group, metric: int) -> OverSeeds:
    """Of a metric, by its place."""
    test = test_of(group, baseline)
    if not test:
        return OverSeeds("", np.nan, [])
    a, b = (np.round(one.seed_means[:, metric], DIGITS) for one in (group, baseline))
    if test == "one_sample":
        drawn, fixed = (b, a.mean()) if group.closed_form else (a, b.mean())
        deviation, seeds, others = float(np.std(drawn, ddof=1)), len(drawn), 0
    else:
        deviation = float(np.sqrt((np.var(a) * len(a) + np.var(b) * len(b)) / (len(a) + len(b) - 2)))
        seeds, others = len(a), len(b)
    if round(deviation, DIGITS) == 0:
        return OverSeeds(test, 1.0 if round(a.mean() - b.mean(), DIGITS) == 0 else np.nan, [])
    found = ttest_1samp(drawn, fixed) if test == "one_sample" else ttest_ind(a, b, equal_var=False)
    mean = abs(float(b.mean()))
    shown = [(more, _effect(seeds + more, others and others + more)) for more in MORE if mean > 0]
    return OverSeeds(test, float(found.pvalue), [Detectable(more, effect * deviation / mean) for more, effect in shown])


@cache
def _effect(seeds: int, others: int) -> float:
    """In standard deviations of seeds: about a fixed mean where there are no others, else of either."""
    if others == 0:
        return float(TTestPower().solve_power(nobs=seeds, alpha=LEVEL, power=POWER))
    return float(TTestIndPower().solve_power(nobs1=seeds, ratio=others / seeds, alpha=LEVEL, power=POWER))
