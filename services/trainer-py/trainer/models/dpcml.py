"""DPCML: metric learning with several vectors a user, of which the nearest decides.

Bao et al., "The Minority Matters: A Diversity-Promoting Collaborative Metric Learning Algorithm", NeurIPS 2022. With
vectors g_u^1 .. g_u^C of a user on the unit sphere, items v within the unit ball, and s(u, i) = min_c |g_u^c - v_i|^2:
  loss   sum of max(0, margin + s(u, i) - s(u, j)) over pairs (u, i) and items j that u does not have (eq. 3)
  DPCML1 all of the drawn j; DPCML2 the nearest of them alone (`negatives` uniform or hard, appendix)
  plus   eta times the mean over users of psi_u, which keeps a user's vectors neither too near nor too far (eq. 6)
As statusrank/DPCML: the loss is a sum over the batch where the paper takes a mean, and psi_u is taken pair by pair,
  psi_u = 1 / C^2 sum over c, c' of max(0, m1 - |g_u^c - g_u^c'|^2) + max(0, |g_u^c - g_u^c'|^2 - m2), c != c',
where the paper first averages the distances. That code goes over all users in every step (`diversity` all); a shortcut
goes over those of the batch, each weighted by the inverse of how often it comes, so that the expectation is the mean
over the users who have anything. Items are drawn for each step, not once an epoch, and vectors are on the sphere from
the start. Of the published steps (1e-3 to 1e-2) the longest is the default, with batches of 1024 pairs in place of 256.

Shapes: B pairs or users, C vectors of a user, M drawn items, N items, d vectors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.recommender import Capability, Histories, Interactions, Recommender, StepConfig, StepContext, Unit
from ..kernels.negatives import Negatives

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

EPS = 1e-12


class DPCMLConfig(StepConfig):
    first = ("k", "embedding_size", "epochs", "learning_rate")
    learning_rate: Annotated[float, Field(gt=0, le=1, description="Step size of Adam.")] = 1e-2
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Interactions in one gradient step.")] = 1024
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of the vectors.")] = 100
    k: Annotated[int, Field(ge=1, le=64, description="Vectors of a user (C); 1: collaborative metric learning.")] = 5
    margin: Annotated[float, Field(gt=0, le=4, description="How much nearer a pair is to be than a drawn one.")] = 1.0
    negatives: Annotated[
        Literal["uniform", "hard"],
        Field(description="Drawn items that count: all (DPCML1), or the nearest alone (DPCML2)."),
    ] = "uniform"
    neg_sample_num: Annotated[int, Field(ge=1, le=1000, description="Items drawn for each pair (M).")] = 10
    reg_weight: Annotated[float, Field(ge=0, le=1e4, description="Weight eta of the diversity of vectors.")] = 10.0
    diversity: Annotated[
        Literal["all", "batch"],
        Field(description="Whose vectors the diversity is of in a step: all users, as published, or the batch's."),
    ] = "batch"
    m1: Annotated[float, Field(ge=0, le=4, description="Least squared distance of a user's vectors.")] = 0.1
    m2: Annotated[float, Field(ge=0, le=4, description="Largest squared distance of a user's vectors.")] = 0.35

    @model_validator(mode="after")
    def _room_between(self) -> Self:
        if self.m1 > self.m2:
            raise ValueError("m1 may not be larger than m2")
        return self


class DPCML(Recommender):
    name = "dpcml"
    title = "DPCML"
    paper = "Bao et al., The Minority Matters: A Diversity-Promoting Collaborative Metric Learning, NeurIPS 2022"
    paper_url = "https://doi.org/10.48550/arXiv.2209.15292"
    family = "metric learning"
    summary = "Several points a user; an item is as good as it is near to the nearest of them."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"similar"})
    config_class = DPCMLConfig
    config: DPCMLConfig
    trains_on: ClassVar[Unit] = "interactions"

    def __init__(self, config: DPCMLConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.user_embedding = nn.Parameter(torch.zeros(users, config.k, config.embedding_size))  # g
        self.item_embedding = nn.Parameter(torch.zeros(items, config.embedding_size))  # v
        self.rarity: Tensor  # of a user among the pairs: the mean over pairs of rarity x is the mean over users of x
        self.register_buffer("rarity", torch.zeros(users), persistent=False)
        self.presence: Tensor  # 1 over their number for those who have anything, else 0
        self.register_buffer("presence", torch.zeros(users), persistent=False)

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """The vectors of a batch's users, items and drawn items, with their distances."""
        config = self.config
        vectors = config.k + 1 + config.neg_sample_num
        held = 4 * config.train_batch_size * vectors * config.embedding_size * FLOAT
        everybody = 3 * self.user_embedding.nbytes if config.diversity == "all" else 0
        return super().training_memory(sizes, device) + Memory(held + everybody)

    def answering_memory(self, sizes: Sizes, device: Device, people: int) -> Memory:
        """The best so far, and the scores of one vector."""
        return Memory(2 * people * self.n_items * FLOAT)

    @torch.no_grad()
    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        self.user_embedding.normal_(generator=generator)
        self.item_embedding.normal_(std=1 / math.sqrt(self.config.embedding_size), generator=generator)
        self.after_step()
        sizes = np.diff(train.indptr)
        present = (sizes > 0) / max(np.count_nonzero(sizes), 1)
        self.presence.copy_(torch.from_numpy(present))
        self.rarity.copy_(torch.from_numpy(train.nnz / np.maximum(sizes, 1) * present))
        self.negatives = Negatives(train).to(self.item_embedding.device)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        config = self.config
        drawn = self.negatives.draw(batch.users, config.neg_sample_num, context.generator)  # [B, M]
        users = embedding(batch.users, self.user_embedding.flatten(1)).view(len(batch), config.k, -1)  # [B, C, d]
        items = embedding(torch.cat([batch.items[:, None], drawn], dim=1), self.item_embedding)  # [B, 1 + M, d]
        nearest = _distances(users, items).min(dim=1).values  # [B, 1 + M]
        near, far = nearest[:, :1], nearest[:, 1:]
        if config.negatives == "hard":
            far = far.min(dim=1, keepdim=True).values
        return (config.margin + near - far).relu().sum() + config.reg_weight * self._diversity(batch, users)

    def _diversity(self, batch: Interactions, users: Tensor) -> Tensor:
        """The mean of psi over the users who have anything, or an unbiased estimate of it from those of the batch,
        whose vectors are `users` [B, C, d]."""
        if self.config.diversity == "all":
            return (self.presence * self._psi(self.user_embedding)).sum()
        return (self.rarity[batch.users] * self._psi(users)).mean()

    def _psi(self, users: Tensor) -> Tensor:
        """[B]; `users` [B, C, d]."""
        apart = _distances(users, users)  # [B, C, C]
        outside = (self.config.m1 - apart).relu() + (apart - self.config.m2).relu()
        others = 1 - torch.eye(self.config.k, dtype=users.dtype, device=users.device)
        return (outside * others).mean(dim=(1, 2))

    def after_step(self) -> None:
        for table, least in ((self.user_embedding, EPS), (self.item_embedding, 1.0)):
            lengths = torch.linalg.vector_norm(table, dim=-1, keepdim=True)
            table.div_(lengths.clamp_(min=least))

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        """- s(u, i), one of a user's vectors at a time: nothing larger than [B, N]."""
        users, items = self.user_embedding[batch.users], self.item_embedding  # [B, C, d], [N, d]
        squares = items.square().sum(1)
        best = users.new_full((len(batch), self.n_items), -torch.inf)
        for mine in users.unbind(1):  # [B, d]
            scores = torch.addmm(squares, mine, items.T, beta=-1, alpha=2).sub_(mine.square().sum(1)[:, None])
            torch.maximum(best, scores, out=best)
        return best

    @torch.no_grad()
    def item_vectors(self) -> Tensor:
        return normalize(self.item_embedding, dim=1)


def _distances(one: Tensor, other: Tensor) -> Tensor:
    """Squared distances |a|^2 + |b|^2 - 2 a.b of the rows of [B, P, d] and [B, Q, d], as [B, P, Q]."""
    squares = one.square().sum(2)[:, :, None] + other.square().sum(2)[:, None]
    return squares - 2 * (one @ other.transpose(1, 2))
