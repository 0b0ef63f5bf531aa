"""The largest entries of each row of a sparse matrix."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix


def largest_of_rows(matrix: csr_matrix, k: int) -> csr_matrix:
    """`matrix` [n, m] with at most its k largest positive entries a row, largest first, ties to the lower column."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    # One sort for all rows: by row, then by falling value, then by column, so that ties are stable.
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.arange(rows.size) - matrix.indptr[rows]  # of the sorted entries, as each row keeps its place
    kept = order[(rank < k) & (matrix.data[order] > 0)]
    counts = np.bincount(rows[kept], minlength=matrix.shape[0])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), matrix.shape)
