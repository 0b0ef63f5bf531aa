"""Whether users differ by more than chance, and what is left of it once all tests of a comparison are counted.

Student, "The probable error of a mean", Biometrika 6, 1908: the paired t test, by scipy.
Fisher, "The Design of Experiments", 1935, section 21: randomisation of signs. Phipson & Smyth, "Permutation p-values
should never be zero", 2010: what was observed counts as one of the draws.
Holm, "A simple sequentially rejective multiple test procedure", 1979, by statsmodels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_1samp
from statsmodels.stats.multitest import multipletests

from .drawing import Steps, batches

# A p value that is smaller than a number can be is not 0.
SMALLEST = float(np.finfo(np.float64).tiny)
# Part of a mean by which another that is the same may have been rounded off, as scipy has it.
ROUNDED = 100 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class PairedT:
    """Of each column, [C]. Where all differences are the same and not 0, there is no deviation to measure them by:
    all three are NaN."""

    t: np.ndarray
    p: np.ndarray
    effect: np.ndarray


def paired_t(differences: np.ndarray) -> PairedT:
    """Of differences [U, C] of the same users; effect: mean over standard deviation, Cohen's d_z."""
    users, columns = differences.shape
    t, p = np.full(columns, np.nan), np.full(columns, np.nan)
    nothing = (differences == 0).all(axis=0)
    t[nothing], p[nothing] = 0, 1
    varying = np.ptp(differences, axis=0) > 0
    if varying.any():
        found = ttest_1samp(differences[:, varying], 0.0, axis=0)
        t[varying], p[varying] = found.statistic, np.maximum(found.pvalue, SMALLEST)
    return PairedT(t, p, t / np.sqrt(users))


def sign_flips(differences: np.ndarray, draws: int, rng: np.random.Generator, steps: Steps) -> np.ndarray:
    """Two-sided p [C] that the mean of differences [U, C] is as far from 0 where each user's sign is chance: twice that
    of the smaller side, and not above 1. The same signs are drawn for all columns.

    scipy's permutation_test draws the same, 30,000 users as that many arrays: minutes in place of seconds; and its
    monte_carlo_test, which counts the same, has the means of all draws at once."""
    users = len(differences)
    total = differences.sum(axis=0)
    observed = total / users
    slack = np.abs(observed) * ROUNDED
    below, above = (np.zeros(len(total), dtype=np.int64) for _ in range(2))
    for size in batches(draws, *differences.shape):
        bits = np.frombuffer(rng.bytes(size * -(-users // 8)), np.uint8).reshape(size, -1)
        kept = np.unpackbits(bits, axis=1, count=users).astype(np.float64)
        drawn = (2 * (kept @ differences) - total) / users
        below += np.count_nonzero(drawn <= observed + slack, axis=0)
        above += np.count_nonzero(drawn >= observed - slack, axis=0)
        steps.take(size)
    p: np.ndarray = np.minimum(2 * (np.minimum(below, above) + 1) / (draws + 1), 1)
    return p


def holm(p: np.ndarray) -> np.ndarray:
    """Of a whole family [F]; a test without a p value counts as one that found nothing."""
    corrected: np.ndarray = multipletests(np.nan_to_num(p, nan=1.0), method="holm")[1]
    return np.where(np.isnan(p), np.nan, corrected)
