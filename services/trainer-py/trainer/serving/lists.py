"""The lists of some users in arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor

from .explanation import left_by_path


@dataclass(frozen=True)
class Lists:
    """Lists of B users, one after the other.

    rows [B] users; counts [B] items of each; columns [n] int64 and scores [n] float32, best first; shares [n, K],
    None without interests; because [n, 3] columns, strongest first and -1 where there is none, None unless asked for;
    linear [n] share of the model's linear path, which the shares of the interests leave, None without one; seconds that
    it took to compute them
    """

    rows: np.ndarray
    counts: np.ndarray
    columns: np.ndarray
    scores: np.ndarray
    shares: np.ndarray | None
    because: np.ndarray | None
    linear: np.ndarray | None = None
    seconds: float = 0.0

    @classmethod
    def of(
        cls,
        rows: np.ndarray,
        columns: Tensor,
        scores: Tensor,
        shares: Tensor | None,
        because: Tensor | None,
        linear: Tensor | None,
        seconds: float,
    ) -> Self:
        """From arrays [B, M, ...] with column -1 where no item is left."""
        kept = columns >= 0

        def taken(part: Tensor) -> np.ndarray:
            array: np.ndarray = part[kept].cpu().numpy()
            return array

        path = None if linear is None else taken(linear)
        return cls(
            rows=rows,
            counts=kept.sum(dim=1).cpu().numpy(),
            columns=taken(columns),
            scores=taken(scores),
            shares=None if shares is None else left_by_path(taken(shares), path),
            because=None if because is None else taken(because),
            linear=path,
            seconds=seconds,
        )
