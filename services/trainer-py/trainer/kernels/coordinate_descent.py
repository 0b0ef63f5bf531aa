"""Non-negative elastic net on a Gram matrix, one small problem a target, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=False, error_model="numpy")
def solve(
    gram: NDArray[np.float32],
    product: NDArray[np.float32],
    l1: float,
    l2: float,
    sweeps: int,
    tolerance: float,
) -> NDArray[np.float32]:
    """argmin over w >= 0 of w'Gw/2 - p'w + l1 |w|_1 + l2/2 |w|^2, by cyclic coordinate descent from zero.

    gram G [m, m] and product p [m] of one target. Ends when no weight of a sweep moves by more than `tolerance`.
    """
    size = len(product)
    weights = np.zeros(size, np.float32)
    residual = product.copy()  # p - G w
    for _ in range(sweeps):
        largest = 0.0
        for c in range(size):
            old = weights[c]
            new = max(0.0, (residual[c] + gram[c, c] * old - l1) / (gram[c, c] + l2))
            if new != old:
                weights[c] = new
                change = np.float32(new - old)
                for r in range(size):
                    residual[r] -= change * gram[c, r]
                largest = max(largest, float(abs(change)))
        if largest <= tolerance:
            break
    return weights
