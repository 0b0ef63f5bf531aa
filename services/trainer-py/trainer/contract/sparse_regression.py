"""SLIM: a sparse, non-negative linear item-item model.

Ning & Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011: for each item j
min over w >= 0, w_j = 0 of 1/2 |x_j - X w|^2 + beta/2 |w|^2 + lambda |w|_1 (eq. 3). An item that never co-occurs with j
has no weight in that minimum, so the others are all that need be looked at (`candidates` all). fsSLIM, the paper's own
shortcut, looks at the k most alike of them (section 4.3); it costs 1 % of recall on Citeulike-a, and is for data on
which all would take too long. The penalties are scaled as in scikit-learn's ElasticNet, which the usual implementations
call: lambda = U alpha l1_ratio, beta = U alpha (1 - l1_ratio).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from ..kernels.neighbours import largest_of_rows
from ..kernels.threads import cores, spread
from .footprint import SPARSE_ENTRY, Device, Memory, Sizes
from .item_similarity import ROWS_AT_ONCE, ItemSimilarity
from .recommender import Config


class SLIMConfig(Config):
    first: ClassVar[tuple[str, ...]] = ("alpha", "l1_ratio", "k")
    alpha: Annotated[float, Field(gt=0, le=100, description="Weight of both penalties.")] = 0.005
    l1_ratio: Annotated[float, Field(ge=0, le=1, description="Share of the L1 penalty; the rest is L2.")] = 0.01
    candidates: Annotated[
        Literal["nearest", "all"],
        Field(description="Items that may get a weight: all that co-occur, or the k most alike (cosine): a shortcut."),
    ] = "all"
    k: Annotated[int, Field(ge=1, le=2000, description="Candidates of an item, and most weights kept of it.")] = 400
    max_iter: Annotated[int, Field(ge=1, le=10_000, description="Most sweeps over the weights of an item.")] = 50
    tol: Annotated[float, Field(ge=0, le=1, description="Ends when no weight of a sweep moves more.")] = 1e-4


class SparseRegression(ItemSimilarity):
    family = "linear"
    config_class: ClassVar[type[SLIMConfig]] = SLIMConfig
    config: SLIMConfig

    def __init__(self, config: SLIMConfig, users: int, items: int) -> None:
        super().__init__(config, users, items, config.k)

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """The co-occurrences of all items besides; each of the threads solves for one item with a dense matrix."""
        gram = self.n_items * sizes.items_beside * SPARSE_ENTRY
        return super().training_memory(sizes, device) + Memory(host=gram)

    def rows(self, train: csr_matrix) -> Iterator[csr_matrix]:
        columns = train.T.tocsr().astype(np.float32)  # [N, U]
        gram = (columns @ train).tocsr()  # X'X [N, N]
        norms = np.sqrt(np.diff(columns.indptr).astype(np.float32))
        for start in range(0, self.n_items, ROWS_AT_ONCE):
            strip = gram[start : start + ROWS_AT_ONCE].copy()
            own = start + np.repeat(np.arange(strip.shape[0]), np.diff(strip.indptr))
            strip.data /= norms[own] * norms[strip.indices]
            strip.data[strip.indices == own] = 0
            strip.eliminate_zeros()
            candidates = strip if self.config.candidates == "all" else largest_of_rows(strip, self.config.k)
            parts = spread(lambda part, of: self._solve(gram, candidates, start, part, of), cores())  # noqa: B023
            solved = np.concatenate(parts)
            found = csr_matrix((solved, candidates.indices, candidates.indptr), candidates.shape)
            yield largest_of_rows(found, self.config.k)

    def _solve(self, gram: csr_matrix, candidates: csr_matrix, start: int, part: int, of: int) -> np.ndarray:
        """Weights of one of the equal shares of a strip's items, in the order of their candidates."""
        from ..kernels.coordinate_descent import solve

        bounds = np.linspace(0, candidates.shape[0], of + 1).astype(int)
        l1 = self.n_users * self.config.alpha * self.config.l1_ratio
        l2 = self.n_users * self.config.alpha * (1 - self.config.l1_ratio)
        answers = [np.zeros(0, np.float32)]
        for row in range(bounds[part], bounds[part + 1]):
            chosen = candidates.indices[candidates.indptr[row] : candidates.indptr[row + 1]]
            dense = gram[chosen][:, chosen].toarray()
            target = gram[start + row, chosen].toarray()[0] if chosen.size else np.zeros(0, np.float32)
            answers.append(solve(dense, target, l1, l2, self.config.max_iter, self.config.tol))
        return np.concatenate(answers)
