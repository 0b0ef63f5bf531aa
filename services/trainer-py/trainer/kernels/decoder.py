"""The decoder of VALID over the whole catalogue, tile by tile (VALID eq. 10, 11; MacridVAE is the case R = 1).

With unit rows Hn [N, d] of the items, prototypes x [B, K, d] and interests z [B, K, d] of a batch of users:
  b_lk = x_k . Hn_l / tau            a_lk = exp(b_lk) / E_lk      E ~ Exp(1): Gumbel noise; 1 without noise
  A_lk = a_lk / sum_j a_lj           w_lk = A_lk exp(z_k . Hn_l / tau_dec)       p_l = sum_k w_lk
Nothing of size B x K x N is ever stored: a chunk of users passes over all items, for the sum of its p first and for
the gradients then. The chunk's tiles are kept in between while they fit KEPT_BYTES; with more items they are computed
again, noise included. No maximum is subtracted: 1 / E < 2^24, so a exp(s) < 2^24 exp(1 / tau + 1 / tau_dec) fits
float32 from tau = 0.03 on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import noise
from .threads import cores, spread

# Users and items of a tile. On the CPU its logits (2 x 2 MiB at K = 4) stay near a core; an accelerator wants
# few, large launches (2 x 32 MiB).
TILE = {"cpu": (128, 1024), "cuda": (256, 8192)}
KEPT_BYTES = 32 << 20
FEWEST_KEPT = 16  # users; a chunk of fewer makes its products slower than computing them again


@dataclass(frozen=True)
class Temperatures:
    group: float  # tau, of the assignment of items to prototypes
    decode: float  # tau_dec


def log_normaliser(
    items: Tensor,
    prototypes: Tensor,
    interests: Tensor,
    keys: Tensor | None,
    temperatures: Temperatures,
    weights: Tensor,
) -> Tensor:
    """sum_u weight_u log sum_l p_l, scalar; differentiable in items Hn [N, d], prototypes and interests [B, K, d].

    keys [B, K, 2] int64 (`noise.draw_keys`) or None for no noise; weights [B]. The weights are asked for here because
    the gradients are computed with the value, while a chunk's tiles are at hand.
    """
    inputs = (items, prototypes, interests, keys, temperatures, weights, torch.is_grad_enabled())
    return cast("Tensor", _LogNormaliser.apply(*inputs))  # type: ignore[no-untyped-call]


@torch.no_grad()
def log_scores(items: Tensor, prototypes: Tensor, interests: Tensor, temperatures: Temperatures) -> Tensor:
    """log p of every item without noise, [B, N]: the ranking scores."""
    scores = items.new_empty(len(interests), len(items))
    decoder = _Decoder(items, prototypes, interests, None, temperatures)
    users_at_once = TILE[items.device.type][0]
    memory = _Memory(decoder, users_at_once, keeps=False)

    @torch.no_grad()  # the mode is each thread's own
    def fill(number: int, workers: int) -> None:
        for columns in _columns(items)[number::workers]:
            for users in _slices(len(interests), users_at_once):
                scores[users, columns] = decoder.tile(users, columns, memory.of(users, columns, number)).p.log_()

    spread(fill, _workers(items))
    return scores


class _LogNormaliser(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        items: Tensor,
        prototypes: Tensor,
        interests: Tensor,
        keys: Tensor | None,
        temperatures: Temperatures,
        weights: Tensor,
        with_gradients: bool,
    ) -> Tensor:
        decoder = _Decoder(items, prototypes, interests, keys, temperatures)
        ctx.gradients = None
        if with_gradients and any(ctx.needs_input_grad):
            # With implicit differentiation the prototypes need none: one product less.
            moving = prototypes if ctx.needs_input_grad[1] else None
            ctx.gradients = _Gradients(decoder, torch.zeros_like(items), torch.zeros_like(interests), moving)
        memory = _Memory(decoder, *_plan(decoder))
        total = torch.zeros((), dtype=torch.float64, device=items.device)
        for users in _slices(len(interests), memory.users):
            total += _chunk(decoder, users, weights[users], memory, ctx.gradients)
        return total.to(items.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        found: _Gradients = ctx.gradients
        to_prototypes = None if found.prototypes is None else gradient * found.prototypes
        return gradient * found.items, to_prototypes, gradient * found.interests, None, None, None, None


def _plan(decoder: _Decoder) -> tuple[int, bool]:
    """Users of a chunk, and whether its tiles are kept between the two passes."""
    most = TILE[decoder.items.device.type][0]
    row = 2 * decoder.x.shape[1] * len(decoder.items) * decoder.items.element_size()
    fitting = KEPT_BYTES // row
    return (min(most, fitting), True) if fitting >= FEWEST_KEPT else (most, False)


class _Memory:
    """The logits of tiles: of all tiles of a chunk when they are kept, else of one a thread. Taken once a call, as
    freed tiles of many sizes leave holes in the heap."""

    def __init__(self, decoder: _Decoder, users: int, keeps: bool) -> None:
        columns = _columns(decoder.items)
        self.users, self.keeps = min(users, len(decoder.z)), keeps
        self.interests, self.tile = decoder.z.shape[1], self.users * decoder.z.shape[1] * columns[0].stop
        numbers = self.users * self.interests * len(decoder.items) if keeps else self.tile * _workers(decoder.items)
        self.flat = decoder.items.new_empty(2, numbers)

    def of(self, users: slice, columns: slice, number: int) -> Tensor:
        """[2, u, K, T] of a tile, for thread `number`."""
        rows, width = users.stop - users.start, columns.stop - columns.start
        start = rows * self.interests * columns.start if self.keeps else number * self.tile
        return self.flat[:, start : start + rows * self.interests * width].view(2, rows, self.interests, width)


def _chunk(decoder: _Decoder, users: slice, weights: Tensor, memory: _Memory, gradients: _Gradients | None) -> Tensor:
    """sum_u weight_u log sum_l p_l of one chunk of users; adds its part to the gradients.

    Each thread has its own items in both passes, and what the threads found is added in a fixed order, so that equal
    numbers of threads give equal bits.
    """
    columns = _columns(decoder.items)

    @torch.no_grad()
    def sum_up(number: int, workers: int) -> tuple[Tensor, list[_Tile]]:
        sums, kept = torch.zeros(len(weights), dtype=torch.float64, device=decoder.items.device), []
        for some in columns[number::workers]:
            tile = decoder.tile(users, some, memory.of(users, some, number))
            sums += tile.p.sum(1, dtype=torch.float64)
            if memory.keeps and gradients is not None:
                kept.append(tile)
        return sums, kept

    workers = _workers(decoder.items)
    passed = spread(sum_up, workers)
    sums = torch.stack([part for part, _ in passed]).sum(0)  # [u]
    value = (weights.double() * sums.log()).sum()
    if gradients is None:
        return value
    slopes = (weights.double() / sums).to(decoder.items.dtype)  # d value / d p_l, the same for every item of a user

    @torch.no_grad()
    def differentiate(number: int, workers: int) -> tuple[Tensor, Tensor]:
        shape = decoder.z[users].flatten(0, 1).shape
        parts = (decoder.items.new_zeros(shape), decoder.items.new_zeros(shape))
        tiles = iter(passed[number][1])
        for some in columns[number::workers]:
            tile = next(tiles) if memory.keeps else decoder.tile(users, some, memory.of(users, some, number))
            tile.differentiate(slopes)
            gradients.add(tile, *parts)
        return parts

    gradients.add_chunk(users, spread(differentiate, workers))
    return value


@dataclass
class _Gradients:
    """Of the value in the items [N, d], the interests [B, K, d], and the prototypes [B, K, d] where they need one."""

    decoder: _Decoder
    items: Tensor
    interests: Tensor
    prototypes: Tensor | None

    def __post_init__(self) -> None:
        if self.prototypes is not None:
            self.prototypes = torch.zeros_like(self.interests)

    def add(self, tile: _Tile, to_interests: Tensor, to_prototypes: Tensor) -> None:
        """Each row of the items belongs to the tiles of one thread; the other sums are the thread's own, [u K, d]."""
        rows, out = self.decoder.items[tile.items], self.items[tile.items]
        decode, group = tile.decode.flatten(0, 1), tile.group.flatten(0, 1)  # [u K, T]
        out.addmm_(decode.T, self.decoder.z[tile.users].flatten(0, 1))
        out.addmm_(group.T, self.decoder.x[tile.users].flatten(0, 1))
        to_interests.addmm_(decode, rows)
        if self.prototypes is not None:
            to_prototypes.addmm_(group, rows)

    def add_chunk(self, users: slice, parts: list[tuple[Tensor, Tensor]]) -> None:
        to_interests, to_prototypes = (torch.stack(part).sum(0) for part in zip(*parts, strict=True))
        self.interests[users] = to_interests.view_as(self.interests[users]) / self.decoder.temperatures.decode
        if self.prototypes is not None:
            self.prototypes[users] = to_prototypes.view_as(self.prototypes[users]) / self.decoder.temperatures.group


@dataclass
class _Tile:
    """Users x items of the decoder. group, decode [u, K, T] hold a and a exp(s) until `differentiate` makes them
    d/db and d/ds of weight_u sum_l p_l; sums [2, u, T] are sum_k a and sum_k a exp(s)."""

    users: slice
    items: slice
    group: Tensor
    decode: Tensor
    sums: Tensor

    @property
    def p(self) -> Tensor:
        """p_l, [u, T]."""
        return self.sums[1] / self.sums[0]

    def differentiate(self, weights: Tensor) -> None:
        """weights [u]: d loss / d p_l."""
        if fused := _fused(self.group):
            arrays = (self.group.numpy(), self.decode.numpy(), self.sums.numpy(), weights.contiguous().numpy())
            fused.logit_gradients(*arrays)
            return
        p = self.p[:, None]
        scale = (weights[:, None] / self.sums[0])[:, None]  # [u, 1, T]
        self.decode.mul_(scale)
        self.group.mul_(scale).mul_(p).neg_().add_(self.decode)


class _Decoder:
    """What every tile needs; x, z [B, K, d] are the prototypes and interests over their temperatures."""

    def __init__(
        self, items: Tensor, prototypes: Tensor, interests: Tensor, keys: Tensor | None, temperatures: Temperatures
    ) -> None:
        self.items, self.keys, self.temperatures = items, keys, temperatures
        self.x, self.z = prototypes.expand_as(interests) / temperatures.group, interests / temperatures.decode

    def tile(self, users: slice, columns: slice, memory: Tensor) -> _Tile:
        rows = self.items[columns].T
        group, decode = memory
        torch.mm(self.x[users].flatten(0, 1), rows, out=group.flatten(0, 1))
        torch.mm(self.z[users].flatten(0, 1), rows, out=decode.flatten(0, 1))
        sums = _mix(group, decode, None if self.keys is None else self.keys[users], columns.start)
        return _Tile(users, columns, group, decode, sums)


def _slices(length: int, at_once: int) -> list[slice]:
    return [slice(first, min(first + at_once, length)) for first in range(0, length, at_once)]


def _columns(items: Tensor) -> list[slice]:
    return _slices(len(items), TILE[items.device.type][1])


def _workers(items: Tensor) -> int:
    if items.device.type != "cpu":
        return 1
    return min(cores(), len(_columns(items)))


def _mix(group: Tensor, decode: Tensor, keys: Tensor | None, first_item: int) -> Tensor:
    """In place: group becomes a, decode a exp(s); returns their sums over K, [2, u, T]."""
    users, interests, width = group.shape
    if fused := _fused(group):
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


def _fused(tensor: Tensor) -> ModuleType | None:
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
