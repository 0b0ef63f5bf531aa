"""What steering changed in a list, and through which interest.

Now and before may differ in weights, in the history and in calibration. With t_k(i) the terms of item i (times their
weights) and T the sum of the terms of the weakest of the best n by score, i is among these where sum_k t_k(i) / T is at
least 1. So, over the interests,
    c_k(i) = t_k(i) / T now - t_k(i) / T before
adds up to what carried i over that line or below it: it entered by the interest whose c_k is the largest, and left by
that whose c_k is the lowest. Where not the score moved it but calibration, c_k is its share of interest k times what
the best n by score lack of that, p_k - q_k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .person import Columns


@dataclass(frozen=True)
class Side:
    """Now or before: terms [K, M] of the M items that moved, and those of the best n by score, [n, K]."""

    terms: np.ndarray
    of_best: np.ndarray

    def parts(self) -> np.ndarray:
        """t_k / T, [K, M]"""
        weakest = float(self.of_best[-1:].sum())
        return self.terms / (weakest if weakest > 0 else 1.0)


def moved(new: Columns, old: Columns) -> tuple[Columns, np.ndarray]:
    """What is in one list and not in the other, [M] columns, first those that entered, each in its list's order; and
    whether they entered, [M]."""
    columns = np.concatenate([new[~np.isin(new, old)], old[~np.isin(old, new)]])
    return columns, np.isin(columns, new)


def movers(entered: np.ndarray, now: Side, before: Side, by_score: np.ndarray, lacking: np.ndarray) -> np.ndarray:
    """The interest of each of the M items, which `entered` or left, moved `by_score` or by calibration, [M] each;
    lacking [K] is p - q."""
    totals = now.terms.sum(0)
    shares = now.terms / np.where(totals > 0, totals, 1.0)
    changes: np.ndarray = np.where(by_score, now.parts() - before.parts(), shares * lacking[:, None])
    chosen: np.ndarray = np.where(entered, changes.argmax(0), changes.argmin(0))
    return chosen
