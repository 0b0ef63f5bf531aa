"""RP3beta: random walks of three steps over the interaction graph, popular ends held back.

Paudel et al., "Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive Applications", TiiS 2017:
transition probabilities raised to alpha (section 3.2), ends divided by their degree to the beta (section 3.3). A walk
from a user over an item i of the history to an item j weighs
w_ij = sum_u (1/d_i)^alpha (1/d_u)^alpha / d_j^beta. As the evaluation of Ferrari Dacrema et al., RecSys 2019, each item
keeps its k heaviest targets and the first step weighs every item of the history alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix, diags_array

from ..kernels.neighbours import largest_of_rows
from .item_similarity import ROWS_AT_ONCE, ItemSimilarity
from .recommender import Config


class RP3betaConfig(Config):
    k: Annotated[int, Field(ge=1, le=10_000, description="Targets kept for each item.")] = 500
    alpha: Annotated[float, Field(ge=0, le=5, description="Power of the transition probabilities.")] = 0.6
    beta: Annotated[float, Field(ge=0, le=5, description="How much popular items are held back.")] = 0.3


class RandomWalks(ItemSimilarity):
    family = "neighbourhood"
    config_class: ClassVar[type[RP3betaConfig]] = RP3betaConfig
    config: RP3betaConfig
    rows_are: ClassVar[Literal["sources of a target", "targets of a source"]] = "targets of a source"

    def __init__(self, config: RP3betaConfig, users: int, items: int) -> None:
        super().__init__(config, users, items, config.k)

    def rows(self, train: csr_matrix) -> Iterator[csr_matrix]:
        alpha, beta = self.config.alpha, self.config.beta
        users = np.maximum(np.diff(train.indptr), 1).astype(np.float32)
        items = np.maximum(np.bincount(train.indices, minlength=self.n_items), 1).astype(np.float32)
        steps_in = csr_matrix(diags_array(items**-alpha) @ train.T)  # item → user [N, U]
        steps_out = csr_matrix(diags_array(users**-alpha) @ train @ diags_array(items**-beta))  # user → item [U, N]
        for start in range(0, self.n_items, ROWS_AT_ONCE):
            walks = (steps_in[start : start + ROWS_AT_ONCE] @ steps_out).tocsr()
            own = start + np.repeat(np.arange(walks.shape[0]), np.diff(walks.indptr))
            walks.data[walks.indices == own] = 0  # a walk that comes back recommends nothing
            yield largest_of_rows(walks, self.config.k)
