"""Interactions become train, valid and test. What each kind of split means is said in docs/living-data.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from ..dataset import NO_TIME
from .interactions import COLD, FOLDED, TEST, TRAIN, VALID, Interactions, blocks, looked_up, places_of
from .rule import LeaveLastSplit, RatioSplit, StrongSplit, TemporalSplit
from .times import moment

# Of a held-out user's interactions, the first ones.
FOLDED_IN = 0.8


def k_core(found: Interactions, k: int) -> Interactions:
    """The largest part in which every user and every item has at least k interactions; of as many users and items."""
    while True:
        everything = np.ones(len(found), bool)
        keep = looked_up(found.of_items(everything) >= k, found.items)
        keep &= np.repeat(found.sizes >= k, found.sizes)
        if keep.all():
            return found
        found = found.kept(keep)


def split_by_ratio(found: Interactions, rule: RatioSplit) -> np.ndarray:
    """The part [n] of each: each user's items in random order, cut by the ratios; depends on the seed and the
    interactions alone, not on the order of rows. Counts are rounded down, but a user gets at least one test item, then
    one valid item, as long as one is left for train (RecBole's rule)."""
    sizes = found.sizes
    random = np.random.Generator(np.random.Philox(rule.seed))
    valid, test = (np.floor(sizes * ratio + 1e-9).astype(np.int64) for ratio in rule.ratios[1:])
    for part, ratio, other in ((test, rule.ratios[2], valid), (valid, rule.ratios[1], test)):
        if ratio > 0:
            part[(part == 0) & (sizes - other > 1)] = 1
    parts = np.empty(len(found), np.int8)
    for rows, user in _by_user(found):
        rank = _ranks(found, rows, user, random.random(len(user)))
        parts[rows] = np.where(rank < test[user], TEST, np.where(rank < (test + valid)[user], VALID, TRAIN))
    return parts


def split_by_time(
    found: Interactions, rule: LeaveLastSplit | TemporalSplit | StrongSplit, cuts: tuple[int, ...] = ()
) -> np.ndarray:
    """The part [n] of each, all of which have times; `cuts`: of a temporal split. Of equal times of one user the item
    with the larger number, whose id is the larger one by its bytes, is the later."""
    match rule:
        case LeaveLastSplit():
            return _leave_last(found)
        case TemporalSplit():
            return _temporal(found, cuts)
        case StrongSplit():
            return _strong(found, rule)


def cuts_of(at: np.ndarray, rule: TemporalSplit) -> tuple[int, ...]:
    """Where validation begins, and where test does; () where nothing is left to be split. A quantile q of n times is
    the one with floor(q n) before it, so that whatever happened in one moment is in one part."""
    if len(at) == 0:
        return ()
    if rule.at is not None:
        return tuple(map(moment, rule.at))
    places = [min(int(np.floor(len(at) * quantile + 1e-9)), len(at) - 1) for quantile in rule.quantiles]
    return tuple(int(cut) for cut in np.partition(at, places)[places])


def _leave_last(found: Interactions) -> np.ndarray:
    """The last interaction of each user who has two is for test; of who has three, the one before for validation."""
    parts = np.empty(len(found), np.int8)
    for rows, user in _by_user(found):
        sizes = found.sizes[user]
        from_end = sizes - 1 - _ranks(found, rows, user, _times(found)[rows])
        is_test, is_valid = (from_end == 0) & (sizes > 1), (from_end == 1) & (sizes > 2)
        parts[rows] = np.where(is_test, TEST, np.where(is_valid, VALID, TRAIN))
    return parts


def _temporal(found: Interactions, cuts: tuple[int, ...]) -> np.ndarray:
    parts = np.full(len(found), TRAIN, np.int8)
    for part, cut in zip((VALID, TEST), cuts, strict=False):
        parts[_times(found) >= cut] = part
    return parts


def _strong(found: Interactions, rule: StrongSplit) -> np.ndarray:
    """Users by chance, among those with two interactions; shares are rounded down, but a part that has one gets a user.
    Of a held-out user the first 80 %, rounded down, at least one and not all, are folded in."""
    sizes = found.sizes
    able = np.flatnonzero(sizes > 1)
    order = able[np.argsort(np.random.Generator(np.random.Philox(rule.seed)).random(len(able)), kind="stable")]
    valid, test = (max(int(np.floor(len(able) * share + 1e-9)), int(share > 0)) for share in rule.ratios[1:])
    part = np.full(len(sizes), TRAIN, np.int8)
    part[order[:test]] = TEST
    part[order[test : test + valid]] = VALID
    folded = np.clip(np.floor(sizes * FOLDED_IN + 1e-9).astype(np.int64), 1, np.maximum(sizes - 1, 1))
    parts = np.empty(len(found), np.int8)
    for rows, user in _by_user(found):
        is_folded = (part[user] != TRAIN) & (_ranks(found, rows, user, _times(found)[rows]) < folded[user])
        parts[rows] = np.where(is_folded, FOLDED, part[user])
    return parts


def _times(found: Interactions) -> np.ndarray:
    if found.at is None:
        raise AssertionError("a split by time is refused where there are no times")
    return found.at


def _by_user(found: Interactions) -> Iterator[tuple[slice, np.ndarray]]:
    """Interactions, some at a time, and the user of each."""
    for users, rows in blocks(found.indptr):
        yield rows, np.repeat(np.arange(users.start, users.stop), found.sizes[users])


def _ranks(found: Interactions, rows: slice, user: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The place of each of these among those of its user by `value`, then by item, from 0."""
    rank = np.empty(len(user), np.int64)
    rank[np.lexsort((value, user))] = np.arange(rows.start, rows.stop) - found.indptr[user]
    return rank


def drop_cold(found: Interactions) -> tuple[Interactions, np.ndarray, np.ndarray]:
    """With the users of whom train or what is folded in knows an item that train knows, and these items, by number:
    what is of others is COLD."""
    items = np.flatnonzero(found.of_items(found.part == TRAIN) > 0)
    keep = looked_up(places_of(items, found.width) >= 0, found.items)
    is_known = found.of_users(((found.part == TRAIN) | (found.part == FOLDED)) & keep) > 0
    keep &= np.repeat(is_known, found.sizes)
    part = found.part.copy()
    part[~keep] = COLD
    return replace(found, part=part), np.flatnonzero(is_known), items


def left_behind(
    found: Interactions, users: np.ndarray, items: np.ndarray
) -> tuple[csr_matrix, np.ndarray, np.ndarray, np.ndarray]:
    """What is COLD, given the users and items that are kept: a matrix whose first rows and columns are those and whose
    last are others, which these others are, and when the pairs were, in their order."""
    cold = np.flatnonzero(found.part == COLD)
    axes = []
    for kept, named, size in (
        (users, found.users_of(cold), len(found.indptr) - 1),
        (items, found.items[cold], found.width),
    ):
        others = np.setdiff1d(named, kept)
        axes.append((others, places_of(np.concatenate([kept, others]), size)[named], len(kept) + len(others)))
    (more_users, rows, height), (more_items, columns, width) = axes
    order = np.lexsort((columns, rows))
    pairs = csr_matrix((np.ones(len(cold), np.float32), (rows[order], columns[order])), (height, width))
    at = np.full(len(cold), NO_TIME) if found.at is None else found.at[cold[order]]
    return pairs, more_users, more_items, at
