"""EASE: a linear item-item model solved in closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019: B = I - P diag(1 / diag P) with
P = (X'X + lambda I)^-1 and diag(B) = 0 (eq. 8); scores are x B.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import embedding_bag

from ..kernels.graph import sparse_tensor
from ..kernels.ragged import owners
from .footprint import FLOAT, SPARSE_ENTRY, Device, Memory, Sizes
from .recommender import Capability, Config, Histories, Recommender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scipy.sparse import csr_matrix


_NUMBERS_AT_ONCE = 8_000_000  # of the users' inverse, 32 MiB


class EASEConfig(Config):
    reg_weight: Annotated[float, Field(gt=0, le=1e6, description="L2 penalty lambda on the item-item weights.")] = 50.0


class Ridge(Recommender):
    """Solved over items, or over users where they are fewer: with M = (XX' + lambda I)^-1 the Woodbury identity gives
    P = (I - X'MX) / lambda, so an inverse of size users is enough and no item-item matrix is ever stored.

    State: primal `gram_inverse` = P [N, N]; dual `gram_inverse` = M [U, U]; both with `diagonal` = diag P [N].
    """

    family = "linear"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "similar", "closed_form"})
    config_class: ClassVar[type[EASEConfig]] = EASEConfig
    config: EASEConfig

    def __init__(self, config: EASEConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.dual = users < items
        size = min(users, items)
        self.gram_inverse: Tensor
        self.diagonal: Tensor
        self.train_matrix: Tensor
        self.register_buffer("gram_inverse", torch.zeros(size, size))
        self.register_buffer("diagonal", torch.ones(items))
        self.register_buffer("train_matrix", torch.zeros(0), persistent=False)

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """The matrix, its factor and the workspace of the inverse, beside the inverse, which is state."""
        beside = sizes.users_beside if self.dual else sizes.items_beside
        return Memory(3 * self.gram_inverse.nbytes, host=len(self.gram_inverse) * beside * SPARSE_ENTRY)

    def answering_memory(self, sizes: Sizes, device: Device, people: int) -> Memory:
        """Histories as dense rows, their product and their scores."""
        return Memory(3 * people * self.n_items * FLOAT)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        self.train_matrix = sparse_tensor(train).to(self.diagonal.device)
        self._users_of_items = train.T.tocsr()

    def fit(self, train: csr_matrix) -> None:
        gram = train @ train.T if self.dual else train.T @ train
        dense = torch.from_numpy(gram.toarray()).to(self.diagonal.device, torch.float32)
        dense.diagonal().add_(self.config.reg_weight)
        factor = torch.linalg.cholesky(dense)
        del dense  # three matrices of this size at once would be gigabytes for nothing
        inverse = torch.cholesky_inverse(factor, out=self.gram_inverse)  # P [N, N] or M [U, U]
        if not self.dual:
            self.diagonal.copy_(inverse.diagonal())
            return
        users = self._users_of_items
        for item in range(self.n_items):
            mine = torch.from_numpy(users.indices[users.indptr[item] : users.indptr[item + 1]]).long()
            mine = mine.to(inverse.device)  # x_j' M x_j is the sum of M over the pairs of the item's users
            quadratic = inverse[mine[:, None], mine].sum(dtype=torch.float64)
            self.diagonal[item] = (1 - quadratic) / self.config.reg_weight

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        x = _dense(batch, self.n_items)  # [B, N]
        product = self._dual_product(batch, x) if self.dual else x @ self.gram_inverse
        return x - product / self.diagonal  # x B, the zero diagonal included

    @torch.no_grad()
    def contributions(self, batch: Histories, items: Tensor) -> Tensor:
        """B_li for each item l of a history: the score is their sum."""
        targets = items[owners(batch.indptr)]  # [nnz, M]
        if self.dual:
            products = torch.cat([batch.indices.new_zeros(0, items.shape[1]), *self._quadratic(batch, items)])
            weights = products / (self.config.reg_weight * self.diagonal[targets])
        else:
            weights = -self.gram_inverse[batch.indices[:, None], targets] / self.diagonal[targets]
        return weights.masked_fill_(targets == batch.indices[:, None], 0.0)

    def _quadratic(self, batch: Histories, items: Tensor) -> Iterator[Tensor]:
        """x_l' M x_i for each item l of the histories and i of its user's `items`, some l at a time, [., M]."""
        at_once = max(1, _NUMBERS_AT_ONCE // self.n_users)
        for row, (start, end) in enumerate(pairwise(batch.indptr.tolist())):
            for some in torch.split(batch.indices[start:end], at_once):
                through = self._sums_over_users(some, self.gram_inverse)  # x_l' M [., U]
                yield self._sums_over_users(items[row], through.T.contiguous()).T

    def _sums_over_users(self, items: Tensor, table: Tensor) -> Tensor:
        """Sums of the rows of `table` [U, d] over the users of each item, [., d]."""
        chosen = self._users_of_items[items.cpu().numpy()]
        users, starts = (
            torch.from_numpy(part.astype(np.int64)).to(table.device) for part in (chosen.indices, chosen.indptr[:-1])
        )
        return embedding_bag(users, table, starts, mode="sum")

    def _dual_product(self, batch: Histories, x: Tensor) -> Tensor:
        """x P [B, N]. For the rows of X it is a row of M X, for XP = MX: no product with the whole of M is needed."""
        to_items = self.train_matrix.transpose(0, 1)
        known = batch.users >= 0
        if bool(known.all()):
            return (to_items @ self.gram_inverse[batch.users].T).T
        to_users = (self.train_matrix @ x.T).T  # [B, U]
        projected = (to_items @ (to_users @ self.gram_inverse).T).T
        return (x - projected) / self.config.reg_weight


def _dense(batch: Histories, items: int) -> Tensor:
    rows = torch.repeat_interleave(torch.arange(len(batch), device=batch.users.device), batch.indptr.diff())
    x = torch.zeros(len(batch), items, device=batch.users.device)
    x[rows, batch.indices] = 1
    return x
