"""UserKNN: what people with similar histories have, by shrunk cosine similarity.

Herlocker et al., "An Algorithmic Framework for Performing Collaborative Filtering", SIGIR 1999, for implicit
feedback: s_uv = |I_u and I_v| / (sqrt(|I_u| |I_v|) + shrink); an item scores the sum of s_uv over the k nearest users
who have it.

An overlap counts the items in common one by one, so once the neighbours are found a score is a sum over the history:
item l adds to item i the sum, over the neighbours v who have both, of 1 / (sqrt(|I_u| |I_v|) + shrink).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix
from torch import Tensor

from ..contract.footprint import SPARSE_ENTRY, Device, Memory, Sizes
from ..contract.item_similarity import sparse_histories
from ..contract.recommender import Capability, Config, Histories, Recommender
from ..kernels.neighbours import largest_of_rows


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
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "similar", "closed_form"})
    config_class = UserKNNConfig
    config: UserKNNConfig

    def __init__(self, config: UserKNNConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.norms: Tensor
        self.register_buffer("norms", torch.zeros(users))

    def answering_memory(self, sizes: Sizes, device: Device, people: int) -> Memory:
        """Who overlaps with whom, or what the nearest have; the train matrix twice."""
        overlaps = people * sizes.users_beside * 5 * SPARSE_ENTRY
        theirs = people * min(self.n_items, sizes.history(self.config.k)) * SPARSE_ENTRY
        matrices = 2 * sizes.train * SPARSE_ENTRY
        return super().answering_memory(sizes, device, people) + Memory(host=matrices + max(overlaps, theirs))

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        self._train = train.astype(np.float32)
        self._columns = self._train.T.tocsr()  # [N, U]

    def fit(self, train: csr_matrix) -> None:
        self.norms.copy_(torch.from_numpy(np.sqrt(np.diff(train.indptr).astype(np.float32))))

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        nearest = self._nearest(batch, sparse_histories(batch, self.n_items))
        return torch.from_numpy((nearest @ self._train).toarray()).to(self.norms.device)  # [B, N]

    @torch.no_grad()
    def contributions(self, batch: Histories, items: Tensor) -> Tensor:
        history = sparse_histories(batch, self.n_items)
        nearest = self._nearest(batch, history)
        found = torch.empty(len(history.indices), items.shape[1])
        for row, (start, end) in enumerate(pairwise(history.indptr)):
            users = nearest.indices[nearest.indptr[row] : nearest.indptr[row + 1]]
            theirs = self._train[users]  # [k, N]
            counted = theirs[:, history.indices[start:end]].multiply(1 / self._norms(end - start, users)[:, None])
            found[start:end] = torch.from_numpy((counted.T @ theirs[:, items[row].cpu().numpy()]).toarray())
        return found.to(self.norms.device)

    def _nearest(self, batch: Histories, history: csr_matrix) -> csr_matrix:
        """s of the k nearest users, [B, U]; `history` is the batch as a matrix."""
        overlap = (history @ self._columns).tocsr()  # [B, U]
        row = np.repeat(np.arange(len(batch)), np.diff(overlap.indptr))
        overlap.data /= self._norms(np.diff(history.indptr)[row], overlap.indices)
        overlap.data[overlap.indices == batch.users.cpu().numpy()[row]] = 0  # nobody is their own neighbour
        return largest_of_rows(overlap, self.config.k)

    def _norms(self, sizes: np.ndarray | int, users: np.ndarray) -> np.ndarray:
        """What the overlap of a history of so many items with each of `users` is divided by."""
        own = np.sqrt(np.asarray(sizes, np.float32))
        divisors: np.ndarray = own * self.norms.cpu().numpy()[users] + np.float32(self.config.shrink)
        return divisors
