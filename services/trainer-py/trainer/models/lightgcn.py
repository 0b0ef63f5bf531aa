"""LightGCN: vectors smoothed over the interaction graph, trained with BPR.

He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020:
E^(l+1) = D^-1/2 A D^-1/2 E^(l) (eq. 8), the final vectors are the mean of layers 0 to L (eq. 4 with alpha = 1/(L+1)),
and the loss is BPR plus lambda ||E^(0)||^2 over the batch (eq. 15). As gusye1234/LightGCN-PyTorch: N(0, 0.1) start and
half squares over the batch; each interaction is met once an epoch, as in the paper (that code draws users anew).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ..contract.graph_factorised import GraphConfig, GraphFactorised
from ..kernels.graph import propagate
from ..kernels.pairwise import ranking_loss

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..contract.recommender import Interactions, StepContext


class LightGCNConfig(GraphConfig):
    """Nothing of its own."""


class LightGCN(GraphFactorised):
    name = "lightgcn"
    title = "LightGCN"
    paper = "He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, SIGIR 2020"
    paper_url = "https://doi.org/10.1145/3397271.3401063"
    summary = "Matrix factorisation whose vectors are averaged over neighbours in the interaction graph."
    capabilities = GraphFactorised.capabilities | {"data_parallel"}
    config_class = LightGCNConfig

    def start(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.embedding, std=0.1, generator=generator)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        nodes = self.triples(batch, context)
        return ranking_loss(nodes, self.smoothed(), self.embedding, self.config.reg_weight)

    def smoothed(self) -> Tensor:
        layer: Tensor = self.embedding
        total: Tensor = self.embedding
        for _ in range(self.config.n_layers):
            layer = propagate(self.adjacency, layer)
            total = total + layer
        return total / (self.config.n_layers + 1)
