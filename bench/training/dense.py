"""The usual implementations of autoencoders for ranking, from their equations: everything of size B x (K x) N at once.

They are what `bench/train.py` compares with, in speed and in memory. Parameters are those of our own models, so that
both do the same work; shapes: rows [B, N] binary, K interests, N items, d embedding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn.functional import dropout, gumbel_softmax, normalize, silu

from trainer.contract.recommender import Recommender
from trainer.models.valid import Valid

DenseLoss = Callable[[Tensor], Tensor]


def valid_loss(model: Valid, rows: Tensor) -> Tensor:
    """VALID with implicit differentiation, R = 2, or MacridVAE (R = 1)."""
    c = model.config
    unit_items = normalize(model.item_embedding, dim=1)

    def assigned(prototypes: Tensor) -> Tensor:
        return gumbel_softmax(prototypes @ unit_items.T / c.tau, dim=1)  # [B, K, N]

    def weighed(assignment: Tensor) -> Tensor:
        return dropout(normalize(rows[:, None] * assignment, dim=2), c.dropout)

    prototypes = normalize(model.prototypes, dim=1)[None]
    for _ in range(model.blocks.r - 1):
        prototypes = normalize(weighed(assigned(prototypes)) @ unit_items, dim=2).detach()
    assignment = assigned(prototypes)
    hidden = torch.tanh(weighed(assignment) @ model.encoder_items + model.encoder_bias)
    mean, t = model.encoder_out(hidden).chunk(2, dim=-1)
    z = normalize(normalize(mean, dim=2) + c.std * torch.exp(-t / 2) * torch.randn_like(mean), dim=2)
    p = (assignment * torch.exp(z @ unit_items.T / c.tau_dec)).sum(1)
    log_pi = torch.log(p) - torch.log(p.sum(1, keepdim=True))
    kl = -0.5 * (1 - t - torch.exp(-t)).sum()
    loss: Tensor = (-(rows * log_pi).sum() + 1e-4 * kl) / len(rows)
    return loss


def valid_scores(model: Valid, rows: Tensor) -> Tensor:
    """log p [B, N] without noise."""
    c = model.config
    unit_items = normalize(model.item_embedding, dim=1)
    prototypes = normalize(model.prototypes, dim=1)[None]
    for _ in range(model.blocks.r - 1):
        weights = normalize(rows[:, None] * torch.softmax(prototypes @ unit_items.T / c.tau, dim=1), dim=2)
        prototypes = normalize(weights @ unit_items, dim=2)
    assignment = torch.softmax(prototypes @ unit_items.T / c.tau, dim=1)
    hidden = torch.tanh(normalize(rows[:, None] * assignment, dim=2) @ model.encoder_items + model.encoder_bias)
    z = normalize(model.encoder_out(hidden).chunk(2, dim=-1)[0], dim=2)
    return (assignment * torch.exp(z @ unit_items.T / c.tau_dec)).sum(1).log()


class DenseVAE(nn.Module):
    """Mult-VAE (Liang et al., 2018) as everybody writes it: linear layers over dense rows."""

    def __init__(self, items: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(items, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, items))

    def loss(self, rows: Tensor) -> Tensor:
        mean, log_variance = self.encoder(dropout(normalize(rows, dim=1), 0.5)).chunk(2, dim=1)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        log_pi = torch.log_softmax(self.decoder(z), dim=1)
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)
        loss: Tensor = (-(rows * log_pi).sum(1) + 0.1 * kl).mean()
        return loss


class DenseRecVAE(nn.Module):
    """RecVAE (Shenbin et al., 2020): five dense layers with shortcuts, one linear decoder, the composite prior."""

    def __init__(self, items: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(items if n == 0 else hidden, hidden) for n in range(5)])
        self.norms = nn.ModuleList([nn.LayerNorm(hidden, eps=0.1) for _ in range(5)])
        self.heads = nn.Linear(hidden, 2 * latent)
        self.decoder = nn.Linear(latent, items)

    def encode(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        x = dropout(normalize(rows, dim=1), 0.5)
        hidden = self.norms[0](silu(self.layers[0](x)))
        shortcut = hidden
        for layer, norm in zip(list(self.layers)[1:], list(self.norms)[1:], strict=True):
            hidden = norm(silu(layer(hidden) + shortcut))
            shortcut = shortcut + hidden
        mean, log_variance = self.heads(hidden).chunk(2, dim=1)
        return mean, log_variance

    def loss(self, rows: Tensor) -> Tensor:
        """One of the four passes of an epoch; all cost about this."""
        mean, log_variance = self.encode(rows)
        with torch.no_grad():
            old_mean, old_log_variance = self.encode(rows)  # the frozen teacher
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)

        def log_normal(m: Tensor, v: Tensor) -> Tensor:
            return -0.5 * (v + math.log(2 * math.pi) + (z - m) ** 2 / v.exp())

        zeros = torch.zeros_like(z)
        parts = [log_normal(zeros, zeros), log_normal(old_mean, old_log_variance), log_normal(zeros, zeros + 10)]
        shares = [math.log(3 / 20), math.log(3 / 4), math.log(1 / 10)]
        prior = torch.logsumexp(torch.stack([part + share for part, share in zip(parts, shares, strict=True)]), dim=0)
        kl = (log_normal(mean, log_variance) - prior).sum(1)
        log_pi = torch.log_softmax(self.decoder(z), dim=1)
        return (-(rows * log_pi).sum(1) + 0.005 * rows.sum(1) * kl).mean()


def dense_version(model: Recommender) -> tuple[DenseLoss, Sequence[nn.Parameter]] | None:
    """Loss of a dense batch and the parameters it trains, for the models that are usually written densely."""
    if isinstance(model, Valid):
        return lambda rows: valid_loss(model, rows), list(model.parameters())
    sizes: dict[str, type[DenseVAE] | type[DenseRecVAE]] = {"multvae": DenseVAE, "recvae": DenseRecVAE}
    if model.name not in sizes:
        return None
    config = model.config.model_dump()
    dense = sizes[model.name](model.n_items, config["hidden_size"], config["latent_dimension"])
    return dense.loss, list(dense.parameters())


def evaluate_in_python(
    scores_of: Callable[[Tensor], Tensor], train: csr_matrix, test: csr_matrix, users: int
) -> dict[str, float]:
    """Mean Recall and NDCG at 20 and 50 of the first `users`, as common frameworks do: dense batches of scores, a full
    sort, lists and sets."""
    values: dict[str, list[float]] = {}
    for start in range(0, users, 100):
        rows = np.arange(start, min(start + 100, users))
        history = torch.from_numpy(train[rows].toarray())
        scores = scores_of(history)
        scores[history > 0] = -torch.inf
        ranked = torch.argsort(scores, dim=1, descending=True)[:, :50].tolist()
        for row, items in zip(rows, ranked, strict=True):
            truth = set(test[row].indices.tolist())
            for cutoff in (20, 50) if truth else ():
                hits = [item in truth for item in items[:cutoff]]
                ideal = sum(1 / math.log2(rank + 2) for rank in range(min(cutoff, len(truth))))
                gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(hits))
                values.setdefault(f"recall@{cutoff}", []).append(sum(hits) / len(truth))
                values.setdefault(f"ndcg@{cutoff}", []).append(gain / ideal)
    return {name: float(np.mean(some)) for name, some in values.items()}
