"""iALS: matrix factorisation of all user-item pairs, solved for one side at a time.

Hu et al., "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, with the objective and the regulariser
of Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022 (eq. 1-3):

L = sum over pairs in S of (w_u.h_i - 1)^2 + alpha0 sum over all u, i of (w_u.h_i)^2
    + reg (sum_u (n_u + alpha0 N)^nu |w_u|^2 + sum_i (n_i + alpha0 U)^nu |h_i|^2)

Blocks of coordinates are solved in turn as in Rendle et al., "iALS++: Speeding up Matrix Factorization with Subspace
Optimization", 2021 (algorithm 1); a block as wide as the vectors is plain iALS.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..contract.factorised import Factorised
from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.recommender import Capability, EpochConfig, Histories, StepContext, Unit

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_NUMBERS_AT_ONCE = 16_000_000  # of gathered vectors, 64 MiB of float32


class IALSConfig(EpochConfig):
    first = ("embedding_size", "reg_weight", "alpha0", "epochs")
    epochs: Annotated[int, Field(ge=1, le=10_000, description="Most sweeps over users and items.")] = 16
    patience: Annotated[
        int, Field(ge=1, le=10_000, description="Stop after this many sweeps without a better validation recall.")
    ] = 3
    embedding_size: Annotated[int, Field(ge=1, le=4096, description="Width d of the vectors; its main lever.")] = 256
    alpha0: Annotated[float, Field(gt=0, le=100, description="Weight of the pairs that nobody chose.")] = 0.01
    reg_weight: Annotated[float, Field(gt=0, le=1e3, description="L2 penalty on the vectors.")] = 0.01
    nu: Annotated[float, Field(ge=0, le=2, description="Power of a row's weight in its penalty.")] = 1.0
    block_size: Annotated[int, Field(ge=1, le=4096, description="Coordinates solved at once (iALS++).")] = 128


class IALS(Factorised):
    name = "ials"
    title = "iALS"
    paper = "Rendle et al., Revisiting the Performance of iALS on Item Recommendation Benchmarks, RecSys 2022"
    paper_url = "https://doi.org/10.1145/3523227.3548486"
    family = "factorisation"
    summary = "Least squares over all pairs, solved by turns; strong when its vectors are wide."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "similar"})
    config_class = IALSConfig
    config: IALSConfig
    trains_on: ClassVar[Unit] = "sweeps"

    def __init__(self, config: IALSConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.user_embedding = nn.Parameter(torch.zeros(users, config.embedding_size))  # W
        self.item_embedding = nn.Parameter(torch.zeros(items, config.embedding_size))  # H

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Gathered vectors with and without their mask, a block of them, the systems and their factors."""
        d = self.config.embedding_size
        numbers = min(_NUMBERS_AT_ONCE, max(self.n_users, self.n_items) * d * max(sizes.history(1), d))
        return Memory(5 * numbers * FLOAT, host=2 * sizes.train * FLOAT)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        for table in (self.user_embedding, self.item_embedding):
            nn.init.normal_(table, std=0.1 / math.sqrt(self.config.embedding_size), generator=generator)
        self._train = train

    def sweep(self, context: StepContext) -> float:
        by_user, by_item = self._train, self._train.T.tocsr()
        self._solve(self.user_embedding.data, self.item_embedding.data, by_user.indptr, by_user.indices)
        self._solve(self.item_embedding.data, self.user_embedding.data, by_item.indptr, by_item.indices)
        return self._objective()

    def vectors(self) -> tuple[Tensor, Tensor]:
        return self.user_embedding, self.item_embedding

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        known = batch.users >= 0
        vectors = self.user_embedding[batch.users.clamp(min=0)]  # [B, d]
        if not known.all():
            # Until nothing moves: a newcomer's vector is the one that training would have given, items held fixed.
            folded = torch.zeros_like(vectors)
            for _ in range(1 if self.config.block_size >= self.config.embedding_size else 8):
                indptr, indices = batch.indptr.cpu().numpy(), batch.indices.cpu().numpy()
                self._solve(folded, self.item_embedding.data, indptr, indices)
            vectors = torch.where(known[:, None], vectors, folded)
        return vectors @ self.item_embedding.T

    def _solve(self, own: Tensor, other: Tensor, indptr: np.ndarray, indices: np.ndarray) -> None:
        """Newton steps for the rows of `own` [n, d] in place, one a block of coordinates; `other` [m, d] is fixed.

        Row r was chosen with the rows indices[indptr[r]:indptr[r+1]] of `other`.
        """
        gram = self.config.alpha0 * (other.T @ other)  # [d, d]
        penalties = self._penalties(indptr, len(other), own)
        for rows, chosen, mask in _padded(indptr, indices, own):
            mine, theirs = own[rows], other[chosen] * mask[..., None]  # [c, d], [c, L, d]; padding is zero
            penalty = penalties[rows, None]
            for start in range(0, own.shape[1], self.config.block_size):
                block = slice(start, min(start + self.config.block_size, own.shape[1]))
                part = theirs[..., block]  # [c, L, b]
                error = (theirs @ mine[..., None])[..., 0] - mask  # [c, L]; padding has none
                gradient = (error[:, None] @ part)[:, 0] + mine @ gram[:, block] + penalty * mine[:, block]
                hessian = part.transpose(1, 2) @ part + gram[block, block]
                hessian.diagonal(dim1=1, dim2=2).add_(penalty)
                step = torch.cholesky_solve(gradient[..., None], torch.linalg.cholesky(hessian))[..., 0]
                mine[:, block] -= step
            own[rows] = mine

    def _penalties(self, indptr: np.ndarray, others: int, like: Tensor) -> Tensor:
        degrees = torch.from_numpy(np.diff(indptr)).to(like)
        penalties: Tensor = self.config.reg_weight * (degrees + self.config.alpha0 * others) ** self.config.nu
        return penalties

    def _objective(self) -> float:
        """L over the train matrix, divided by its number of pairs."""
        users, items, train = self.user_embedding.data, self.item_embedding.data, self._train
        owners = torch.from_numpy(np.repeat(np.arange(self.n_users), np.diff(train.indptr)))
        chosen = torch.from_numpy(train.indices.astype(np.int64))
        at_once = max(1, _NUMBERS_AT_ONCE // users.shape[1])
        squares = 0.0
        for mine, theirs in zip(torch.split(owners, at_once), torch.split(chosen, at_once), strict=True):
            squares += float((1 - (users[mine] * items[theirs]).sum(1)).square().sum())
        everything = self.config.alpha0 * float(((users.T @ users) * (items.T @ items)).sum())
        penalties = [
            float((self._penalties(part.indptr, len(other), own) * own.square().sum(1)).sum())
            for own, other, part in ((users, items, train), (items, users, train.T.tocsr()))
        ]
        return (squares + everything + sum(penalties)) / max(int(train.nnz), 1)


def _padded(indptr: np.ndarray, indices: np.ndarray, like: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows of like length together: their numbers [c], what they chose [c, L] padded with 0, and the mask [c, L]."""
    lengths = np.diff(indptr)
    order = np.argsort(lengths, kind="stable")
    end = len(order)
    while end > 0:
        longest = max(int(lengths[order[end - 1]]), 1)
        width = like.shape[1] * max(longest, like.shape[1])  # the gathered vectors, or the system of each row
        rows = order[max(0, end - max(1, _NUMBERS_AT_ONCE // width)) : end]
        end -= len(rows)
        places = np.arange(longest)
        mask = places < lengths[rows, None]
        chosen = np.zeros(mask.shape, np.int64)
        chosen[mask] = indices[(indptr[rows, None] + places)[mask]]
        yield (
            torch.from_numpy(rows).to(like.device),
            torch.from_numpy(chosen).to(like.device),
            torch.from_numpy(mask).to(like),
        )
