"""Metrics of what was recommended, whatever was met, of one batch of users; and of all lists together. metrics.py
defines them.

lists  [B, P] int64  item columns at ranks 1..P; -1 where there is none
rows   [B]    int64  of the users in the dataset
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from .reference import Reference

ALPHA = 0.01  # as in the paper: a group that the list lacks is dear, not infinitely so
# Sums of item vectors in memory: 4 M entries are 64 MiB.
MOST_ENTRIES = 4_000_000


def novelty(lists: np.ndarray, rows: np.ndarray, cutoff: int, reference: Reference) -> np.ndarray:
    """[B], in bits; 0 of an empty list."""
    return _means(reference.information, lists[:, :cutoff])


def tail(lists: np.ndarray, rows: np.ndarray, cutoff: int, reference: Reference) -> np.ndarray:
    """[B], from 0 to 1; 0 of an empty list."""
    return _means(reference.is_tail, lists[:, :cutoff])


def diversity(lists: np.ndarray, rows: np.ndarray, cutoff: int, reference: Reference) -> np.ndarray:
    """[B], from 0 to 1. The cosines of all ordered pairs of unit vectors sum to |sum of the vectors|^2 less their own;
    so what it costs grows with the interactions of the recommended items, and not with pairs."""
    first = lists[:, :cutoff]
    held = np.where(first >= 0, reference.popularity[first], 0)
    pairs = (first >= 0).sum(1) * ((first >= 0).sum(1) - 1)
    squared = np.zeros(len(first))
    strips = np.flatnonzero(np.diff(held.sum(1).cumsum() // MOST_ENTRIES)) + 1
    for some in np.split(np.arange(len(first)), strips):
        sums = _as_rows(first[some], len(reference.popularity)) @ reference.vectors
        squared[some] = np.asarray(sums.multiply(sums).sum(1)).ravel()
    cosines = (squared - (held > 0).sum(1)) / np.maximum(pairs, 1)
    return np.where(pairs > 0, np.clip(1 - cosines, 0, 1), 0.0)


def calibration(lists: np.ndarray, rows: np.ndarray, cutoff: int, reference: Reference) -> np.ndarray:
    """KL(p || (1 - a) q + a p) in nats, [B], with p the shares of the history and q those of the list (Steck,
    "Calibrated Recommendations", RecSys 2018). -log a where nothing of p is in the list, 0 where the history is in no
    group."""
    wanted = reference.interests[rows]
    if wanted.nnz == 0:
        return np.zeros(len(rows))
    chosen = _as_rows(lists[:, :cutoff], len(reference.popularity)) @ reference.shares
    totals = np.asarray(chosen.sum(1)).ravel()
    owners = np.repeat(np.arange(len(rows)), np.diff(wanted.indptr))
    q = np.asarray(chosen[owners, wanted.indices]).ravel() / np.where(totals > 0, totals, 1)[owners]
    p = wanted.data
    return np.bincount(owners, p * np.log(p / ((1 - ALPHA) * q + ALPHA * p)), minlength=len(rows))


LIST_METRICS = {"novelty": novelty, "tail": tail, "diversity": diversity, "calibration": calibration}


def coverage(counts: np.ndarray) -> float:
    """Of how many users' lists each item is in, [N]: the share of items that are in one."""
    return float(np.count_nonzero(counts) / len(counts))


def gini(counts: np.ndarray) -> float:
    """Of the same, from 0 to 1: sum over items, rarest first, of (2 j - N - 1) count_j / ((N - 1) total)."""
    n, total = len(counts), counts.sum()
    if n < 2 or total == 0:
        return 0.0
    weights = 2 * np.arange(1, n + 1, dtype=np.int64) - n - 1
    return float((weights * np.sort(counts)).sum() / ((n - 1) * total))


CATALOGUE_METRICS = {"coverage": coverage, "gini": gini}


def _means(values: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """Of `values` [N] over the items of each list."""
    there = lists >= 0
    means: np.ndarray = np.where(there, values[lists], 0).sum(1) / np.maximum(there.sum(1), 1)
    return means


def _as_rows(lists: np.ndarray, items: int) -> csr_matrix:
    """[B, N], 1 where the item is in the list."""
    there = lists >= 0
    indptr = np.concatenate([[0], there.sum(1).cumsum()])
    return csr_matrix((np.ones(indptr[-1]), lists[there], indptr), (len(lists), items))
