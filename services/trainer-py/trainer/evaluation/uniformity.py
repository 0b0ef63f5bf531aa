"""How evenly a model spreads its users: the uniformity of their representations.

Wang & Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere",
ICML 2020, as used in VALID's section 5.5. The formula there lacks the mean; it is taken here as in its source.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..contract.recommender import Histories, Recommender
from ..data.dataset import Dataset

USERS_AT_ONCE = 1024


@torch.no_grad()
def uniformity(x: Tensor, on_progress: Callable[[], None] = lambda: None) -> float:
    """log of the mean over pairs u != v of exp(-2 |x_u - x_v|^2), for unit rows x [U, D] of at least two users. 0 when
    all are the same, about -4 when they are spread perfectly over many dimensions. Memory is that of 1024 x U."""
    total = 0.0
    for start in range(0, len(x), USERS_AT_ONCE):
        products = x[start : start + USERS_AT_ONCE] @ x.T
        total += float(torch.exp(4 * products - 4).sum(dtype=torch.float64))
        on_progress()
    users = len(x)
    return float(np.log((total - users) / (users * (users - 1))))


@torch.no_grad()
def of_users(
    model: Recommender, data: Dataset, where: torch.device, on_progress: Callable[[], None] = lambda: None
) -> float | None:
    """Uniformity over the users with a history; None when the model has no vectors of users."""
    users = np.flatnonzero(np.diff(data.train.indptr))
    parts: list[Tensor] = []
    for start in range(0, len(users), USERS_AT_ONCE):
        vectors = model.user_vectors(Histories.of(data.train, users[start : start + USERS_AT_ONCE], where))
        if vectors is None:
            return None
        parts.append(vectors)
    return uniformity(torch.cat(parts), on_progress) if len(users) > 1 else None
