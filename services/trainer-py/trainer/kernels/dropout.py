"""Dropout that draws from a generator of the step, which PyTorch's own does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from .part import Part, drawn

if TYPE_CHECKING:
    import torch


def dropped(values: Tensor, share: float, generator: torch.Generator | None, part: Part | None = None) -> Tensor:
    """`values` of any shape with a `share` of them 0 and the others scaled up; without a generator as they are. `part`:
    that of the batch which their rows are."""
    if generator is None or share == 0:
        return values
    keep = 1 - share
    draw = lambda rows: values.new_empty(rows, *values.shape[1:]).bernoulli_(keep, generator=generator)  # noqa: E731
    return values * drawn(part, len(values), draw) / keep
