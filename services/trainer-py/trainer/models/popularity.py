"""Popularity: the same items for everyone, by their number of training interactions. The floor of every table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..contract.recommender import Capability, Config, Histories, Recommender

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class PopularityConfig(Config):
    """Nothing to choose."""


class Popularity(Recommender):
    name = "popularity"
    title = "Popularity"
    paper = "Cremonesi et al., Performance of Recommender Algorithms on Top-N Recommendation Tasks, RecSys 2010"
    paper_url = "https://doi.org/10.1145/1864708.1864721"
    family = "baseline"
    summary = "Ranks items by how many people have them; what every other model has to beat."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "closed_form"})
    config_class = PopularityConfig

    def __init__(self, config: PopularityConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.degrees: Tensor
        self.register_buffer("degrees", torch.zeros(items))

    def fit(self, train: csr_matrix) -> None:
        self.degrees.copy_(torch.from_numpy(np.bincount(train.indices, minlength=self.n_items).astype(np.float32)))

    def scores(self, batch: Histories) -> Tensor:
        return self.degrees.repeat(len(batch), 1)
