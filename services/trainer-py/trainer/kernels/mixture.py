"""The mixture of K softmaxes that VALID and MacridVAE decode with, on a tile of users x items (VALID eq. 10).

With unit rows Hn [N, d] of the items, prototypes x and interests z [B, K, d] of a batch of users:
  b_lk = x_k . Hn_l / tau            a_lk = exp(b_lk) / E_lk      E ~ Exp(1): Gumbel noise; 1 without noise
  A_lk = a_lk / sum_j a_lj           w_lk = A_lk exp(z_k . Hn_l / tau_dec)       p_l = sum_k w_lk
`Personal` has prototypes and noise of each user. `Shared` has A [K, N] of all users (one block: MacridVAE), which
takes two of the five products of matrices away, and most of the exponentials. No maximum is subtracted: 1 / E < 2^24,
so a exp(s) < 2^24 exp(1 / tau + 1 / tau_dec) fits float32 from tau = 0.03 on.

Shapes: u users and T items of a tile. What a tile holds is overwritten by its gradients.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import embedding

from . import noise
from .sampled import Drawn


@dataclass(frozen=True)
class Temperatures:
    group: float  # tau, of the assignment of items to prototypes
    decode: float  # tau_dec


@dataclass(frozen=True)
class Gradients:
    """Sums in the items [N, d], the interests [B, K, d] and, where it needs one, what groups the items: prototypes
    [B, K, d] or A [K, N]. A row or column of items belongs to the tiles of one thread, which adds to it here."""

    items: Tensor
    interests: Tensor
    grouping: Tensor | None


@dataclass(frozen=True)
class Part:
    """What one thread finds for a chunk of users, [u K, d]: in the interests, and in prototypes of their own."""

    interests: Tensor
    prototypes: Tensor


@dataclass(frozen=True)
class Tile(ABC):
    users: slice
    items: slice
    p: Tensor  # [u, T]

    @abstractmethod
    def differentiate(self, weights: Tensor, found: Gradients, part: Part) -> None:
        """Adds the gradients of sum_u weight_u sum_l p_l; weights [u]."""


@dataclass(frozen=True)
class Mixture(ABC):
    items: Tensor  # Hn [N, d]
    interests: Tensor  # z [B, K, d]
    temperatures: Temperatures
    log_weights: Tensor | None  # log v of what interests are steered by, [B, K]: p_l = sum_k v_k w_lk
    arrays: ClassVar[int]  # [u, K, T] each, that a tile holds

    @abstractmethod
    def tile(self, users: slice, columns: slice, memory: Tensor) -> Tile:
        """memory [arrays, u, K, T] holds it."""

    def _products(self, vectors: Tensor, users: slice, columns: slice, temperature: float, out: Tensor) -> None:
        mine = vectors[users].flatten(0, 1) / temperature  # [u K, d]
        torch.mm(mine, self.items[columns].T, out=out.flatten(0, 1))

    def _decoding(self, users: slice, columns: slice, out: Tensor) -> None:
        """s + log v"""
        self._products(self.interests, users, columns, self.temperatures.decode, out)
        if self.log_weights is not None:
            out += self.log_weights[users, :, None]
            if fused := fused_for(out):
                out.clamp_(min=fused.NOTHING)


@dataclass(frozen=True)
class Personal(Mixture):
    prototypes: Tensor  # x [B, K, d]
    keys: Tensor | None  # [B, K, 2] of `noise`
    arrays: ClassVar[int] = 2

    def tile(self, users: slice, columns: slice, memory: Tensor) -> Tile:
        group, decode = memory
        self._products(self.prototypes, users, columns, self.temperatures.group, group)
        self._decoding(users, columns, decode)
        sums = self._mix(group, decode, None if self.keys is None else self.keys[users], columns.start)
        return _PersonalTile(users, columns, sums[1].div_(sums[0]), self, group, decode, sums[0])

    def _mix(self, group: Tensor, decode: Tensor, keys: Tensor | None, first_item: int) -> Tensor:
        """In place: group becomes a, decode a exp(s); returns their sums over K, [2, u, T]."""
        users, interests, width = group.shape
        if fused := fused_for(group):
            sums = torch.empty(2, users, width)
            seeds = torch.zeros(users, interests, 2, dtype=torch.int64) if keys is None else keys
            words = seeds.numpy().astype("uint32")
            fused.mixture(group.numpy(), decode.numpy(), words, first_item, keys is not None, sums.numpy())
            return sums
        group.exp_()
        if keys is not None:
            columns = torch.arange(first_item, first_item + width, device=group.device)
            group.div_(noise.exponential(keys[:, :, None, :], columns, group.dtype))
        decode.exp_().mul_(group)
        return torch.stack([group.sum(1), decode.sum(1)])


@dataclass(frozen=True)
class _PersonalTile(Tile):
    mixture: Personal
    group: Tensor  # a [u, K, T]
    decode: Tensor  # a exp(s)
    sums: Tensor  # sum_k a, [u, T]

    def differentiate(self, weights: Tensor, found: Gradients, part: Part) -> None:
        self._logit_gradients(weights)
        mixture, taus = self.mixture, self.mixture.temperatures
        rows, out = mixture.items[self.items], found.items[self.items]
        decode, group = self.decode.flatten(0, 1), self.group.flatten(0, 1)  # [u K, T]
        out.addmm_(decode.T, mixture.interests[self.users].flatten(0, 1), alpha=1 / taus.decode)
        out.addmm_(group.T, mixture.prototypes[self.users].flatten(0, 1), alpha=1 / taus.group)
        part.interests.addmm_(decode, rows, alpha=1 / taus.decode)
        if found.grouping is not None:
            part.prototypes.addmm_(group, rows, alpha=1 / taus.group)

    def _logit_gradients(self, weights: Tensor) -> None:
        """group becomes d/db, decode d/ds."""
        if fused := fused_for(self.group):
            arrays = (self.group, self.decode, self.sums, self.p, weights.contiguous())
            fused.logit_gradients(*(array.numpy() for array in arrays))
            return
        scale = (weights[:, None] / self.sums)[:, None]  # [u, 1, T]
        self.decode.mul_(scale)
        self.group.mul_(scale).mul_(self.p[:, None]).neg_().add_(self.decode)


@dataclass(frozen=True)
class Shared(Mixture):
    assignment: Tensor  # A [K, N]
    arrays: ClassVar[int] = 1

    def tile(self, users: slice, columns: slice, memory: Tensor) -> Tile:
        (decode,) = memory
        self._decoding(users, columns, decode)
        assignment = self.assignment[:, columns].contiguous()  # compiled passes are slow with strides
        if fused := fused_for(decode):
            p = torch.empty(decode.shape[0], decode.shape[2])
            fused.shared_mixture(decode.numpy(), assignment.numpy(), p.numpy())
        else:
            p = (decode.exp_() * assignment).sum(1)
        return _SharedTile(users, columns, p, self, decode, assignment)


@dataclass(frozen=True)
class _SharedTile(Tile):
    mixture: Shared
    decode: Tensor  # exp(s) [u, K, T]
    assignment: Tensor  # [K, T]

    def differentiate(self, weights: Tensor, found: Gradients, part: Part) -> None:
        mixture, tau = self.mixture, self.mixture.temperatures.decode
        slopes = torch.zeros_like(self.assignment)  # in A
        if fused := fused_for(self.decode):
            arrays = (self.decode, self.assignment, weights.contiguous(), slopes)
            fused.shared_gradients(*(array.numpy() for array in arrays))
        else:
            slopes += self.decode.mul_(weights[:, None, None]).sum(0)
            self.decode.mul_(self.assignment)
        if found.grouping is not None:
            found.grouping[:, self.items] += slopes
        decode = self.decode.flatten(0, 1)  # d/ds
        out = found.items[self.items]
        out.addmm_(decode.T, mixture.interests[self.users].flatten(0, 1), alpha=1 / tau)
        part.interests.addmm_(decode, mixture.items[self.items], alpha=1 / tau)


def sampled_sums(
    items: Tensor, prototypes: Tensor, interests: Tensor, keys: Tensor | None, temperatures: Temperatures, drawn: Drawn
) -> Tensor:
    """sum_l p_l estimated from drawn items, [B]; arguments as `log_normaliser` has them, and differentiable."""
    rows = embedding(drawn.items, items).T  # [d, S]
    logits = prototypes @ rows / temperatures.group  # [B, K, S]
    if keys is not None:
        logits = logits - torch.log(noise.exponential(keys[:, :, None], drawn.items, logits.dtype))
    p = (torch.softmax(logits, dim=1) * torch.exp(interests @ rows / temperatures.decode)).sum(1)  # [B, S]
    return (p * drawn.weights).sum(1)


def fused_for(tensor: Tensor) -> ModuleType | None:
    """The compiled passes, for what they are written for."""
    return _compiled() if tensor.dtype == torch.float32 and tensor.device.type == "cpu" else None


@cache
def _compiled() -> ModuleType | None:
    """numba takes its time to load, so the first who computes does it; there are machines it does not exist for."""
    try:
        from . import fused
    except ImportError:
        logging.getLogger(__name__).warning("numba is missing: VALID trains several times slower")
        return None
    return fused
