"""The mean of the values of users, one way for all: a run's metric is that of its kept values, to the bit."""

from __future__ import annotations

import math

import numpy as np
import torch

USERS_AT_ONCE = 1024


def mean_of(values: np.ndarray) -> float:
    """Of [U] float64, NaN of nobody. Added up in blocks of a fixed size, so that it depends neither on threads nor on
    how many users were ranked at once."""
    total = 0.0
    for start in range(0, len(values), USERS_AT_ONCE):
        total += float(torch.tensor(values[start : start + USERS_AT_ONCE], dtype=torch.float64).sum())
    return total / len(values) if len(values) else math.nan
