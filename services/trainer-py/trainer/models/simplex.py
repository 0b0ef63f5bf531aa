"""SimpleX and MF-CCL: cosines trained with a contrastive loss that ignores negatives far enough away.

Mao et al., "SimpleX: A Simple and Strong Baseline for Collaborative Filtering", CIKM 2021. For a user u, an item i of
theirs and M items j drawn uniformly from all:
  CCL   (1 - cos(u, i)) + w / M sum over j of max(0, cos(u, j) - m) (eq. 1)
  user  g e_u + (1 - g) V pool(items of u), pool their mean or their sum weighted by attention (eq. 2 to 5)
MF-CCL is the case g = 1. As reczoo/RecZoo, where it says more than the paper: the item to predict is left out of the
history, dropout comes after the user vector's normalisation (so that 1 - cos is cut at 0), the L2 penalty falls on all
vectors in every step, and negatives may be items of the user. Histories are not cut to the latest items, and the biases
of that code's CiteULike configuration are left out. It draws M items for each pair; a batch shares them where
`shared_negatives` is on: the expectation is the same, and one product of matrices takes the place of sparse ones.
The official code starts at N(0, 1e-4), with steps of 1e-4 (`init_std`, `learning_rate`): cosines know no scale, so only
the ratio matters. Steps longer than that would leave Adam's second moments full of the first gradients, which go with
one over a vector's length, and all but stop the vectors for epochs. From N(0, 0.01) steps of 1e-3 go well, and much
longer ones still do.

Shapes: B pairs or users, n items in all their histories, M negatives, d vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag, normalize

from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.recommender import Capability, Histories, Interactions, Recommender, StepConfig, StepContext, Unit
from ..kernels.drawn import products_with_drawn
from ..kernels.dropout import dropped
from ..kernels.ragged import owners, rows_without, softmax_of_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class MFCCLConfig(StepConfig):
    first = ("embedding_size", "margin", "negative_weight", "epochs", "learning_rate")
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Interactions in one gradient step.")] = 256
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of the vectors.")] = 64
    margin: Annotated[float, Field(ge=-1, le=1, description="Cosine m below which a negative costs nothing.")] = 0.9
    negative_weight: Annotated[float, Field(ge=0, le=1e4, description="Weight w of the negatives.")] = 150.0
    neg_sample_num: Annotated[int, Field(ge=1, le=65_536, description="Negatives M of each pair.")] = 800
    shared_negatives: Annotated[bool, Field(description="Draw the negatives once for all pairs of a batch.")] = True
    init_std: Annotated[
        float, Field(gt=0, le=1, description="Deviation of the vectors at the start; published: 1e-4.")
    ] = 0.01
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of a user vector dropped in training.")] = 0.1
    reg_weight: Annotated[float, Field(ge=0, le=1, description="L2 penalty on all vectors, in every step.")] = 1e-8


class SimpleXConfig(MFCCLConfig):
    negative_weight: Annotated[float, Field(ge=0, le=1e4, description="Weight w of the negatives.")] = 250.0
    neg_sample_num: Annotated[int, Field(ge=1, le=65_536, description="Negatives M of each pair.")] = 2000
    reg_weight: Annotated[float, Field(ge=0, le=1, description="L2 penalty on all vectors, in every step.")] = 1e-7
    aggregator: Annotated[
        Literal["mean", "user_attention"], Field(description="How the items of a history become one vector.")
    ] = "user_attention"
    gamma: Annotated[float, Field(ge=0, le=1, description="Share g of the user's own vector; the rest: history.")] = 0.8


class MFCCL(Recommender):
    name = "mfccl"
    title = "MF-CCL"
    paper = "Mao et al., SimpleX: A Simple and Strong Baseline for Collaborative Filtering, CIKM 2021"
    paper_url = "https://doi.org/10.1145/3459637.3482297"
    family = "factorisation"
    summary = "Matrix factorisation by cosines, trained on many negatives of which only the near ones count."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"similar"})
    config_class: ClassVar[type[MFCCLConfig]] = MFCCLConfig
    config: MFCCLConfig
    trains_on: ClassVar[Unit] = "interactions"

    def __init__(self, config: MFCCLConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.user_embedding = nn.Parameter(torch.zeros(users, config.embedding_size))  # e
        self.item_embedding = nn.Parameter(torch.zeros(items, config.embedding_size))

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Besides, the cosines with all negatives; those of each pair alone are a sparse matrix, and its transpose."""
        config = self.config
        cosine = 3 * FLOAT if config.shared_negatives else 40
        cosines = config.train_batch_size * config.neg_sample_num * cosine
        return super().training_memory(sizes, device) + Memory(cosines)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        for table in (self.user_embedding, self.item_embedding):
            nn.init.normal_(table, std=self.config.init_std, generator=generator)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        config, generator = self.config, context.generator
        users = self._unit_users(self._others(batch))  # [B, d]
        users = dropped(users, config.dropout, generator)
        near = (users * normalize(embedding(batch.items, self.item_embedding), dim=1)).sum(1)  # [B]
        far = self._far(users, generator)
        loss = (1 - near).relu().mean() + config.negative_weight * (far - config.margin).relu().mean()
        squares = self.user_embedding.square().sum() + self.item_embedding.square().sum()
        return loss + config.reg_weight / 2 * squares

    def _far(self, users: Tensor, generator: torch.Generator) -> Tensor:
        """Cosines of `users` [B, d] with the negatives of each, [B, M]."""
        shared, count = self.config.shared_negatives, self.config.neg_sample_num
        shape = (count,) if shared else (len(users), count)
        drawn = torch.randint(self.n_items, shape, generator=generator, device=generator.device)
        if shared:
            return users @ normalize(embedding(drawn, self.item_embedding), dim=1).T
        return products_with_drawn(users, normalize(self.item_embedding, dim=1), drawn)

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        return self._unit_users(batch) @ normalize(self.item_embedding, dim=1).T  # [B, d] [d, N] → [B, N]

    @torch.no_grad()
    def item_vectors(self) -> Tensor:
        return normalize(self.item_embedding, dim=1)

    def _others(self, batch: Interactions) -> Histories:
        """What else the users of the pairs have, as far as the model looks at it."""
        return Histories(batch.users, torch.zeros_like(batch.users), batch.items[:0])

    def _unit_users(self, batch: Histories) -> Tensor:
        return normalize(embedding(batch.users, self.user_embedding), dim=1)


class SimpleX(MFCCL):
    name = "simplex"
    title = "SimpleX"
    summary = "MF-CCL whose user vector also averages the items of the history, by attention."
    config_class = SimpleXConfig
    config: SimpleXConfig

    def __init__(self, config: SimpleXConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        d = config.embedding_size
        self.value = nn.Linear(d, d, bias=False)  # V
        self.key = nn.Linear(d, d) if config.aggregator == "user_attention" else None
        self.train_indptr: Tensor
        self.train_items: Tensor
        self.register_buffer("train_indptr", torch.zeros(0), persistent=False)
        self.register_buffer("train_items", torch.zeros(0), persistent=False)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        super().prepare(train, generator)
        for linear in (self.value, self.key):
            if linear is not None:
                nn.init.xavier_normal_(linear.weight, generator=generator)
        if self.key is not None:
            nn.init.zeros_(self.key.bias)
        device = self.item_embedding.device
        self.train_indptr = torch.as_tensor(train.indptr, dtype=torch.int64, device=device)
        self.train_items = torch.as_tensor(train.indices, dtype=torch.int64, device=device)

    def _others(self, batch: Interactions) -> Histories:
        return Histories(batch.users, *rows_without(self.train_indptr, self.train_items, batch.users, batch.items))

    def _unit_users(self, batch: Histories) -> Tensor:
        own = embedding(batch.users, self.user_embedding)  # [B, d]
        pooled = self._pool_mean(batch) if self.key is None else self._pool_attention(batch, own, self.key)
        gamma = self.config.gamma
        return normalize(gamma * own + (1 - gamma) * self.value(pooled), dim=1)

    def _pool_mean(self, batch: Histories) -> Tensor:
        """[B, d], 0 for an empty history."""
        sums = embedding_bag(batch.indices, self.item_embedding, batch.indptr[:-1], mode="sum")
        return sums / batch.indptr.diff().clamp(min=1)[:, None]

    def _pool_attention(self, batch: Histories, own: Tensor, key: nn.Linear) -> Tensor:
        """[B, d]: items h weighted by softmax of tanh(W h + b) . e_u, 0 for an empty history."""
        rows = embedding(batch.indices, self.item_embedding)  # [n, d]
        logits = (torch.tanh(key(rows)) * embedding(owners(batch.indptr), own)).sum(1)
        attention = softmax_of_rows(batch.indptr, logits)
        order = torch.arange(len(rows), device=rows.device)
        return embedding_bag(order, rows, batch.indptr[:-1], mode="sum", per_sample_weights=attention)
