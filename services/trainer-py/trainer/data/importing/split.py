"""Interactions become train, valid and test. What each kind of split means is said in docs/living-data.md."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from ..dataset import FOLD_IN, PARTS
from .rule import LeaveLastSplit, RatioSplit, StrongSplit, TemporalSplit
from .times import moment

# Of a held-out user's interactions, the first ones.
FOLDED_IN = 0.8


def k_core(matrix: csr_matrix, k: int) -> csr_matrix:
    """The largest part in which every user and every item has at least k interactions; same shape."""
    while True:
        users = np.diff(matrix.indptr) >= k
        items = np.bincount(matrix.indices, minlength=matrix.shape[1]) >= k
        entries = matrix.tocoo()
        keep = users[entries.row] & items[entries.col]
        if keep.all():
            return matrix
        matrix = csr_matrix((entries.data[keep], (entries.row[keep], entries.col[keep])), matrix.shape)


def split_by_ratio(matrix: csr_matrix, rule: RatioSplit) -> dict[str, csr_matrix]:
    """Each user's items in random order, cut by the ratios; depends on the seed and the interactions alone, not on
    the order of rows. Counts are rounded down, but a user gets at least one test item, then one valid item, as long as
    one is left for train (RecBole's rule)."""
    matrix.sort_indices()
    sizes = np.diff(matrix.indptr)
    chance = np.random.Generator(np.random.Philox(rule.seed)).random(matrix.nnz)
    rank = _ranks(matrix, chance)

    valid, test = (np.floor(sizes * ratio + 1e-9).astype(np.int64) for ratio in rule.ratios[1:])
    for part, ratio, other in ((test, rule.ratios[2], valid), (valid, rule.ratios[1], test)):
        if ratio > 0:
            part[(part == 0) & (sizes - other > 1)] = 1
    user = _users(matrix)
    return _parts(matrix, np.where(rank < test[user], 2, np.where(rank < (test + valid)[user], 1, 0)))


def split_by_time(
    matrix: csr_matrix, at: np.ndarray, rule: LeaveLastSplit | TemporalSplit | StrongSplit
) -> dict[str, csr_matrix]:
    """`at` [nnz]: milliseconds, in the order of the sorted indices. Of equal times of one user the item with the larger
    column, whose id is the larger one by its bytes, is the later."""
    match rule:
        case LeaveLastSplit():
            return _leave_last(matrix, at)
        case TemporalSplit():
            return _temporal(matrix, at, cuts_of(at, rule))
        case StrongSplit():
            return _strong(matrix, at, rule)


def cuts_of(at: np.ndarray, rule: TemporalSplit) -> tuple[int, int]:
    """Where validation begins, and where test does. A quantile q of n times is the one with floor(q n) before it, so
    that whatever happened in one moment is in one part."""
    if rule.at is not None:
        first, second = map(moment, rule.at)
        return first, second
    if len(at) == 0:
        return 0, 0  # nothing is left to be split, which is refused as such
    places = [min(int(np.floor(len(at) * quantile + 1e-9)), len(at) - 1) for quantile in rule.quantiles]
    cuts = np.partition(at, places)[places]
    return int(cuts[0]), int(cuts[1])


def _leave_last(matrix: csr_matrix, at: np.ndarray) -> dict[str, csr_matrix]:
    """The last interaction of each user who has two is for test; of who has three, the one before for validation."""
    sizes = np.diff(matrix.indptr)[_users(matrix)]
    from_end = sizes - 1 - _ranks(matrix, at)
    return _parts(matrix, np.where((from_end == 0) & (sizes > 1), 2, np.where((from_end == 1) & (sizes > 2), 1, 0)))


def _temporal(matrix: csr_matrix, at: np.ndarray, cuts: tuple[int, int]) -> dict[str, csr_matrix]:
    return _parts(matrix, np.where(at >= cuts[1], 2, np.where(at >= cuts[0], 1, 0)))


def _strong(matrix: csr_matrix, at: np.ndarray, rule: StrongSplit) -> dict[str, csr_matrix]:
    """Users by chance, among those with two interactions; shares are rounded down, but a part that has one gets a user.
    Of a held-out user the first 80 %, rounded down, at least one and not all, are folded in."""
    sizes = np.diff(matrix.indptr)
    able = np.flatnonzero(sizes > 1)
    order = able[np.argsort(np.random.Generator(np.random.Philox(rule.seed)).random(len(able)), kind="stable")]
    valid, test = (max(int(np.floor(len(able) * share + 1e-9)), int(share > 0)) for share in rule.ratios[1:])
    part = np.zeros(len(sizes), np.int64)
    part[order[:test]] = 2
    part[order[test : test + valid]] = 1
    folded = np.clip(np.floor(sizes * FOLDED_IN + 1e-9).astype(np.int64), 1, np.maximum(sizes - 1, 1))
    user = _users(matrix)
    is_folded = (part[user] > 0) & (_ranks(matrix, at) < folded[user])
    return _parts(matrix, np.where(is_folded, 3, part[user]), (*PARTS, FOLD_IN))


def _users(matrix: csr_matrix) -> np.ndarray:
    """The row of each entry [nnz]."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _ranks(matrix: csr_matrix, value: np.ndarray) -> np.ndarray:
    """The place [nnz] of each entry among those of its user by `value`, then by column, from 0."""
    user = _users(matrix)
    rank = np.empty(matrix.nnz, np.int64)
    rank[np.lexsort((value, user))] = np.arange(matrix.nnz) - matrix.indptr[user]
    return rank


def _parts(matrix: csr_matrix, number: np.ndarray, names: tuple[str, ...] = PARTS) -> dict[str, csr_matrix]:
    """The entries by the number [nnz] of their part."""
    user = _users(matrix)
    found = {}
    for place, name in enumerate(names):
        keep = number == place
        found[name] = csr_matrix((matrix.data[keep], (user[keep], matrix.indices[keep])), matrix.shape)
    return found


def drop_cold(parts: dict[str, csr_matrix]) -> tuple[dict[str, csr_matrix], np.ndarray, np.ndarray, int]:
    """Keeps the items that train knows, and the users of whom train or what is folded in knows such an item: parts
    reduced to them, their old rows and columns, and the number of other interactions that had to go."""
    train = parts["train"]
    items = np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1]) > 0)
    known = np.diff(train.indptr) > 0
    if FOLD_IN in parts:
        known |= np.diff(parts[FOLD_IN][:, items].indptr) > 0
    users = np.flatnonzero(known)
    kept = {name: part[users][:, items].tocsr() for name, part in parts.items()}
    return kept, users, items, sum(parts[name].nnz - kept[name].nnz for name in parts)


def left_behind(
    parts: dict[str, csr_matrix], users: np.ndarray, items: np.ndarray
) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """What `drop_cold` takes from the parts beside train, given the rows and columns that it keeps: a matrix whose
    first rows and columns are those and whose last are others, and which old ones these others are."""
    lost = sum(part for name, part in parts.items() if name != "train").tocoo()
    others = []
    places = []
    for kept, named, size in ((users, lost.row, lost.shape[0]), (items, lost.col, lost.shape[1])):
        others.append(np.setdiff1d(named, kept))
        place = np.full(size, -1, np.int64)
        place[kept] = np.arange(len(kept))
        place[others[-1]] = len(kept) + np.arange(len(others[-1]))
        places.append(place[named])
    rows, columns = places
    cold = (rows >= len(users)) | (columns >= len(items))
    shape = (len(users) + len(others[0]), len(items) + len(others[1]))
    pairs = csr_matrix((np.ones(int(cold.sum()), np.float32), (rows[cold], columns[cold])), shape)
    return pairs, others[0], others[1]


def without(part: csr_matrix, *earlier: csr_matrix) -> csr_matrix:
    """`part` less what an earlier part holds already."""
    for other in earlier:
        part = (part - part.multiply(other)).tocsr()
        part.eliminate_zeros()
    return part
