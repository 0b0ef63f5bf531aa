"""UserKNN: what people with similar histories have, by shrunk cosine similarity.

Herlocker et al., "An Algorithmic Framework for Performing Collaborative Filtering", SIGIR 1999, for implicit
feedback: s_uv = |I_u and I_v| / (sqrt(|I_u| |I_v|) + shrink); an item scores the sum of s_uv over the k nearest users
who have it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix
from torch import Tensor

from ..item_similarity import sparse_histories
from ..kernels.neighbours import largest_of_rows
from ..recommender import Capability, Config, Histories, Recommender


class UserKNNConfig(Config):
    k: Annotated[int, Field(ge=1, le=10_000, description="Similar users asked.")] = 200
    shrink: Annotated[
        float, Field(ge=0, le=1e6, description="Added to the denominator, so that short overlaps count less.")
    ] = 10.0


class UserKNN(Recommender):
    """The train matrix is the whole model; `norms` [U], the root of each user's number of items, is its state."""

    name = "userknn"
    title = "UserKNN"
    paper = "Herlocker et al., An Algorithmic Framework for Performing Collaborative Filtering, SIGIR 1999"
    paper_url = "https://doi.org/10.1145/312624.312682"
    family = "neighbourhood"
    summary = "What the people with the most similar histories have; no training."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "closed_form"})
    config_class = UserKNNConfig
    config: UserKNNConfig

    def __init__(self, config: UserKNNConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.norms: Tensor
        self.register_buffer("norms", torch.zeros(users))

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        self._train = train.astype(np.float32)
        self._columns = self._train.T.tocsr()  # [N, U]

    def fit(self, train: csr_matrix) -> None:
        self.norms.copy_(torch.from_numpy(np.sqrt(np.diff(train.indptr).astype(np.float32))))

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        history = sparse_histories(batch, self.n_items)
        overlap = (history @ self._columns).tocsr()  # [B, U]
        row = np.repeat(np.arange(len(batch)), np.diff(overlap.indptr))
        own = np.sqrt(np.diff(history.indptr).astype(np.float32))
        overlap.data /= own[row] * self.norms.cpu().numpy()[overlap.indices] + self.config.shrink
        overlap.data[overlap.indices == batch.users.cpu().numpy()[row]] = 0  # nobody is their own neighbour
        nearest = largest_of_rows(overlap, self.config.k)
        return torch.from_numpy((nearest @ self._train).toarray()).to(self.norms.device)  # [B, N]
