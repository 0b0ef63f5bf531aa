"""The n best items of each user under the decoder's mixture (VALID eq. 10), exact, without all their scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .mixture import Temperatures
from .threads import cores, spread

USERS_AT_ONCE = 256
TILE_LOGITS = 512 << 10  # 2 MiB stay near a core


@torch.no_grad()
def best_items(
    items: Tensor,
    prototypes: Tensor,
    interests: Tensor,
    temperatures: Temperatures,
    n: int,
    hidden_indptr: Tensor,
    hidden: Tensor,
) -> tuple[Tensor, Tensor]:
    """Columns [B, m] of the m = min(n, N) best, best first, and their log p; -1 and -inf where nothing is left. Equal
    scores stand by column.

    items Hn [N, d] all finite, prototypes [B, K, d] or those of all users [1, K, d], interests z [B, K, d]; float32, on
    the CPU. Columns that a user is not answered: hidden[hidden_indptr[u]:hidden_indptr[u+1]], ascending. A user with
    vectors that are not finite gets scores that are not numbers.
    """
    from . import fused  # numba takes its time to load

    users, k, _ = interests.shape
    n = min(n, len(items))
    columns = torch.full((users, n), -1, dtype=torch.int64)
    sound = (interests.flatten(1).sum(1) + prototypes.flatten(1).sum(1)).isfinite()
    values = torch.where(sound, -torch.inf, torch.nan)[:, None].repeat(1, n)  # nothing is above what is not a number
    if columns.numel() == 0:
        return columns, values
    users_at_once = min(USERS_AT_ONCE, math.ceil(users / cores()))
    items_at_once = max(1, TILE_LOGITS // (users_at_once * k))  # few users, long strips: each costs its calls
    grouping = (prototypes / temperatures.group).contiguous()
    chunks = [slice(first, min(first + users_at_once, users)) for first in range(0, users, users_at_once)]

    @torch.no_grad()
    def search(number: int, workers: int) -> None:
        memory = torch.empty(users_at_once * k * min(items_at_once, len(items)))
        for some in chunks[number::workers]:
            mine = interests[some].flatten(0, 1) / temperatures.decode
            own = grouping[some] if len(grouping) > 1 else grouping
            for first in range(0, len(items), items_at_once):
                rows = items[first : first + items_at_once]
                logits = memory[: len(mine) * len(rows)].view(len(mine), len(rows))
                torch.mm(mine, rows.T, out=logits)
                fused.search_tile(
                    logits.view(-1, k, len(rows)).numpy(),
                    own.numpy(),
                    rows.numpy(),
                    first,
                    hidden_indptr[some.start : some.stop + 1].numpy(),
                    hidden.numpy(),
                    values[some].numpy(),
                    columns[some].numpy(),
                )

    spread(search, min(cores(), len(chunks)))
    return _sorted(columns, values)


def _sorted(columns: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    columns, by_column = columns.sort(dim=1)
    values, by_value = values.gather(1, by_column).sort(dim=1, descending=True, stable=True)
    return columns.gather(1, by_value), values
