"""NCL: LightGCN that also tells each node from all others by its neighbours' neighbours, and by its cluster.

Lin et al., "Improving Graph Collaborative Filtering with Neighborhood-enriched Contrastive Learning", WWW 2022. With
t the temperature, cosines throughout, and users and items (weight alpha in the first term) alike:
  structure  -log softmax over all users v of cos(e_u^(2 hyper_layers), e_v^(0)) / t, at v = u (section 3.2)
  prototype  -log softmax over the clusters c of cos(e_u^(0), c) / t, at the cluster of u (section 3.3)
  loss = BPR + ssl_reg structure + proto_reg prototype + L2, the contrasts summed over the batch
As RUCAIBox/NCL: k-means on layer 0 at the start of each epoch, the prototype term from epoch warm_up_step + 1 on, one
temperature and one number of clusters for all prototypes. That code takes the norm of layer 0 where the paper has its
square; we have the square, in LightGCN's scale.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import embedding, normalize

from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.graph_factorised import GraphConfig, GraphFactorised
from ..contract.recommender import Interactions, StepContext
from ..kernels.clusters import k_means
from ..kernels.contrast import PRODUCTS, log_partition
from ..kernels.graph import propagate
from ..kernels.pairwise import ranking_loss


class NCLConfig(GraphConfig):
    first = ("embedding_size", "n_layers", "ssl_reg", "epochs", "learning_rate")
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Interactions in one gradient step.")] = 4096
    ssl_temp: Annotated[float, Field(ge=0.01, le=10, description="Temperature t of both contrasts.")] = 0.1
    ssl_reg: Annotated[float, Field(ge=0, le=1, description="Weight of the contrast with the neighbours.")] = 1e-7
    hyper_layers: Annotated[
        int, Field(ge=1, le=4, description="Half the layers between a node and the neighbours it is contrasted with.")
    ] = 1
    alpha: Annotated[float, Field(ge=0, le=100, description="Items against users in that contrast.")] = 1.0
    proto_reg: Annotated[float, Field(ge=0, le=1, description="Weight of the contrast with the clusters.")] = 8e-8
    num_clusters: Annotated[int, Field(ge=1, le=100_000, description="Clusters of users, and as many of items.")] = 1000
    warm_up_step: Annotated[int, Field(ge=0, le=10_000, description="Epochs before clusters take part.")] = 20


class NCL(GraphFactorised):
    name = "ncl"
    title = "NCL"
    paper = (
        "Lin et al., Improving Graph Collaborative Filtering with Neighborhood-enriched Contrastive Learning, WWW 2022"
    )
    paper_url = "https://doi.org/10.1145/3485447.3512104"
    summary = "LightGCN trained to recognise each user and item by its neighbourhood and by its cluster."
    config_class = NCLConfig
    config: NCLConfig

    def __init__(self, config: NCLConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.clusters: list[tuple[Tensor, Tensor]] = []  # of users and of items; follow from the state, each epoch anew

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Besides, the layers beyond the last of the mean, unit vectors of all nodes and a tile of the contrasts."""
        further = max(0, 2 * self.config.hyper_layers - self.config.n_layers)
        nodes = (8 + 4 * further) * self.embedding.nbytes
        return super().training_memory(sizes, device) + Memory(nodes + 3 * PRODUCTS * FLOAT)

    def start_pass(self, context: StepContext) -> None:
        """Unit centres [C, d] and the cluster of each node, for users and for items."""
        self.clusters = []
        if context.epoch > self.config.warm_up_step and self.config.proto_reg > 0:
            for table in self.users_and_items(self.embedding):
                centres, nearest = k_means(table, self.config.num_clusters, context.generator)
                self.clusters.append((normalize(centres, dim=1), nearest))

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        config = self.config
        nodes = self.triples(batch, context)
        layers = self._layers(max(config.n_layers, 2 * config.hyper_layers))
        loss = ranking_loss(nodes, self._mean(layers), self.embedding, config.reg_weight)
        own = self.users_and_items(self.embedding)
        around = self.users_and_items(layers[2 * config.hyper_layers])
        for kind, (members, weight) in enumerate(((batch.users, 1.0), (batch.items, config.alpha))):
            rows, counts = torch.unique(members, return_counts=True)  # a term for each pair, computed once a node
            units, times = normalize(own[kind], dim=1), counts.to(loss.dtype)
            neighbours = normalize(embedding(rows, around[kind]), dim=1) / config.ssl_temp
            if config.ssl_reg * weight:
                loss = loss + config.ssl_reg * weight * _told_apart(neighbours, units, rows, times)
            if self.clusters:
                centres, nearest = self.clusters[kind]
                members_units = embedding(rows, units) / config.ssl_temp
                loss = loss + config.proto_reg * _told_apart(members_units, centres, nearest[rows], times)
        return loss

    def smoothed(self) -> Tensor:
        return self._mean(self._layers(self.config.n_layers))

    def _mean(self, layers: list[Tensor]) -> Tensor:
        return torch.stack(layers[: self.config.n_layers + 1]).mean(0)

    def _layers(self, last: int) -> list[Tensor]:
        layers: list[Tensor] = [self.embedding]
        for _ in range(last):
            layers.append(propagate(self.adjacency, layers[-1]))
        return layers  # [U+N, d] each


def _told_apart(queries: Tensor, keys: Tensor, chosen: Tensor, times: Tensor) -> Tensor:
    """-log softmax of the products of each query [M, d] with the keys, at the `chosen` one, summed `times` over."""
    return log_partition(queries, keys, times) - (times[:, None] * queries * embedding(chosen, keys)).sum()
