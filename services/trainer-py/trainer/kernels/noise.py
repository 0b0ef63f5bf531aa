"""Counter-based exponential noise: E(key, item) ~ Exp(1), the same value wherever and whenever it is asked for.

A Gumbel sample is g = -log E, so softmax_k(b_k + g_k) = (exp(b_k) / E_k) / sum_j (exp(b_j) / E_j). The backward pass
and the sparse encoder path replay the noise of the decoder instead of storing it, and it does not depend on how the
work is cut into tiles or threads.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Chris Wellons' "lowbias32" integer hash; applied twice with two keys, so that rows are no shifts of each other.
MULTIPLIER_1 = 0x7FEB352D
MULTIPLIER_2 = 0x846CA68B
_MASK = 0xFFFFFFFF


def draw_keys(rows: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Two 32-bit keys for each row of noise, int64 [*rows, 2]."""
    return torch.randint(0, 1 << 32, (*rows, 2), generator=generator, dtype=torch.int64, device=generator.device)


def exponential(keys: Tensor, items: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """E ~ Exp(1) for broadcast pairs of a row (`keys` [..., 2]) and an item column `items` [...]."""
    hashed = _lowbias32(_lowbias32(items ^ keys[..., 0]) ^ keys[..., 1])
    uniform = (
        (hashed >> 9).to(torch.float64) + 0.5
    ) * 2.0**-23  # 23 bits and a half are exact in float32: never 0 or 1
    return -torch.log(uniform).to(dtype)


def _lowbias32(x: Tensor) -> Tensor:
    x = x ^ (x >> 16)
    x = (x * MULTIPLIER_1) & _MASK
    x = x ^ (x >> 15)
    x = (x * MULTIPLIER_2) & _MASK
    return x ^ (x >> 16)
