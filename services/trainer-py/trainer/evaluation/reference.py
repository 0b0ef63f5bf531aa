"""What metrics of lists hold recommendations against. It follows from the training part of the dataset that is measured
and from its tags, never from a model, so that all models are held against the same. Each part is made when it is first
asked for.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, diags

from ..data.dataset import Dataset
from ..kernels.clusters import spherical_k_means

# The most popular items that together hold so many of the training interactions are no long tail.
SHORT_HEAD_PERCENT = 80
# Groups of items where the dataset has no tags.
CLUSTERS = 20
_SEED = 0


class Reference:
    """Of a dataset with U users and N items."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @cached_property
    def popularity(self) -> np.ndarray:
        """Training interactions of each item, [N] int64."""
        return np.bincount(self.dataset.train.indices, minlength=self.dataset.train.shape[1]).astype(np.int64)

    @cached_property
    def information(self) -> np.ndarray:
        """-log2 of the share of training users who have the item, [N] float64."""
        users = np.count_nonzero(np.diff(self.dataset.train.indptr))
        shares = np.maximum(self.popularity, 1) / max(users, 1)
        information: np.ndarray = -np.log2(shares)
        return information

    @cached_property
    def is_tail(self) -> np.ndarray:
        """Which items are outside the short head, [N] bool. Of items that are as popular the first ones come first."""
        by_popularity = np.argsort(-self.popularity, kind="stable")
        held = self.popularity[by_popularity]
        before = held.cumsum() - held
        is_tail = np.ones(len(held), dtype=bool)
        is_tail[by_popularity[before * 100 < held.sum() * SHORT_HEAD_PERCENT]] = False
        return is_tail

    @cached_property
    def vectors(self) -> csr_matrix:
        """The columns of the training matrix as unit rows, [N, U] float64; 0 of an item that nobody has."""
        lengths = np.sqrt(np.maximum(self.popularity, 1))
        return (diags(1 / lengths) @ self.dataset.train.T.astype(np.float64)).tocsr()

    @cached_property
    def shares(self) -> csr_matrix:
        """p(g|i), [N, G]: how much of each item belongs to each group, summing to 1, or nothing of an item without one.
        Its tags alike where the dataset has tags, else the cluster of its column."""
        tags = self.dataset.tags
        if tags.names:
            indptr, groups, count = tags.indptr, tags.indices, len(tags.names)
        else:
            has = self.popularity > 0
            indptr, count = np.concatenate([[0], has.cumsum()]), CLUSTERS
            groups = spherical_k_means(self.vectors, CLUSTERS, np.random.default_rng(_SEED))[has]
        shape = (len(indptr) - 1, count)
        return _rows_to_one(csr_matrix((np.ones(len(groups)), groups, indptr), shape))

    @cached_property
    def interests(self) -> csr_matrix:
        """p(g|u), [U, G]: the mean of the shares over each user's history, summing to 1, or nothing."""
        return _rows_to_one((self.dataset.history.astype(np.float64) @ self.shares).tocsr())


def _rows_to_one(matrix: csr_matrix) -> csr_matrix:
    sums = np.asarray(matrix.sum(1)).ravel()
    return (diags(1 / np.where(sums > 0, sums, 1)) @ matrix).tocsr()
