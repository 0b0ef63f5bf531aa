"""Parameter-free self-attention between the prototypes of one user (VALID section 4.4)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

SelfAttention = Literal["none", "scaled_cosine", "coda"]
MeanScope = Literal["row", "all"]


def refine(prototypes: Tensor, kind: SelfAttention, tau: float, repeats: int, mean: MeanScope) -> Tensor:
    """M' = B M + M for unit rows M [B, K, d], `repeats` times; returned with unit rows.

    scaled_cosine: B = softmax over j of cos(M_k, M_j) / tau.
    coda (Tay et al., Compositional De-Attention, NeurIPS 2019): B = tanh(S - mean S) * sigmoid(L - mean L) with
    S = cos / tau, L_kj = -|M_k - M_j|_1 / tau; the mean is over j ("row") or over all pairs ("all").
    """
    for _ in range(repeats if kind != "none" else 0):
        similarity = prototypes @ prototypes.transpose(-1, -2) / tau  # [B, K, K]
        if kind == "scaled_cosine":
            weights = torch.softmax(similarity, dim=-1)
        else:
            distance = -torch.cdist(prototypes, prototypes, p=1) / tau
            weights = torch.tanh(_centred(similarity, mean)) * torch.sigmoid(_centred(distance, mean))
        prototypes = normalize(weights @ prototypes + prototypes, dim=-1, eps=1e-12)
    return prototypes


def _centred(values: Tensor, scope: MeanScope) -> Tensor:
    return values - values.mean(dim=-1 if scope == "row" else (-1, -2), keepdim=True)
