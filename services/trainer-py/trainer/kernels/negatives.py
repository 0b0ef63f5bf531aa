"""Items that a user does not have, drawn uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .part import Part

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# A user who has almost everything keeps a positive after so many tries, instead of being drawn for ever.
TRIES = 16


class Negatives(nn.Module):
    """Knows the positive pairs of the train matrix [U, N], as sorted keys user · N + item."""

    def __init__(self, train: csr_matrix) -> None:
        super().__init__()
        self.items = train.shape[1]
        owners = np.repeat(np.arange(train.shape[0], dtype=np.int64), np.diff(train.indptr))
        keys = np.sort(owners * self.items + train.indices)
        self.positives: Tensor
        self.register_buffer("positives", torch.from_numpy(keys), persistent=False)

    def draw(self, users: Tensor, count: int, generator: torch.Generator, part: Part | None = None) -> Tensor:
        """Items [B, count] for `users` [B], or for a part of them; those a user has are drawn anew."""
        drawn = torch.randint(self.items, (len(users), count), generator=generator, device=generator.device)
        for _ in range(TRIES):
            wrong = self.contains(users[:, None], drawn)
            if not wrong.any():
                break
            again = torch.randint(self.items, (int(wrong.sum()),), generator=generator, device=generator.device)
            drawn[wrong] = again
        return drawn if part is None else drawn[part.own]

    def contains(self, users: Tensor, items: Tensor) -> Tensor:
        """Whether each pair of the broadcast `users` and `items` is a positive one."""
        keys = users * self.items + items
        place = torch.searchsorted(self.positives, keys).clamp(max=len(self.positives) - 1)
        found: Tensor = self.positives[place] == keys
        return found
