"""The largest entries of each row."""

import numpy as np
from scipy.sparse import csr_matrix

from trainer.kernels.neighbours import largest_of_rows


def test_keeps_the_largest_in_falling_order_with_ties_to_the_lower_column() -> None:
    matrix = csr_matrix(np.array([[0.5, 2, 0.5, 0.5], [0, 0, 0, 0], [-1, 0, 3, 0]], dtype=np.float32))
    kept = largest_of_rows(matrix, 3)
    assert kept.indptr.tolist() == [0, 3, 3, 4]  # negative entries are no neighbours
    assert kept.indices.tolist() == [1, 0, 2, 2]
    assert kept.data.tolist() == [2, 0.5, 0.5, 3]
