"""95 % intervals of means: over users by BCa, and over seeds and users by drawing both.

Efron, "Better bootstrap confidence intervals", JASA 82, 1987, section 3: BCa, by scipy.
Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007: where every seed has met every user, both are
drawn by themselves, and every drawn seed has the same drawn users.
McCarthy & Snowden, "The bootstrap and finite population sampling", 1985: one less than there are is drawn of what
there is little of, without which the variance of S comes out as that times (S - 1) / S.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap

from .drawing import Steps, batches, chunks, drawn_means, draws_at_once

LEVEL = 0.95
# Leaving each user out once takes time by their square; beyond, what is accelerated is less than a hundredth of the
# interval, and the percentiles are left as they are.
MOST_LEFT_OUT = 50_000


def over_users(values: np.ndarray, draws: int, rng: np.random.Generator, steps: Steps) -> np.ndarray:
    """Of the mean of each column of values [U, C], [C, 2]; the same users are drawn for all. Where all users have the
    same value both ends are that. Takes `draws` steps for each of the `chunks` of columns."""
    intervals = np.repeat(values[:1].T, 2, axis=1)
    varies = np.ptp(values, axis=0) > 0
    state = rng.bit_generator.state
    for chunk in chunks(values.shape[1], len(values), draws):
        some = np.arange(chunk.start, chunk.stop)[varies[chunk]]
        if some.size == 0:
            steps.take(draws)
            continue
        rng.bit_generator.state = state
        intervals[some] = _bootstrapped(np.ascontiguousarray(values[:, some]), draws, rng, steps)
    return intervals


def method(users: int) -> str:
    """bca or percentile"""
    return "bca" if users <= MOST_LEFT_OUT else "percentile"


def _bootstrapped(values: np.ndarray, draws: int, rng: np.random.Generator, steps: Steps) -> np.ndarray:
    users = len(values)
    total: np.ndarray = values.sum(axis=0)

    def means(rows: np.ndarray, axis: int) -> np.ndarray:
        """[C, B] of rows [B, n] of users; [C] of everybody."""
        found: np.ndarray
        if rows.ndim == 1:
            found = total / users
        elif rows.shape[axis] < users:  # one is left out
            left_out = users * (users - 1) // 2 - rows.sum(axis=axis)
            steps.take(0)
            found = (total - values[left_out]) / (users - 1)
        else:
            steps.take(len(rows))
            found = drawn_means(rows, values)
        return found.T

    found = bootstrap(
        (np.arange(users),),
        means,
        n_resamples=draws,
        batch=draws_at_once(users),
        vectorized=True,
        confidence_level=LEVEL,
        method=method(users),
        rng=rng,
    ).confidence_interval
    return np.column_stack([found.low, found.high])


def over_seeds(groups: Sequence[np.ndarray], draws: int, rng: np.random.Generator, steps: Steps) -> np.ndarray:
    """Means [draws, G, M] of groups of values [S, U, M] each: users are drawn, the same ones for all, and of every
    group S - 1 of its seeds (of one seed that)."""
    users = groups[0].shape[1]
    ends = np.cumsum([len(group) for group in groups])[:-1]
    runs = np.concatenate(groups)
    columns = np.ascontiguousarray(runs.transpose(1, 0, 2).reshape(users, -1))
    drawn = np.empty((draws, len(groups), runs.shape[2]))
    done = 0
    for size in batches(draws, *columns.shape):
        rows = rng.integers(0, users, (size, users))
        means = drawn_means(rows, columns).reshape(size, len(runs), -1)
        for place, own in enumerate(np.split(means, ends, axis=1)):
            drawn[done : done + size, place] = _drawn_seeds(own, rng)
        done += size
        steps.take(size)
    return drawn


def _drawn_seeds(means: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[B, M] of means [B, S, M] of each seed."""
    draws, seeds = means.shape[:2]
    drawn = rng.integers(0, seeds, (draws, max(seeds - 1, 1)))
    mean: np.ndarray = means[np.arange(draws)[:, None], drawn].mean(axis=1)
    return mean


def percentiles(drawn: np.ndarray) -> np.ndarray:
    """The interval [..., 2] that holds the middle of what was drawn, [draws, ...]."""
    return np.moveaxis(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0), 0, -1)
