"""Models that score by summing, over the history, similarities kept in a sparse item-item matrix."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from .footprint import SCIPY_SORT_ENTRY, SPARSE_ENTRY, Device, Memory, Sizes
from .recommender import Capability, Config, Histories, Recommender

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS_AT_ONCE = 1024  # bounds the strip of co-occurrences in memory


class ItemSimilarity(Recommender):
    """State: for each item k others, `neighbours` [N, k] and `weights` [N, k], 0 where fewer exist.

    `rows_are` says what a row holds: the sources whose history brings the item in, or the targets that it brings in.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "similar", "closed_form"})
    rows_are: ClassVar[Literal["sources of a target", "targets of a source"]] = "sources of a target"

    def __init__(self, config: Config, users: int, items: int, k: int) -> None:
        super().__init__(config, users, items)
        kept = min(k, items)
        self.neighbours: Tensor
        self.weights: Tensor
        self.register_buffer("neighbours", torch.zeros(items, kept, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(items, kept))

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """One strip of co-occurrences, whose largest are sought."""
        return Memory(host=ROWS_AT_ONCE * sizes.items_beside * SCIPY_SORT_ENTRY)

    def answering_memory(self, sizes: Sizes, device: Device, people: int) -> Memory:
        """The similarities as a sparse matrix, which is made from a copy, and its product with the histories."""
        similarity = 2 * self.neighbours.numel() * SPARSE_ENTRY
        reached = min(self.n_items, sizes.history(1) * self.neighbours.shape[1])
        products = people * reached * SPARSE_ENTRY
        return super().answering_memory(sizes, device, people) + Memory(host=similarity + products)

    @abstractmethod
    def rows(self, train: csr_matrix) -> Iterator[csr_matrix]:
        """The rows of all items in order, in strips of any height, each at most k entries a row."""

    def fit(self, train: csr_matrix) -> None:
        self.__dict__.pop("_similarity", None)
        first = 0
        for strip in self.rows(train):
            rows = np.repeat(np.arange(strip.shape[0]), np.diff(strip.indptr))
            slot = (torch.from_numpy(first + rows), torch.from_numpy(np.arange(rows.size) - strip.indptr[rows]))
            self.neighbours[slot] = torch.from_numpy(strip.indices.astype(np.int32)).to(self.weights.device)
            self.weights[slot] = torch.from_numpy(strip.data.astype(np.float32)).to(self.weights.device)
            first += strip.shape[0]

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        history = sparse_histories(batch, self.n_items)
        return torch.from_numpy((history @ self._similarity).toarray()).to(self.weights.device)

    def likeness(self, item: Tensor) -> Tensor:
        """The larger of the weights from and to it: an item that is nobody's neighbour still has its own."""
        column = int(item)
        there, back = self._similarity[[column]], self._similarity[:, [column]].T
        return torch.from_numpy(there.maximum(back).toarray()[0]).to(self.weights.device)

    @torch.no_grad()
    def contributions(self, batch: Histories, items: Tensor) -> Tensor:
        """Their weights: the score is their sum."""
        found = torch.empty(len(batch.indices), items.shape[1])
        ends, indices, columns = (part.cpu().numpy() for part in (batch.indptr, batch.indices, items))
        for row, (start, end) in enumerate(pairwise(ends)):
            weights = self._similarity[indices[start:end]][:, columns[row]]
            found[start:end] = torch.from_numpy(weights.toarray())
        return found.to(self.weights.device)

    @cached_property
    def _similarity(self) -> csr_matrix:
        """W [N sources, N targets] from the state."""
        owners = np.repeat(np.arange(self.n_items), self.neighbours.shape[1])
        others = self.neighbours.cpu().numpy().ravel()
        pairs: Sequence[np.ndarray] = (others, owners) if self.rows_are == "sources of a target" else (owners, others)
        similarity = csr_matrix((self.weights.cpu().numpy().ravel(), pairs), (self.n_items, self.n_items))
        similarity.eliminate_zeros()
        return similarity


def sparse_histories(batch: Histories, items: int) -> csr_matrix:
    """The batch as a binary matrix [B, N]."""
    ones = np.ones(len(batch.indices), np.float32)
    return csr_matrix((ones, batch.indices.cpu().numpy(), batch.indptr.cpu().numpy()), (len(batch), items))
