"""DGCF: a graph for each of K factors, whose edges are shared out among the factors by what flows along them.

Wang et al., "Disentangled Graph Collaborative Filtering", SIGIR 2020. The vectors e are cut into K chunks. In each
layer T times, with edge scores S that start at 1 (section 3.1):
  a = softmax over k of S_k;  D_k = row sums of a_k
  y_k = D_k^-1/2 a_k D_k^-1/2 e_k, the last one being the next layer's e
  S_k(h, t) += unit(y_k[h]) . tanh(unit(e_k[t]))
Scores are dot products of the mean over layers 0 to L; loss = BPR + L2 + cor_weight dCor (section 3.2).
As xiangwang1223/disentangled_graph_collaborative_filtering: the mean of the layers where the paper has their sum, unit
vectors before tanh, S kept from layer to layer, the gradient flowing through the routing, and the distance correlation
of neighbouring factors only (the paper: of all pairs), on a sample of users and items. What that code does besides at
scoring, weighing down an edge's least factor, is off there by default and left out.

Shapes: n = U + N nodes, E edges (both directions), K factors, c = d / K.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from ..contract.factorised import Factorised
from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.recommender import Capability, Histories, Interactions, Interests, StepConfig, StepContext, Unit
from ..kernels.edges import Edges
from ..kernels.negatives import Negatives
from ..kernels.pairwise import ranking_loss
from ..kernels.ragged import mean_shares

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Routing = tuple[Tensor, list[tuple[Tensor, Tensor]]]


class DGCFConfig(StepConfig):
    first = ("n_factors", "embedding_size", "n_layers", "epochs", "learning_rate")
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Interactions in one gradient step.")] = 2000
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of the vectors, all factors.")] = 64
    n_factors: Annotated[int, Field(ge=1, le=64, description="Factors (K); they share the width evenly.")] = 4
    n_iterations: Annotated[int, Field(ge=1, le=10, description="Times an edge is shared out anew in a layer (T).")] = 2
    n_layers: Annotated[int, Field(ge=1, le=8, description="Times the vectors are smoothed over the graphs (L).")] = 1
    reg_weight: Annotated[float, Field(ge=0, le=1, description="L2 penalty on the first layer of the batch.")] = 1e-3
    cor_weight: Annotated[float, Field(ge=0, le=100, description="Weight of the distance correlation.")] = 0.01

    @model_validator(mode="after")
    def _even_shares(self) -> Self:
        if self.embedding_size % self.n_factors:
            raise ValueError("embedding_size must be a multiple of n_factors")
        return self


class DGCF(Factorised):
    name = "dgcf"
    title = "DGCF"
    paper = "Wang et al., Disentangled Graph Collaborative Filtering, SIGIR 2020"
    paper_url = "https://doi.org/10.1145/3397271.3401137"
    family = "graph"
    summary = "Graph smoothing in K factors at once, with each interaction shared out among them."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"graph", "interests", "similar"})
    config_class = DGCFConfig
    config: DGCFConfig
    trains_on: ClassVar[Unit] = "interactions"
    _routed: Routing | None = None

    def __init__(self, config: DGCFConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.embedding = nn.Parameter(torch.zeros(users + items, config.embedding_size))  # users first

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """What each sharing out keeps for the gradient, of nodes and of the edges of all factors; the edges are known
        by their ends and the way back."""
        config = self.config
        rounds = config.n_layers * config.n_iterations
        edges = 2 * sizes.train * config.n_factors
        ends = edges * (4 + 8)
        kept = (6 * rounds + 8) * self.embedding.nbytes + (4 * rounds + 4) * edges * FLOAT
        return Memory(kept + ends, host=2 * ends)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        for table in (self.embedding.detach()[: self.n_users], self.embedding.detach()[self.n_users :]):
            nn.init.xavier_uniform_(table, generator=generator)
        self.edges = Edges(train, self.config.n_factors).to(self.embedding.device)
        self.negatives = Negatives(train).to(self.embedding.device)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        drawn = self.negatives.draw(batch.users, 1, context.generator)[:, 0]
        nodes = torch.stack([batch.users, self.n_users + batch.items, self.n_users + drawn])  # [3, B]
        final, _ = self._route()
        loss = ranking_loss(nodes, final, self.embedding, self.config.reg_weight)
        if self.config.cor_weight and self.config.n_factors > 1:
            sample = self._chunks(embedding(self._sample(context), final))
            loss = loss + self.config.cor_weight * _correlation(sample.transpose(0, 1))
        return loss

    def _sample(self, context: StepContext) -> Tensor:
        """Users and as many items for the correlation: the larger side's share of a step, at most a batch."""
        largest = max(self.n_users, self.n_items) // context.steps_per_epoch
        count = min(max(largest, 1), self.config.train_batch_size)
        chance, device = context.generator, context.generator.device
        users = torch.randperm(self.n_users, generator=chance, device=device)[:count]
        items = torch.randperm(self.n_items, generator=chance, device=device)[:count]
        return torch.cat([users, self.n_users + items])

    def _route(self) -> Routing:
        """Final vectors [n, d], and the two sides of what S was raised by, each time, as [K, n, c]."""
        config, edges = self.config, self.edges
        shape = (config.n_factors, edges.nodes, -1)
        layer = self._chunks(self.embedding).transpose(0, 1).flatten(0, 1)  # [Kn, c]
        scores = layer.new_ones(config.n_factors, len(edges.tails) // config.n_factors)  # S [K, E]
        total, sides = layer, []
        for number in range(config.n_layers * config.n_iterations):
            shares = torch.softmax(scores, dim=0).flatten()  # a [KE]
            degrees = edges.sums(shares, layer.new_ones(len(layer), 1))
            scale = torch.where(degrees > 0, degrees, 1).rsqrt()  # [Kn, 1]
            sent = scale * edges.sums(shares, scale * layer)  # y [Kn, c]
            if number + 1 < config.n_layers * config.n_iterations:
                heads, tails = normalize(sent, dim=1), normalize(layer, dim=1).tanh()
                scores = scores + edges.products(heads, tails).view_as(scores)
                sides.append((heads.view(shape), tails.view(shape)))
            if (number + 1) % config.n_iterations == 0:
                layer, total = sent, total + sent
        final = (total / (config.n_layers + 1)).view(shape).transpose(0, 1).flatten(1)
        return final, sides

    def _chunks(self, vectors: Tensor) -> Tensor:
        return vectors.view(len(vectors), self.config.n_factors, -1)  # [*, d] as [*, K, c]

    def train(self, mode: bool = True) -> Self:
        self._routed = None
        return super().train(mode)

    def _finally_routed(self) -> Routing:
        if self.training:
            return self._route()
        if self._routed is None:
            self._routed = self._route()
        return self._routed

    def vectors(self) -> tuple[Tensor, Tensor]:
        final, _ = self._finally_routed()
        return final[: self.n_users], final[self.n_users :]

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        """A weight multiplies its factor's part of the dot product. Where a factor is muted, what no other speaks for
        has a score of -inf."""
        if batch.weights is None:
            return super().scores(batch)
        users, items = self._final()
        own = self._chunks(users[batch.users]) * batch.weights[:, :, None]  # [B, K, c]
        scores = own.flatten(1) @ items.T
        muting = (batch.weights == 0).any(1).nonzero()[:, 0]
        if len(muting) > 0:
            factors = self._chunks(items)
            spoken_for = [own[muting, k] @ factors[:, k].T > 0 for k in range(self.config.n_factors)]
            scores[muting] = scores[muting].masked_fill(~torch.stack(spoken_for).any(0), -torch.inf)
        return scores

    @torch.no_grad()
    def interests(self, batch: Histories, items: Tensor) -> Interests:
        """The term of a factor is its part of the dot product where that is positive: what speaks for the item. A
        history item belongs to the factors as its edge is shared out in the last routing."""
        final, sides = self._finally_routed()
        factors = self._chunks(final)  # [n, K, c]
        chosen = factors[self.n_users :][items]  # [M, K, c] or [B, M, K, c]
        sum_of = "bkc,mkc->bkm" if items.dim() == 1 else "bkc,bmkc->bkm"
        terms = torch.einsum(sum_of, factors[: self.n_users][batch.users], chosen).clamp(min=0)
        if batch.weights is not None:
            terms *= batch.weights[:, :, None]
        owners = torch.repeat_interleave(batch.users, batch.indptr.diff())  # [nnz]
        scores = terms.new_zeros(self.config.n_factors, len(owners))
        for heads, tails in sides:
            scores += (heads[:, : self.n_users][:, owners] * tails[:, self.n_users :][:, batch.indices]).sum(2)
        shares = torch.softmax(scores, dim=0).T  # [nnz, K]
        return Interests(terms, shares, mean_shares(batch.indptr, shares))


def _correlation(factors: Tensor) -> Tensor:
    """Sum of the distance correlations of neighbouring `factors` [K, m, c], over the number K (K + 1) / 2."""
    squares = factors.square().sum(2, keepdim=True)
    apart = (squares + squares.mT - 2 * factors @ factors.mT).clamp(min=0).add(1e-8).sqrt()  # [K, m, m]
    centred = apart - apart.mean(1, keepdim=True) - apart.mean(2, keepdim=True) + apart.mean((1, 2), keepdim=True)
    variances = _root(centred.square().mean((1, 2)))  # [K]
    covariances = _root((centred[1:] * centred[:-1]).mean((1, 2)))
    correlations = covariances / ((variances[1:] * variances[:-1]).sqrt() + 1e-10)
    return correlations.sum() / (len(factors) * (len(factors) + 1) / 2)


def _root(value: Tensor) -> Tensor:
    return (value.clamp(min=0) + 1e-8).sqrt()
