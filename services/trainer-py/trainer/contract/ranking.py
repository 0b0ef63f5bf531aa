"""The best n columns of each row, without sorting the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ranking:
    """columns [B, P] best first, -1 where no item is left; scores [B, P], -inf there. Equal scores by column."""

    columns: Tensor
    scores: Tensor


def top_n(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Columns [B, m] and scores [B, m] of the m = min(n, N) best of each row of `scores` [B, N].

    Best first; equal scores stand in column order, so that the answer depends on the scores alone and not on
    how a selection algorithm walks. Excluded columns hold -inf and come last.
    """
    columns_total = scores.shape[1]
    n = min(n, columns_total)
    values, columns = scores.topk(min(n + 1, columns_total), dim=1)
    if values.shape[1] > n:
        # Only where the first score left out equals the last one kept is the set of columns not determined.
        tied = (values[:, n] == values[:, n - 1]) & (values[:, n - 1] > -torch.inf)
        columns = columns[:, :n]
        for row in tied.nonzero().flatten().tolist():
            columns[row] = _lowest_columns(scores[row], values[row, n - 1], n)
    columns = columns.sort(dim=1).values
    values = scores.gather(1, columns)
    values, order = values.sort(dim=1, descending=True, stable=True)
    return columns.gather(1, order), values


def _lowest_columns(scores: Tensor, threshold: Tensor, n: int) -> Tensor:
    """The columns above `threshold` (or not a number), filled up to n with the lowest ones that equal it."""
    above = (~(scores <= threshold)).nonzero().flatten()
    equal = (scores == threshold).nonzero().flatten()
    return torch.cat([above, equal[: n - above.shape[0]]])
