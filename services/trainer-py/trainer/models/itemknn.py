"""ItemKNN: neighbourhood recommendation with shrunk cosine similarity.

Deshpande & Karypis, "Item-based Top-N Recommendation Algorithms", TOIS 2004; shrinkage after Bell & Koren, ICDM 2007:
w_ij = g_ij / (sqrt(g_i g_j) + shrink), with g_ij the number of users who have both and g_i = g_ii.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from ..contract.item_similarity import ROWS_AT_ONCE, ItemSimilarity
from ..contract.recommender import Config
from ..kernels.neighbours import largest_of_rows


class ItemKNNConfig(Config):
    k: Annotated[int, Field(ge=1, le=10_000, description="Neighbours kept for each item.")] = 1000
    shrink: Annotated[
        float, Field(ge=0, le=1e6, description="Added to the denominator, so that rare pairs count less.")
    ] = 10.0


class ItemKNN(ItemSimilarity):
    name = "itemknn"
    title = "ItemKNN"
    paper = "Deshpande & Karypis, Item-based Top-N Recommendation Algorithms, TOIS 2004"
    paper_url = "https://doi.org/10.1145/963770.963776"
    family = "neighbourhood"
    summary = "Items like those in the history, by shrunk cosine similarity; no training, hard to beat on small data."
    config_class = ItemKNNConfig
    config: ItemKNNConfig

    def __init__(self, config: ItemKNNConfig, users: int, items: int) -> None:
        super().__init__(config, users, items, config.k)

    def rows(self, train: csr_matrix) -> Iterator[csr_matrix]:
        columns = train.T.tocsr()  # [N, U]
        norms = np.sqrt(np.diff(columns.indptr).astype(np.float32))
        for start in range(0, self.n_items, ROWS_AT_ONCE):
            counts = (columns[start : start + ROWS_AT_ONCE] @ train).tocsr()  # co-occurrences [rows, N]
            own = start + np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
            counts.data /= norms[own] * norms[counts.indices] + self.config.shrink
            counts.data[counts.indices == own] = 0  # an item is no neighbour of itself
            yield largest_of_rows(counts, self.config.k)
