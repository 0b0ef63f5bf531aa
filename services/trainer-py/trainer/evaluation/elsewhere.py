"""A model measured on a dataset that it was not trained on: people and items are matched by their ids, and everybody is
folded in by their history there.

A target that the model does not know can never be hit, and counts all the same: in recall's denominator and in the
ideal gain. So does a user of whose history it knows nothing, with 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from ..data.dataset import FOLD_IN, MOST_WHOLE, NO_TIME, Dataset, IdMap
from .evaluate import MaskRule, Questions, Split
from .reference import Reference


def questions_about(dataset: Dataset, own: Dataset, split: Split, rule: MaskRule) -> Questions:
    """The dataset's split for a model of `own`, in its columns. Of a longer history it is given the MOST_WHOLE newest
    items that it knows, of equal times those with the larger ids; without times, the first of its columns."""
    columns, back = _rows_in(own.items, dataset.items), _rows_in(dataset.items, own.items)
    everybody = np.arange(len(dataset.users))
    shape = (len(dataset.users), len(own.items))
    there = Questions.of(Reference(dataset), (split,), (rule,))
    whole = _moved(dataset.history, everybody, columns, shape)
    history = _newest(whole, dataset, columns)
    seen = whole if rule == "train" else _moved(there.seen[rule], everybody, columns, shape)
    return replace(
        there,
        history=history,
        seen={rule: seen},
        truth={split: _moved(there.truth[split], everybody, columns, shape)},
        held_out=np.ones(len(everybody), dtype=bool),
        asked=np.diff(history.indptr) > 0,
        column_of=back,
    )


def learnt_from(part: csr_matrix, dataset: Dataset, own: Dataset) -> int:
    """Interactions of a part of the dataset that are training interactions of `own`."""
    there = _moved(part, _rows_in(own.users, dataset.users), _rows_in(own.items, dataset.items), own.train.shape)
    return int(there.multiply(own.train).nnz)


def unknown_items(part: csr_matrix, dataset: Dataset, own: Dataset) -> int:
    """Items with an interaction in a part of the dataset that `own` does not have."""
    return int(np.count_nonzero(_rows_in(own.items, dataset.items)[np.unique(part.indices)] < 0))


def _rows_in(own: IdMap, ids: IdMap) -> np.ndarray:
    """For each of `ids` its row in `own`, -1 where it is not there; int64."""
    found = pc.index_in(ids.array, value_set=own.array).fill_null(-1)
    rows: np.ndarray = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return rows


def _moved(part: csr_matrix, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """The part in other rows and columns, without what has none (-1); sorted."""
    pairs = part.tocoo()
    row, column = rows[pairs.row], columns[pairs.col]
    has = (row >= 0) & (column >= 0)
    moved = csr_matrix((np.ones(int(has.sum()), np.float32), (row[has], column[has])), shape)
    moved.sort_indices()
    return moved


def _newest(whole: csr_matrix, dataset: Dataset, columns: np.ndarray) -> csr_matrix:
    """The newest MOST_WHOLE of each row of `whole`, which is the dataset's history in other columns."""
    if np.diff(whole.indptr).max(initial=0) <= MOST_WHOLE:
        return whole
    names = [name for name in ("train", FOLD_IN) if name in dataset.parts]
    pairs = [dataset.parts[name].tocoo() for name in names]
    row, column = np.concatenate([one.row for one in pairs]), columns[np.concatenate([one.col for one in pairs])]
    times = dataset.times
    at = np.concatenate(
        [np.full(one.nnz, NO_TIME) if times is None else times[name] for name, one in zip(names, pairs, strict=True)]
    )
    has = column >= 0
    row, column, at = row[has], column[has], at[has]
    # Columns are in the order of the ids.
    oldest_first = np.lexsort((-column if times is None else column, at, row))
    row, column = row[oldest_first], column[oldest_first]
    newer = whole.indptr[1:][row] - np.arange(len(row))
    kept = newer <= MOST_WHOLE
    newest = csr_matrix((np.ones(int(kept.sum()), np.float32), (row[kept], column[kept])), whole.shape)
    newest.sort_indices()
    return newest
