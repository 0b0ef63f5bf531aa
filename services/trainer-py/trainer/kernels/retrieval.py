"""The n best items of each user under the decoder's mixture (VALID eq. 10), exact, without all their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Self

import torch
from torch import Tensor

from .mixture import Temperatures, fused_for
from .threads import cores, spread

USERS_AT_ONCE = 256
TILE_LOGITS = 512 << 10  # in float32 2 MiB, which stay near a core
WORTH_A_THREAD = 2 << 20  # logits: some milliseconds, in place of waiting for another core


@dataclass(frozen=True)
class Catalogue:
    """Items that can be searched: Hn [N, d] in float32, no row longer than 1, and the same rounded for the bounds."""

    items: Tensor
    rounded: Tensor

    @classmethod
    def of(cls, items: Tensor) -> Self | None:
        """None where the search is not for them: not on the CPU, no numba, or not all finite."""
        if fused_for(items) is None or not bool(items.isfinite().all()):
            return None
        return cls(items, items.to(_quick_dtype()))


@cache
def _quick_dtype() -> torch.dtype:
    """Processors that multiply bfloat16 do it about four times as fast as float32; others slower."""
    capable = torch.cpu.get_capabilities()
    return torch.bfloat16 if capable.get("avx512_bf16") or capable.get("amx_bf16") else torch.float32


@torch.no_grad()
def best_items(
    catalogue: Catalogue,
    prototypes: Tensor,
    interests: Tensor,
    temperatures: Temperatures,
    n: int,
    hidden_indptr: Tensor,
    hidden: Tensor,
    weights: Tensor | None = None,
    offsets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Columns [B, m] of the m = min(n, N) best, best first, and their log p plus offsets; -1 and -inf where nothing is
    left. Equal scores stand by column.

    prototypes [B, K, d] or those of all users [1, K, d], interests z [B, K, d]; float32, on the CPU. Columns that a
    user is not answered: hidden[hidden_indptr[u]:hidden_indptr[u+1]], ascending. weights [B, K] multiply the interests'
    terms in p, None: all 1; what they leave nothing of is not answered. offsets [B, N], finite, are added to log p. A
    user with vectors that are not finite gets scores that are not numbers.
    """
    from . import fused  # numba takes its time to load

    items, rounded = catalogue.items, catalogue.rounded
    users, k, _ = interests.shape
    n = min(n, len(items))
    columns = torch.full((users, n), -1, dtype=torch.int64)
    sound = (interests.flatten(1).sum(1) + prototypes.flatten(1).sum(1)).isfinite()
    values = torch.where(sound, -torch.inf, torch.nan)[:, None].repeat(1, n)  # nothing is above what is not a number
    if columns.numel() == 0:
        return columns, values
    workers = max(1, min(cores(), users * k * len(items) // WORTH_A_THREAD))
    users_at_once = min(USERS_AT_ONCE, math.ceil(users / workers))
    items_at_once = max(1, TILE_LOGITS // (users_at_once * k))  # few users, long strips: each costs its calls
    grouping = (prototypes / temperatures.group).contiguous()
    decoding = (interests / temperatures.decode).contiguous()
    log_weights = torch.zeros(users, k) if weights is None else weights.float().log()
    slack = _slack(decoding, rounded.dtype)
    if weights is not None:
        slack = slack + _slack_of_sum(decoding, log_weights)
    if offsets is not None:
        slack = slack + _slack_of_sum(decoding, offsets)
    chunks = [slice(first, min(first + users_at_once, users)) for first in range(0, users, users_at_once)]

    @torch.no_grad()
    def search(number: int, workers: int) -> None:
        memory = torch.empty(users_at_once * k * min(items_at_once, len(items)), dtype=rounded.dtype)
        for some in chunks[number::workers]:
            mine = decoding[some].flatten(0, 1).to(rounded.dtype)
            own = grouping[some] if len(grouping) > 1 else grouping
            for first in range(0, len(items), items_at_once):
                tile = slice(first, first + items_at_once)
                logits = memory[: len(mine) * len(items[tile])].view(len(mine), -1)
                torch.mm(mine, rounded[tile].T, out=logits)
                bounds = _bounds(logits, slack[some], k, None if weights is None else log_weights[some])
                added = torch.empty(0, 0) if offsets is None else offsets[some, tile].contiguous()
                if offsets is not None:
                    bounds += added
                fused.search_tile(
                    bounds.numpy(),
                    own.numpy(),
                    decoding[some].numpy(),
                    log_weights[some].numpy(),
                    items[tile].numpy(),
                    first,
                    hidden_indptr[some.start : some.stop + 1].numpy(),
                    hidden.numpy(),
                    values[some].numpy(),
                    columns[some].numpy(),
                    added.numpy(),
                )

    spread(search, min(workers, len(chunks)))
    return _sorted(columns, values)


def _slack(decoding: Tensor, dtype: torch.dtype) -> Tensor:
    """What rounding can take from a logit, [B, 1]; interests over their temperature [B, K, d].

    eps is twice the roundoff u. Both factors and the result are off by u of the vectors' lengths at most, a sum of d
    products in float32 by d of its own roundoffs.
    """
    error = 2 * torch.finfo(dtype).eps + decoding.shape[2] * torch.finfo(torch.float32).eps
    return error * _longest(decoding)


def _slack_of_sum(decoding: Tensor, added: Tensor) -> Tensor:
    """What rounding to float32 can take from a logit plus what is added to it, its log weight [B, K] or offset [B, N],
    both here and in the score, [B, 1]."""
    largest = added.nan_to_num(neginf=0.0).abs().amax(1, keepdim=True)
    return 2 * torch.finfo(torch.float32).eps * (_longest(decoding) + largest)


def _longest(decoding: Tensor) -> Tensor:
    longest: Tensor = torch.linalg.vector_norm(decoding, dim=2).amax(1, keepdim=True)
    return longest


def _bounds(logits: Tensor, slack: Tensor, k: int, log_weights: Tensor | None = None) -> Tensor:
    """What no log p is above, [u, T] in float32; logits [u K, T], log_weights [u, K]."""
    of_interests = logits.view(-1, k, logits.shape[1])
    if log_weights is None:
        return of_interests.amax(1).float() + slack
    return (of_interests.float() + log_weights[:, :, None]).amax(1) + slack


def _sorted(columns: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    columns, by_column = columns.sort(dim=1)
    values, by_value = values.gather(1, by_column).sort(dim=1, descending=True, stable=True)
    return columns.gather(1, by_value), values
