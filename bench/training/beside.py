"""VALIANT whose interests see its linear path while they learn: w lin / s inside the softmax, beside log p.

Shapes: B users, N items, K interests, d embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize, softplus

from trainer.contract.interest_vae import EPS
from trainer.contract.recommender import Histories, StepContext
from trainer.contract.ridge import Ridge
from trainer.kernels.annealing import annealed
from trainer.kernels.mixture import Gradients, Part, Personal, Temperatures
from trainer.kernels.ragged import owners, products_with_own
from trainer.models.valiant import Valiant, ValiantConfig

CHUNK, TILE = 128, 1024  # users and items whose mixture lies near a core
LOWEST = -80.0  # of a logit: its exponential is nothing, and the kernels take no less than -88


@dataclass(frozen=True)
class Way:
    """How the interests learn: apart from the path or with it inside the softmax; with a weight that is learnt or
    fixed; with the path's scores as of people whom it was solved without (`unseen`), or as it gives them."""

    inside: bool = False
    learnt: bool = False
    unseen: bool = False

    @property
    def label(self) -> str:
        if not self.inside:
            return "apart"
        return f"inside, w {'learnt' if self.learnt else 'fixed'}, {'unseen' if self.unseen else 'seen'}"


class Beside(Valiant):
    """VALIANT with EASE, trained one `Way`. The weight is softplus(`raw_weight`)."""

    def __init__(self, config: ValiantConfig, users: int, items: int, way: Way) -> None:
        super().__init__(config, users, items)
        self.way = way
        self.raw_weight = nn.Parameter(torch.tensor(config.linear_weight).expm1().log(), requires_grad=way.learnt)

    @property
    def weight(self) -> Tensor:
        return softplus(self.raw_weight)

    def linear(self, batch: Histories, unseen: bool) -> Tensor:
        """lin / s of all items, [B, N].

        EASE without user x has P' = P + g g' / (1 - x'g) for g = P x (Sherman and Morrison), so x B' = x - g / ((1 -
        x'g) diag P + g^2): exact for each user, where folds of users would be an estimate from fewer people. With its
        zero diagonal no item speaks for itself either, so items of the history are scored as if they were to come.
        """
        assert isinstance(self.path, Ridge)
        scores = self.path.scores(batch)
        if unseen:
            x = rows_of(batch, self.n_items)
            product = (x - scores).mul_(self.path.diagonal)
            left = 1 - (x * product).sum(1, keepdim=True)
            scores = x - product / (left * self.path.diagonal + product.square())
        return scores / self.scale

    def offsets(self, batch: Histories) -> Tensor:
        return self.linear(batch, unseen=False) * self.weight.detach()

    def interests_alone(self, batch: Histories) -> Tensor:
        """log p [B, N]"""
        with torch.no_grad():
            return super().scores(batch) - self.offsets(batch)

    def loss(self, batch: Histories, context: StepContext) -> Tensor:
        """VALID's, with log p + w lin / s in place of log p (contract/interest_vae.py)."""
        if not self.way.inside:
            return super().loss(batch, context)
        config, generator = self.config, context.generator
        unit_items = normalize(self.item_embedding, dim=1, eps=EPS)
        grouping = self._group(batch, unit_items, generator)
        mean, log_variance = self._encode(batch, grouping.weights)
        epsilon = torch.empty_like(mean).normal_(generator=generator)
        interests = normalize(mean + config.std * torch.exp(log_variance / 2) * epsilon, dim=-1, eps=EPS)
        with torch.no_grad():
            linear = self.linear(batch, self.way.unseen)
        offsets = self.weight * linear
        own = products_with_own(batch.indptr, batch.indices, interests, unit_items) / config.tau_dec
        log_p = torch.log((grouping.assignment * own.exp()).sum(1)) + offsets[owners(batch.indptr), batch.indices]
        shares = batch.indptr.diff().to(log_p.dtype) / len(batch)
        keys, taus = grouping.keys, self.temperatures
        normaliser = log_normaliser(unit_items, grouping.prototypes, interests, offsets, keys, taus, shares)
        kl = -0.5 * (1 + log_variance - log_variance.exp()).sum() / len(batch)
        beta = annealed(context.step, config.total_anneal_steps, config.anneal_cap)
        return normaliser - log_p.sum() / len(batch) + beta * kl


def rows_of(batch: Histories, items: int) -> Tensor:
    """Histories as rows of 0 and 1, [B, N]."""
    rows = torch.zeros(len(batch), items, device=batch.indices.device)
    rows[owners(batch.indptr), batch.indices] = 1
    return rows


@dataclass(frozen=True)
class _Shifted(Personal):
    offsets: Tensor  # [B, N], added to every logit of a user's item

    def _decoding(self, users: slice, columns: slice, out: Tensor) -> None:
        super()._decoding(users, columns, out)
        out.add_(self.offsets[users, None, columns]).clamp_(min=LOWEST)


def log_normaliser(
    items: Tensor,
    prototypes: Tensor,
    interests: Tensor,
    offsets: Tensor,
    keys: Tensor | None,
    temperatures: Temperatures,
    weights: Tensor,
) -> Tensor:
    """sum_u weight_u log sum_l p_l exp(offset_ul), scalar; differentiable in items [N, d], interests [B, K, d] and
    offsets [B, N]; prototypes [B, K, d] are constants (implicit differentiation). One core."""
    largest = offsets.detach().amax(1, keepdim=True)  # taken out, so that no exponential is too large
    inputs = (items, prototypes, interests, offsets - largest, keys, temperatures, weights)
    rest = cast("Tensor", _LogNormaliser.apply(*inputs))  # type: ignore[no-untyped-call]
    return rest + (weights * largest[:, 0]).sum()


class _LogNormaliser(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        items: Tensor,
        prototypes: Tensor,
        interests: Tensor,
        offsets: Tensor,
        keys: Tensor | None,
        temperatures: Temperatures,
        weights: Tensor,
    ) -> Tensor:
        mixture = _Shifted(items, interests, temperatures, None, prototypes.contiguous(), keys, offsets)
        found = Gradients(torch.zeros_like(items), torch.zeros_like(interests), None)
        to_offsets = torch.empty_like(offsets) if ctx.needs_input_grad[3] else None
        total = torch.zeros((), dtype=torch.float64)
        shape = (min(CHUNK, len(interests)), interests.shape[1], min(TILE, len(items)))
        memory = [items.new_empty(2, *shape) for _ in range(0, len(items), TILE)]
        for first in range(0, len(interests), CHUNK):
            users = slice(first, min(first + CHUNK, len(interests)))
            tiles = []
            for kept, start in zip(memory, range(0, len(items), TILE), strict=True):
                columns = slice(start, min(start + TILE, len(items)))
                size = (2, users.stop - first, shape[1], columns.stop - start)
                tiles.append(mixture.tile(users, columns, kept.flatten()[: torch.Size(size).numel()].view(size)))
            sums = torch.stack([tile.p.sum(1, dtype=torch.float64) for tile in tiles]).sum(0)
            total += (weights[users].double() * sums.log()).sum()
            slopes = (weights[users].double() / sums).to(items.dtype)
            mine = torch.zeros_like(found.interests[users].flatten(0, 1))
            for tile in tiles:
                if to_offsets is not None:
                    to_offsets[users, tile.items] = tile.p * slopes[:, None]
                tile.differentiate(slopes, found, Part(mine, mine))
            found.interests[users] = mine.view_as(found.interests[users])
        ctx.gradients = (found.items, found.interests, to_offsets)
        return total.to(items.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        items, interests, offsets = ctx.gradients
        return (
            gradient * items,
            None,
            gradient * interests,
            None if offsets is None else gradient * offsets,
            *[None] * 3,
        )
