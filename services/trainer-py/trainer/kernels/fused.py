"""One pass over a tile of logits on the CPU in float32, compiled by numba and vectorised by LLVM.

exp and log are polynomials (relative error below 3e-7), because calls into a scalar maths library would not vectorise.
The numpy error model matters: a check for division by zero would stop LLVM from vectorising. Every kernel releases the
interpreter lock and runs on one core: the caller spreads tiles over threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numba.core.registry import cpu_target
from numpy import float32, int64, uint32
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., object])

# What numba does before its first kernel, half a second: with the import, so that forked children have it (ADR 0021).
cpu_target.target_context.refresh()

_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_LN2 = np.float32(0.6931471805599453)
_ONE = np.float32(1)
_HALF = np.float32(0.5)
NOTHING = np.float32(-88)  # the exponential below is 0 here, takes no less, and no more than 88
_FAST = {"reassoc", "contract", "nsz", "arcp"}
_C = tuple(np.float32(1 / n) for n in (5040, 720, 120, 24, 6, 2))


def compiled(function: F) -> F:
    """Compiled once a machine where a folder can be written: beside the code or the user's cache; else once a process
    (2 seconds), as in a container with a read-only root."""
    try:
        return _jit(function, cache=True)
    except RuntimeError:
        return _jit(function, cache=False)


def _jit(function: F, cache: bool) -> F:
    return cast("F", njit(nogil=True, cache=cache, fastmath=_FAST, error_model="numpy")(function))


@njit(inline="always", fastmath=_FAST)
def _exp(x: float32) -> float32:
    n = np.floor(x * _LOG2E + _HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = _C[0]
    p = p * r + _C[1]
    p = p * r + _C[2]
    p = p * r + _C[3]
    p = p * r + _C[4]
    p = p * r + _C[5]
    p = (p * r + _ONE) * r + _ONE
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)  # 2^n by its bits
    return np.float32(p * power)


@njit(inline="always", fastmath=_FAST)
def _log(x: float32) -> float32:
    """Natural logarithm of a normal positive number (Cephes logf)."""
    bits = np.float32(x).view(np.int32)
    exponent = np.float32((bits >> np.int32(23)) - np.int32(126))
    m = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F000000)).view(np.float32)  # [0.5, 1)
    small = m < np.float32(0.70710678)
    exponent = exponent - (_ONE if small else np.float32(0))
    m = (m + m if small else m) - _ONE
    z = m * m
    y = np.float32(7.0376836292e-2)
    y = y * m + np.float32(-1.1514610310e-1)
    y = y * m + np.float32(1.1676998740e-1)
    y = y * m + np.float32(-1.2420140846e-1)
    y = y * m + np.float32(1.4249322787e-1)
    y = y * m + np.float32(-1.6668057665e-1)
    y = y * m + np.float32(2.0000714765e-1)
    y = y * m + np.float32(-2.4999993993e-1)
    y = y * m + np.float32(3.3333331174e-1)
    y = y * m * z - _HALF * z
    return m + y + exponent * _LN2


@njit(inline="always")
def _hash(x: uint32) -> uint32:
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@compiled
def _noise_row(out: NDArray[float32], first_item: int, key_1: uint32, key_2: uint32) -> None:
    """A loop of its own over one flat row: inside the nest below LLVM does not vectorise it."""
    for t in range(len(out)):
        item = np.uint32(np.uint32(first_item) + np.uint32(t))
        hashed = _hash(_hash(item ^ key_1) ^ key_2)
        uniform = (np.float32(np.int32(hashed >> np.uint32(9))) + _HALF) * np.float32(2.0**-23)
        out[t] = -_log(uniform)


@compiled
def mixture(
    group: NDArray[float32],
    decode: NDArray[float32],
    keys: NDArray[uint32],
    first_item: int,
    noisy: bool,
    kept: NDArray[float32],
) -> None:
    """Turns logits into the unnormalised mixture, in place.

    group, decode [u, K, T] float32 logits b and s; keys [u, K, 2] uint32; kept [2, u, T] receives
    sum_k a_k and sum_k a_k exp(s_k), with a_k = exp(b_k) / E_k; afterwards group holds a_k and decode a_k exp(s_k).
    """
    users, interests, width = group.shape
    noise = np.ones(width, np.float32)
    for u in range(users):
        kept[:, u, :] = np.float32(0)
        for k in range(interests):
            if noisy:
                _noise_row(noise, first_item, keys[u, k, 0], keys[u, k, 1])
            for t in range(width):
                group[u, k, t] = _exp(group[u, k, t]) / noise[t]
            for t in range(width):
                term = group[u, k, t] * _exp(decode[u, k, t])
                decode[u, k, t] = term
                kept[0, u, t] += group[u, k, t]
                kept[1, u, t] += term


@compiled
def logit_gradients(
    group: NDArray[float32],
    decode: NDArray[float32],
    sums: NDArray[float32],
    p: NDArray[float32],
    weights: NDArray[float32],
) -> None:
    """After `mixture`: turns a_k and a_k exp(s_k) into the gradients of weight_u * sum_l p_l, in place.

    group becomes d/db = weight (w_k - A_k p), decode becomes d/ds = weight w_k, with w_k = A_k exp(s_k); sums [u, T] of
    a_k becomes weight / sums, p [u, T] is only read.
    """
    users, interests, width = group.shape
    for u in range(users):
        weight = weights[u]
        for t in range(width):
            sums[u, t] = weight / sums[u, t]
        for k in range(interests):
            for t in range(width):
                scaled = sums[u, t]
                term = decode[u, k, t] * scaled
                decode[u, k, t] = term
                group[u, k, t] = term - group[u, k, t] * scaled * p[u, t]


@compiled
def shared_mixture(decode: NDArray[float32], assignment: NDArray[float32], p: NDArray[float32]) -> None:
    """decode [u, K, T] holds logits s and becomes exp(s), in place; p [u, T] receives sum_k A_k exp(s_k), A [K, T]."""
    users, interests, width = decode.shape
    for u in range(users):
        p[u, :] = np.float32(0)
        for k in range(interests):
            for t in range(width):
                term = _exp(decode[u, k, t])
                decode[u, k, t] = term
                p[u, t] += assignment[k, t] * term


@compiled
def shared_gradients(
    decode: NDArray[float32], assignment: NDArray[float32], weights: NDArray[float32], slopes: NDArray[float32]
) -> None:
    """After `shared_mixture`, the gradients of sum_u weight_u * sum_l p_l: adds those in A to slopes [K, T]; decode
    becomes d/ds = weight A_k exp(s_k), in place."""
    users, interests, width = decode.shape
    for u in range(users):
        weight = weights[u]
        for k in range(interests):
            for t in range(width):
                term = decode[u, k, t] * weight
                slopes[k, t] += term
                decode[u, k, t] = term * assignment[k, t]


@njit(inline="always", fastmath=_FAST)
def _log_p(
    prototypes: NDArray[float32], interests: NDArray[float32], log_weights: NDArray[float32], item: NDArray[float32]
) -> float32:
    """prototypes and interests [K, d] over their temperatures, log_weights [K], item [d]."""
    whole, mixed = np.float32(0), np.float32(0)
    for k in range(len(prototypes)):
        b, s = np.float32(0), np.float32(0)
        for place in range(len(item)):
            b += prototypes[k, place] * item[place]
            s += interests[k, place] * item[place]
        a = _exp(b)
        whole += a
        s += log_weights[k]
        if s > NOTHING:
            mixed += a * _exp(s)
    return np.float32(np.log(mixed / whole))


@njit(inline="always")
def _replace_worst(values: NDArray[float32], columns: NDArray[int64], value: float32, column: int) -> None:
    """In a heap whose root is the worst: the lowest value, of equal ones the highest column."""
    place, child = 0, 1
    while child < len(values):
        other = child + 1
        if other < len(values) and (
            values[other] < values[child] or (values[other] == values[child] and columns[other] > columns[child])
        ):
            child = other
        if value < values[child] or (value == values[child] and column > columns[child]):
            break
        values[place], columns[place] = values[child], columns[child]
        place, child = child, 2 * child + 1
    values[place], columns[place] = value, column


@compiled
def search_tile(
    bounds: NDArray[float32],
    prototypes: NDArray[float32],
    interests: NDArray[float32],
    log_weights: NDArray[float32],
    items: NDArray[float32],
    first_item: int,
    hidden_indptr: NDArray[int64],
    hidden: NDArray[int64],
    values: NDArray[float32],
    columns: NDArray[int64],
    offsets: NDArray[float32],
) -> None:
    """Takes a tile's items into the best n of each user, in place.

    log p = log sum_k A_k exp(s_k + log v_k) is a log-mean of these logits under weights A that sum to 1, so it is never
    above the largest: dot products and exponentials are computed only where that bound is above the worst of the n best
    so far.
    bounds [u, T] of max_k s_k + log v_k from above, overwritten; prototypes [u, K, d] or [1, K, d] and interests
    [u, K, d] over their temperatures; log v [u, K]; items Hn [T, d], of which the first is column `first_item`;
    hidden[hidden_indptr[u]:hidden_indptr[u+1]] ascending columns that are left out; values and columns [u, n], n > 0: a
    heap a user, its worst first, -inf and -1 where none is yet; offsets [u, T] that are added to log p, and are in the
    bounds, [0, 0] for none.
    """
    users, width = bounds.shape
    shifted = len(offsets) > 0
    for u in range(users):
        mine = hidden[hidden_indptr[u] : hidden_indptr[u + 1]]
        for place in range(np.searchsorted(mine, first_item), len(mine)):
            if mine[place] >= first_item + width:
                break
            bounds[u, mine[place] - first_item] = -np.inf
        own = prototypes[u if len(prototypes) > 1 else 0]
        for t in range(width):
            if bounds[u, t] > values[u, 0]:
                value = _log_p(own, interests[u], log_weights[u], items[t])
                if shifted:
                    value += offsets[u, t]
                if value > values[u, 0]:
                    _replace_worst(values[u], columns[u], value, first_item + t)
