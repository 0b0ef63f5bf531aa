"""The decoder of VALID and MacridVAE over the whole catalogue, tile by tile (VALID eq. 10, 11).

Nothing of size B x K x N is ever stored: a chunk of users passes over all items, for the sum of its p first and for
the gradients then. The chunk's tiles are kept in between while they fit KEPT_BYTES; with more items they are computed
again, noise included. What a tile is: `mixture`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import noise
from .mixture import Gradients, Mixture, Part, Personal, Shared, Temperatures, Tile
from .threads import cores, spread

# Users and items of a tile. On the CPU its logits (2 x 2 MiB at K = 4) stay near a core; an accelerator wants few and
# large launches (2 x 256 MiB): with tiles of 2 x 32 MiB an H100 waited for launches nine tenths of the time.
TILE = {"cpu": (128, 1024), "cuda": (512, 32768)}
KEPT_BYTES = {"cpu": 32 << 20, "cuda": 2 << 30}
FEWEST_KEPT = 16  # users; a chunk of fewer makes its products slower than computing them again


def log_normaliser(
    items: Tensor,
    prototypes: Tensor,
    interests: Tensor,
    keys: Tensor | None,
    temperatures: Temperatures,
    weights: Tensor,
) -> Tensor:
    """sum_u weight_u log sum_l p_l, scalar; differentiable in items Hn [N, d], prototypes and interests [B, K, d].

    keys [B, K, 2] int64 (`noise.draw_keys`) or None for no noise; weights [B]. Prototypes [1, K, d] and keys [1, K, 2]
    are those of all users. The weights are asked for here because the gradients are computed with the value, while a
    chunk's tiles are at hand.
    """
    shared = len(prototypes) == 1
    grouping = _assignment(items, prototypes[0], keys, temperatures) if shared else prototypes
    inputs = (items, grouping, interests, keys, temperatures, weights, shared, torch.is_grad_enabled())
    return cast("Tensor", _LogNormaliser.apply(*inputs))  # type: ignore[no-untyped-call]


@torch.no_grad()
def log_scores(
    items: Tensor, prototypes: Tensor, interests: Tensor, temperatures: Temperatures, weights: Tensor | None = None
) -> Tensor:
    """log p of every item without noise, [B, N]: the ranking scores. Prototypes as in `log_normaliser`; weights [B, K]
    of the interests inside p, None: all 1."""
    log_weights = None if weights is None else weights.log()
    scores = items.new_empty(len(interests), len(items))
    mixture: Mixture
    if len(prototypes) == 1:
        grouping = _assignment(items, prototypes[0], None, temperatures)
        mixture = Shared(items, interests, temperatures, log_weights, grouping)
    else:
        mixture = Personal(items, interests, temperatures, log_weights, prototypes, None)
    users_at_once = TILE[items.device.type][0]
    memory = _Memory(mixture, users_at_once, keeps=False)

    @torch.no_grad()  # the mode is each thread's own
    def fill(number: int, workers: int) -> None:
        for columns in _columns(items)[number::workers]:
            for users in _slices(len(interests), users_at_once):
                scores[users, columns] = mixture.tile(users, columns, memory.of(users, columns, number)).p.log_()

    spread(fill, _workers(items))
    return scores


def bytes_of_logits(device: str, arrays: int, users: int, interests: int, items: int) -> int:
    """Of float32 that a call holds for so many users, about: `arrays` as of the kind of mixture. On an accelerator,
    where no pass is compiled, what is computed from them takes as much again, and more where each user has noise."""
    at_once, keeps = _plan(device, arrays * interests * items * 4)
    width = items if keeps else min(items, TILE[device][1] * (cores() if device == "cpu" else 1))
    held = arrays * min(at_once, users) * interests * width * 4
    return held if device == "cpu" else held * 2 * arrays


def _assignment(items: Tensor, prototypes: Tensor, keys: Tensor | None, temperatures: Temperatures) -> Tensor:
    """A [K, N] of prototypes [K, d] that all users share."""
    logits = prototypes @ items.T / temperatures.group
    if keys is not None:
        columns = torch.arange(len(items), device=items.device)
        logits = logits - torch.log(noise.exponential(keys[0, :, None], columns, logits.dtype))
    return torch.softmax(logits, dim=0)


class _LogNormaliser(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        items: Tensor,
        grouping: Tensor,
        interests: Tensor,
        keys: Tensor | None,
        temperatures: Temperatures,
        weights: Tensor,
        shared: bool,
        with_gradients: bool,
    ) -> Tensor:
        mixture: Mixture
        if shared:
            mixture = Shared(items, interests, temperatures, None, grouping)
        else:
            mixture = Personal(items, interests, temperatures, None, grouping, keys)
        ctx.gradients = None
        if with_gradients and any(ctx.needs_input_grad):
            # With implicit differentiation the prototypes need none: one product less.
            needs = shared or ctx.needs_input_grad[1]
            slopes = torch.zeros_like(grouping) if needs else None
            ctx.gradients = Gradients(torch.zeros_like(items), torch.zeros_like(interests), slopes)
        row = mixture.arrays * interests.shape[1] * len(items) * items.element_size()
        memory = _Memory(mixture, *_plan(items.device.type, row))
        total = torch.zeros((), dtype=torch.float64, device=items.device)
        for users in _slices(len(interests), memory.users):
            total += _chunk(mixture, users, weights[users], memory, ctx.gradients)
        return total.to(items.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        found: Gradients = ctx.gradients
        to_grouping = None if found.grouping is None else gradient * found.grouping
        return gradient * found.items, to_grouping, gradient * found.interests, None, None, None, None, None


def _plan(device: str, row: int) -> tuple[int, bool]:
    """Users of a chunk whose logits take `row` bytes each, and whether its tiles are kept between the two passes."""
    most = TILE[device][0]
    fitting = KEPT_BYTES[device] // row
    return (min(most, fitting), True) if fitting >= FEWEST_KEPT else (most, False)


class _Memory:
    """The logits of tiles: of all tiles of a chunk when they are kept, else of one a thread. Taken once a call, as
    freed tiles of many sizes leave holes in the heap."""

    def __init__(self, mixture: Mixture, users: int, keeps: bool) -> None:
        items, interests = mixture.items, mixture.interests
        self.users, self.keeps = min(users, len(interests)), keeps
        self.interests = interests.shape[1]
        self.tile = self.users * self.interests * _columns(items)[0].stop
        numbers = self.users * self.interests * len(items) if keeps else self.tile * _workers(items)
        self.flat = items.new_empty(mixture.arrays, numbers)

    def of(self, users: slice, columns: slice, number: int) -> Tensor:
        """[arrays, u, K, T] of a tile, for thread `number`."""
        rows, width = users.stop - users.start, columns.stop - columns.start
        start = rows * self.interests * columns.start if self.keeps else number * self.tile
        return self.flat[:, start : start + rows * self.interests * width].view(-1, rows, self.interests, width)


def _chunk(mixture: Mixture, users: slice, weights: Tensor, memory: _Memory, found: Gradients | None) -> Tensor:
    """sum_u weight_u log sum_l p_l of one chunk of users; adds its part to the gradients.

    Each thread has its own items in both passes, and what the threads found is added in a fixed order, so that equal
    numbers of threads give equal bits.
    """
    columns, items = _columns(mixture.items), mixture.items

    @torch.no_grad()
    def sum_up(number: int, workers: int) -> tuple[Tensor, list[Tile]]:
        sums, kept = torch.zeros(len(weights), dtype=torch.float64, device=items.device), []
        for some in columns[number::workers]:
            tile = mixture.tile(users, some, memory.of(users, some, number))
            sums += tile.p.sum(1, dtype=torch.float64)
            if memory.keeps and found is not None:
                kept.append(tile)
        return sums, kept

    workers = _workers(items)
    passed = spread(sum_up, workers)
    sums = torch.stack([part for part, _ in passed]).sum(0)  # [u]
    value = (weights.double() * sums.log()).sum()
    if found is None:
        return value
    slopes = (weights.double() / sums).to(items.dtype)  # d value / d p_l, the same for every item of a user

    @torch.no_grad()
    def differentiate(number: int, workers: int) -> Part:
        shape = mixture.interests[users].flatten(0, 1).shape
        part = Part(items.new_zeros(shape), items.new_zeros(shape))
        tiles = iter(passed[number][1])
        for some in columns[number::workers]:
            tile = next(tiles) if memory.keeps else mixture.tile(users, some, memory.of(users, some, number))
            tile.differentiate(slopes, found, part)
        return part

    parts = spread(differentiate, workers)
    mine = found.interests[users]
    mine.copy_(torch.stack([part.interests for part in parts]).sum(0).view_as(mine))
    if isinstance(mixture, Personal) and found.grouping is not None:
        found.grouping[users] = torch.stack([part.prototypes for part in parts]).sum(0).view_as(mine)
    return value


def _slices(length: int, at_once: int) -> list[slice]:
    return [slice(first, min(first + at_once, length)) for first in range(0, length, at_once)]


def _columns(items: Tensor) -> list[slice]:
    return _slices(len(items), TILE[items.device.type][1])


def _workers(items: Tensor) -> int:
    if items.device.type != "cpu":
        return 1
    return min(cores(), len(_columns(items)))
