"""A part of a batch that several processes share, and noise that does not depend on how many they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Part:
    """Rows `own` of the `whole` so many."""

    own: slice
    whole: int


def drawn(part: Part | None, rows: int, draw: Callable[[int], Tensor]) -> Tensor:
    """[rows, ...], what `draw` gives for so many rows; of a part, its own rows of what it gives for the whole, so that
    each row gets the noise that it would have in one process."""
    return draw(rows) if part is None else draw(part.whole)[part.own]


def normal_like(values: Tensor, generator: torch.Generator, part: Part | None) -> Tensor:
    """N(0, 1) for each of `values` [rows, ...]."""
    return drawn(part, len(values), lambda rows: values.new_empty(rows, *values.shape[1:]).normal_(generator=generator))
