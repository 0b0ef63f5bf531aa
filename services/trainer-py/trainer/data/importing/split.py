"""Interactions become train, valid and test."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from .rule import RatioSplit


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
    user = np.repeat(np.arange(matrix.shape[0]), sizes)
    chance = np.random.Generator(np.random.Philox(rule.seed)).random(matrix.nnz)
    order = np.lexsort((chance, user))
    rank = np.empty(matrix.nnz, np.int64)
    rank[order] = np.arange(matrix.nnz) - matrix.indptr[user]

    valid, test = (np.floor(sizes * ratio + 1e-9).astype(np.int64) for ratio in rule.ratios[1:])
    for part, ratio, other in ((test, rule.ratios[2], valid), (valid, rule.ratios[1], test)):
        if ratio > 0:
            part[(part == 0) & (sizes - other > 1)] = 1
    name = np.where(rank < test[user], 2, np.where(rank < (test + valid)[user], 1, 0))
    return {part: _chosen(matrix, user, name == number) for number, part in enumerate(("train", "valid", "test"))}


def _chosen(matrix: csr_matrix, user: np.ndarray, keep: np.ndarray) -> csr_matrix:
    return csr_matrix((matrix.data[keep], (user[keep], matrix.indices[keep])), matrix.shape)


def drop_cold(parts: dict[str, csr_matrix]) -> tuple[dict[str, csr_matrix], np.ndarray, np.ndarray, int]:
    """Keeps the users and items that train knows: parts reduced to them, their old rows and columns, and the number
    of validation and test interactions that had to go."""
    train = parts["train"]
    users = np.flatnonzero(np.diff(train.indptr) > 0)
    items = np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1]) > 0)
    kept = {name: part[users][:, items].tocsr() for name, part in parts.items()}
    return kept, users, items, sum(parts[name].nnz - kept[name].nnz for name in parts)


def left_behind(
    parts: dict[str, csr_matrix], users: np.ndarray, items: np.ndarray
) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """What `drop_cold` takes from validation and test, given the rows and columns that it keeps: a matrix whose first
    rows and columns are those and whose last are others, and which old ones these others are."""
    lost = (parts["valid"] + parts["test"]).tocoo()
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
