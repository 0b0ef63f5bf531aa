"""Many queries told apart from all keys, without storing who resembles whom."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Products of queries and keys held at once, 16 MiB of float32: what a core works on stays near it.
PRODUCTS = 4 << 20


def log_partition(queries: Tensor, keys: Tensor, weights: Tensor) -> Tensor:
    """sum_q weights_q log sum_k exp(queries_q . keys_k), a scalar; differentiable in queries [Q, d] and keys [M, d].

    The weights [Q] are constants, so the gradients are known as soon as the sums are: they are computed with them, tile
    by tile, and neither pass stores Q x M numbers or computes a product twice.
    """
    return cast("Tensor", _LogPartition.apply(queries, keys, weights))  # type: ignore[no-untyped-call]


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, weights: Tensor) -> Tensor:
        of_queries, of_keys = torch.empty_like(queries), torch.zeros_like(keys)
        total = torch.zeros((), dtype=torch.float64, device=queries.device)
        rows = max(1, PRODUCTS // max(1, len(keys)))
        for start in range(0, len(queries), rows):
            tile, heavy = queries[start : start + rows], weights[start : start + rows, None]
            shares = tile @ keys.T  # [rows, M]
            largest = shares.amax(1, keepdim=True)
            sums = shares.sub_(largest).exp_().sum(1, keepdim=True)
            total += (heavy * (largest + sums.log())).sum(dtype=torch.float64)
            scale = heavy / sums  # shares * scale: weights times the softmax
            torch.mul(shares @ keys, scale, out=of_queries[start : start + rows])
            if ctx.needs_input_grad[1]:
                of_keys.addmm_(shares.T, tile * scale)
        ctx.save_for_backward(of_queries, of_keys)
        return total.to(queries.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        of_queries, of_keys = ctx.saved_tensors
        return gradient * of_queries, gradient * of_keys if ctx.needs_input_grad[1] else None, None
