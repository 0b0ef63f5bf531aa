"""Models whose score is the dot product of a user's vector with an item's."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .recommender import Capability, Histories, Recommender


class Factorised(Recommender):
    """A subclass gives the vectors; what it propagates or normalises for them happens once an evaluation."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"similar"})
    _ready: tuple[Tensor, Tensor] | None = None

    @abstractmethod
    def vectors(self) -> tuple[Tensor, Tensor]:
        """Vectors of all users [U, d] and of all items [N, d], with gradient while training."""

    def train(self, mode: bool = True) -> Self:
        self._ready = None
        return super().train(mode)

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        users, items = self._final()
        return users[batch.users] @ items.T  # [B, d] [d, N] → [B, N]

    @torch.no_grad()
    def user_vectors(self, batch: Histories) -> Tensor | None:
        return normalize(self._final()[0][batch.users], dim=1)

    @torch.no_grad()
    def item_vectors(self) -> Tensor | None:
        return normalize(self._final()[1], dim=1)

    def _final(self) -> tuple[Tensor, Tensor]:
        if self.training:
            return self.vectors()
        if self._ready is None:
            self._ready = self.vectors()
        return self._ready
