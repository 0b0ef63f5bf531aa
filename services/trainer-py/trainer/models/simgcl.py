"""SimGCL: LightGCN whose vectors must be told apart from all others under noise, in place of edges dropped at random.

Yu et al., "Are Graph Augmentations Necessary? Simple Graph Contrastive Learning for Recommendation", SIGIR 2022:
  view   E^(l+1) = A E^(l) + noise, each row eps long and in the orthant of the vector it disturbs (eq. 7, 8)
  loss = BPR + ssl_weight (InfoNCE of the batch's users + InfoNCE of its items) + L2 (eq. 1), each user or item once
The mean is over layers 1 to L, without layer 0, in the views and in the vectors that score. As
Coder-Yu/SELFRec: BPR is a mean, the batch its own negatives, xavier-uniform start. The L2 term is the paper's on the
parameters, in LightGCN's scale; that code takes norms of the propagated vectors.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding, normalize

from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.graph_factorised import GraphConfig, GraphFactorised
from ..contract.recommender import Interactions, StepContext
from ..kernels.graph import propagate
from ..kernels.pairwise import ranking_loss


class SimGCLConfig(GraphConfig):
    first = ("embedding_size", "n_layers", "ssl_weight", "epochs", "learning_rate")
    # The contrast compares a batch with itself, pair by pair: more would not fit into memory.
    train_batch_size: Annotated[int, Field(ge=1, le=16_384, description="Interactions in one gradient step.")] = 2048
    n_layers: Annotated[int, Field(ge=1, le=8, description="Times the vectors are smoothed over the graph (L).")] = 2
    ssl_weight: Annotated[float, Field(ge=0, le=100, description="Weight of the contrast between the views.")] = 0.5
    ssl_temp: Annotated[float, Field(ge=0.01, le=10, description="Temperature of the contrast.")] = 0.2
    eps: Annotated[float, Field(ge=0, le=10, description="Length of the noise added after each layer.")] = 0.1


class SimGCL(GraphFactorised):
    name = "simgcl"
    title = "SimGCL"
    paper = "Yu et al., Are Graph Augmentations Necessary? Simple Graph Contrastive Learning, SIGIR 2022"
    paper_url = "https://doi.org/10.1145/3477495.3531937"
    summary = "LightGCN trained to recognise each user and item in two noisy copies of its vectors."
    config_class = SimGCLConfig
    config: SimGCLConfig
    smoothings = 3  # without noise, and two with it

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Besides, the batch against itself: of users and of items, with their gradients."""
        batch = min(self.config.train_batch_size, sizes.train)
        return super().training_memory(sizes, device) + Memory(6 * batch**2 * FLOAT)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        nodes = self.triples(batch, context)
        first = propagate(self.adjacency, self.embedding)  # before any noise, so the same for all three
        clean, one, other = (
            self._mean_of_layers(first, noise) for noise in (None, context.generator, context.generator)
        )
        ranking = ranking_loss(nodes, clean, self.embedding, self.config.reg_weight)
        contrast = self._contrast(one, other, nodes[0]) + self._contrast(one, other, nodes[1])
        return ranking + self.config.ssl_weight * contrast

    def _contrast(self, one: Tensor, other: Tensor, nodes: Tensor) -> Tensor:
        """InfoNCE (eq. 2): mean over the different `nodes` of -log softmax of each among all of them, by cosine."""
        different = torch.unique(nodes)  # [M]
        cosines = (
            normalize(embedding(different, one), dim=1) @ normalize(embedding(different, other), dim=1).T
        )  # [M, M]
        return cross_entropy(cosines / self.config.ssl_temp, torch.arange(len(different), device=nodes.device))

    def smoothed(self) -> Tensor:
        return self._mean_of_layers(propagate(self.adjacency, self.embedding), None)

    def _mean_of_layers(self, layer: Tensor, noise: torch.Generator | None) -> Tensor:
        """Mean of layers 1 to L [U+N, d] from the first without noise. One product a view: side by side in one matrix
        they would leave the cache (on two cores three products of width 64 take two thirds of one of width 192)."""
        total = layer = self._disturbed(layer, noise)
        for _ in range(self.config.n_layers - 1):
            layer = self._disturbed(propagate(self.adjacency, layer), noise)
            total = total + layer
        return total / self.config.n_layers

    def _disturbed(self, layer: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None:
            return layer
        noise = torch.empty_like(layer).uniform_(generator=generator)
        return layer + normalize(noise, dim=1).mul_(self.config.eps) * layer.detach().sign()
