"""Ranking what a user has above what was drawn."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import embedding, softplus


def ranking_loss(nodes: Tensor, vectors: Tensor, parameters: Tensor, weight: float) -> Tensor:
    """BPR, -log sigmoid(x_ui - x_uj), with an L2 penalty as LightGCN has it (He et al., eq. 15); means over the batch.

    nodes       [3, B]  rows of users u, their items i and drawn items j
    vectors     [n, d]  whose dot products are the scores x
    parameters  [n, d]  whose half squares, at `nodes`, are penalised with `weight`
    """
    user, chosen, other = embedding(nodes, vectors)  # [B, d] each
    ranking = softplus((user * (other - chosen)).sum(1)).mean()
    squares = embedding(nodes, parameters).square().sum()
    return ranking + weight * squares / (2 * nodes.shape[1])
