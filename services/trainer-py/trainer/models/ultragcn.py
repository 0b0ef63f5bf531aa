"""UltraGCN: what infinitely many layers of graph convolution would converge to, as weights in a loss.

Mao et al., "UltraGCN: Ultra Simplification of Graph Convolutional Networks for Recommendation", CIKM 2021. With d the
degrees of users and items, G = X'X the items' co-occurrences, g its row sums, and M items j drawn for each pair (u, i):
  beta_ui  = 1 / d_u sqrt((d_u + 1) / (d_i + 1)) (eq. 6)
  L        = sum over the pairs of -(w1 + w2 beta_ui) log s(e_u.e_i)
             - W / M sum over j of (w3 + w4 beta_uj) log s(-e_u.e_j), s the logistic function (eq. 8 to 10, 16)
  I        = sum over the pairs, and the 10 items j nearest to i, of -omega_ij log s(e_u.e_j) (eq. 14, 15)
  loss     = L + lambda I + gamma / 2 |all vectors|^2
As xue-pai/UltraGCN: sums over the batch, the penalty in every step, omega_ij = G_ij sqrt(g_i + 1) / g_i / sqrt(g_j + 1)
with the diagonal kept in G and g where the paper takes it out, so that i is its own neighbour too, and j drawn from all
items, M for each pair. That code fills dense tables of users x items and, row by row, items x items; here both stay
sparse. A shortcut on request: `sharing` pairs have their M items in common, so that products of matrices take the place
of sparse ones. That keeps the expectation; a whole batch that shares them would give a few items all of the pressure in
a step, and Adam's moments would hardly let them move again. The weights are that code's for Yelp2018. Its start,
N(0, 1e-4), and steps of 1e-3 or less (`init_std`, `learning_rate`) first learn popularity alone, for longer than small
data has steps; vectors start at N(0, 0.1) here, as LightGCN's do, and steps are ten times as long. Fewer items than
Yelp's ask for a smaller W and gamma.

Shapes: B pairs in G groups, M negatives, J neighbours, d vectors.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix, diags_array
from torch import Tensor, nn
from torch.nn.functional import embedding, pad, softplus

from ..contract.factorised import Factorised
from ..contract.footprint import FLOAT, SCIPY_SORT_ENTRY, Device, Memory, Sizes
from ..contract.recommender import Capability, Interactions, StepConfig, StepContext, Unit
from ..kernels.drawn import products_with_drawn
from ..kernels.neighbours import largest_of_rows

_ITEMS_AT_ONCE = 2048  # rows of the co-occurrences in memory


class UltraGCNConfig(StepConfig):
    first = ("embedding_size", "negative_weight", "epochs", "learning_rate")
    learning_rate: Annotated[float, Field(gt=0, le=1, description="Step size of Adam.")] = 1e-2
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Interactions in one gradient step.")] = 1024
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of the vectors.")] = 64
    w1: Annotated[float, Field(ge=0, le=100, description="Weight of a pair, whatever its degrees.")] = 1e-8
    w2: Annotated[float, Field(ge=0, le=100, description="Weight of a pair by its degrees.")] = 1.0
    w3: Annotated[float, Field(ge=0, le=100, description="Weight of a negative, whatever its degrees.")] = 1e-8
    w4: Annotated[float, Field(ge=0, le=100, description="Weight of a negative by its degrees.")] = 1.0
    neg_sample_num: Annotated[int, Field(ge=1, le=65_536, description="Negatives M of each pair.")] = 800
    negative_weight: Annotated[float, Field(ge=0, le=1e5, description="Weight W of all negatives of a pair.")] = 300.0
    sharing: Annotated[
        int, Field(ge=1, le=65_536, description="Pairs that share their negatives; 1: each has its own, as published.")
    ] = 32
    init_std: Annotated[
        float, Field(gt=0, le=1, description="Deviation of the vectors at the start; published: 1e-4 to 1e-3.")
    ] = 0.1
    ii_neighbor_num: Annotated[int, Field(ge=1, le=1000, description="Items near each item, itself among them.")] = 10
    ii_weight: Annotated[float, Field(ge=0, le=1e3, description="Weight lambda of the items' neighbours.")] = 5e-4
    gamma: Annotated[float, Field(ge=0, le=10, description="L2 penalty on all vectors, in every step.")] = 1e-4


class UltraGCN(Factorised):
    name = "ultragcn"
    title = "UltraGCN"
    paper = "Mao et al., UltraGCN: Ultra Simplification of Graph Convolutional Networks, CIKM 2021"
    paper_url = "https://doi.org/10.1145/3459637.3482291"
    family = "graph"
    summary = "Matrix factorisation whose loss holds what graph convolution would do, without any layers."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"graph", "similar"})
    config_class = UltraGCNConfig
    config: UltraGCNConfig
    trains_on: ClassVar[Unit] = "interactions"

    def __init__(self, config: UltraGCNConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.user_embedding = nn.Parameter(torch.zeros(users, config.embedding_size))
        self.item_embedding = nn.Parameter(torch.zeros(items, config.embedding_size))
        self.user_factor: Tensor  # beta_ui = user_factor[u] item_factor[i]
        self.item_factor: Tensor
        self.register_buffer("user_factor", torch.zeros(users), persistent=False)
        self.register_buffer("item_factor", torch.zeros(items), persistent=False)
        self._neighbours: tuple[Tensor, Tensor] | None = None

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Besides, products with the negatives and the vectors of those; before, a strip of the co-occurrences."""
        config = self.config
        products = config.train_batch_size * config.neg_sample_num
        drawn = math.ceil(config.train_batch_size / config.sharing) * config.neg_sample_num
        per_drawn = 40 if config.sharing == 1 else 3 * config.embedding_size * FLOAT
        near = 3 * config.train_batch_size * config.ii_neighbor_num * config.embedding_size * FLOAT
        held = 4 * products * FLOAT + drawn * per_drawn + near
        strip = _ITEMS_AT_ONCE * sizes.items_beside * SCIPY_SORT_ENTRY if config.ii_weight > 0 else 0
        return super().training_memory(sizes, device) + Memory(held, host=strip)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        for table in (self.user_embedding, self.item_embedding):
            nn.init.normal_(table, std=self.config.init_std, generator=generator)
        self.user_factor.copy_(_of_source(np.diff(train.indptr)))
        self.item_factor.copy_(_of_target(np.bincount(train.indices, minlength=self.n_items)))
        self._train = train

    def start_pass(self, context: StepContext) -> None:
        """Only training needs the neighbours, and they take longer than `prepare` may."""
        if self._neighbours is None and self.config.ii_weight > 0:
            items, weights = neighbours(self._train, self.config.ii_neighbor_num)
            self._neighbours = items.to(self.item_factor.device), weights.to(self.item_factor)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        config = self.config
        user = embedding(batch.users, self.user_embedding)  # [B, d]
        factor = self.user_factor[batch.users]  # [B]
        weights = config.w1 + config.w2 * factor * self.item_factor[batch.items]
        near = (user * embedding(batch.items, self.item_embedding)).sum(1)
        loss = (weights * softplus(-near)).sum() + self._negatives(user, factor, context.generator)
        if self._neighbours is not None:
            items, omega = (table[batch.items] for table in self._neighbours)  # [B, J] each
            products = (embedding(items, self.item_embedding) @ user[:, :, None])[..., 0]
            loss = loss + config.ii_weight * (omega * softplus(-products)).sum()
        squares = self.user_embedding.square().sum() + self.item_embedding.square().sum()
        return loss + config.gamma / 2 * squares

    def _negatives(self, user: Tensor, factor: Tensor, generator: torch.Generator) -> Tensor:
        """W / M sum over the pairs and their negatives; `user` [B, d], its `factor` [B]."""
        config, pairs = self.config, len(user)
        if config.sharing == 1:
            drawn = self._draw(pairs, generator)
            products, items = products_with_drawn(user, self.item_embedding, drawn), self.item_factor[drawn]
        else:
            products, items = self._shared(user, generator)
        weights = config.w3 + config.w4 * factor[:, None] * items
        return config.negative_weight / config.neg_sample_num * (weights * softplus(products)).sum()

    def _shared(self, user: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Products with the negatives of each pair's group, and the factors of these, [B, M] each."""
        config, pairs = self.config, len(user)
        groups = math.ceil(pairs / config.sharing)  # G
        drawn = self._draw(groups, generator)
        other = embedding(drawn, self.item_embedding)  # [G, M, d]
        filled = pad(user, (0, 0, 0, groups * config.sharing - pairs)).view(groups, config.sharing, -1)
        products = (filled @ other.transpose(1, 2)).flatten(0, 1)[:pairs]  # [B, M]
        return products, self.item_factor[drawn].repeat_interleave(config.sharing, dim=0)[:pairs]

    def _draw(self, rows: int, generator: torch.Generator) -> Tensor:
        shape = (rows, self.config.neg_sample_num)
        return torch.randint(self.n_items, shape, generator=generator, device=generator.device)

    def vectors(self) -> tuple[Tensor, Tensor]:
        return self.user_embedding, self.item_embedding


def neighbours(train: csr_matrix, count: int) -> tuple[Tensor, Tensor]:
    """Items [N, count] with the largest omega of each, and these; places that nothing fills have omega 0.

    The rows of G are computed some at a time: all of it may be a hundred times the train matrix.
    """
    columns = train.T.tocsr()
    degrees = columns @ (train @ np.ones(train.shape[1]))  # g, of the items
    source, target = diags_array(_of_source(degrees).numpy()), diags_array(_of_target(degrees).numpy())
    left, right = csr_matrix(source @ columns), csr_matrix(train @ target)
    items = torch.zeros(train.shape[1], count, dtype=torch.int64)
    weights = torch.zeros(train.shape[1], count, dtype=torch.float64)
    for start in range(0, train.shape[1], _ITEMS_AT_ONCE):
        nearest = largest_of_rows(csr_matrix(left[start : start + _ITEMS_AT_ONCE] @ right), count)
        row = np.repeat(np.arange(nearest.shape[0]), np.diff(nearest.indptr))
        place = np.arange(nearest.nnz) - nearest.indptr[row]
        items[start + row, place] = torch.from_numpy(nearest.indices.astype(np.int64))
        weights[start + row, place] = torch.from_numpy(nearest.data.astype(np.float64))
    return items, weights


def _of_source(degrees: np.ndarray) -> Tensor:
    """sqrt(d + 1) / d, 0 without edges."""
    return torch.from_numpy(np.where(degrees > 0, np.sqrt(degrees + 1.0) / np.maximum(degrees, 1), 0.0))


def _of_target(degrees: np.ndarray) -> Tensor:
    """1 / sqrt(d + 1)."""
    return torch.from_numpy(1 / np.sqrt(degrees + 1.0))
