"""What autoencoders of histories share: the sparse first layer, and the likelihood of a history under a softmax.

The histories of B users are ragged: that of user b is indices[indptr[b]:indptr[b+1]] (indptr [B+1], indices [n]).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding, embedding_bag, log_softmax

from .dropout import dropped
from .part import Part
from .sampled import Drawn


def normalised_input(
    indptr: Tensor,
    indices: Tensor,
    table: Tensor,
    dropout: float,
    generator: torch.Generator | None,
    entries: Part | None = None,
) -> Tensor:
    """x W [B, h]: x the histories as binary rows over their L2 norm, W = `table` [N, h], of which only the rows of
    the histories are read. Entries of x are dropped, and the others scaled up, where there is a `generator`; `entries`:
    which of a batch they are."""
    sizes = indptr.diff()
    weights = sizes.clamp(min=1).to(table.dtype).rsqrt().repeat_interleave(sizes)  # [n], the norm is sqrt(size)
    weights = dropped(weights, dropout, generator, entries)
    return embedding_bag(indices, table, indptr[:-1], mode="sum", per_sample_weights=weights)


def multinomial_loss(indptr: Tensor, indices: Tensor, logits: Tensor) -> Tensor:
    """Mean over the users of - sum over the history of log softmax(logits), scalar; logits [B, N]."""
    return cast("Tensor", _MultinomialLoss.apply(logits, indptr, indices))  # type: ignore[no-untyped-call]


def sampled_multinomial_loss(
    indptr: Tensor, indices: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor, drawn: Drawn
) -> Tensor:
    """The same with logits hidden [B, h] @ weight.T [h, N] + bias [N], the normaliser estimated from drawn items."""
    sizes = indptr.diff()
    owner = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)
    column = bias[:, None]
    own = (embedding(owner, hidden) * embedding(indices, weight)).sum(1) + embedding(indices, column)[:, 0]  # [n]
    others = hidden @ embedding(drawn.items, weight).T + embedding(drawn.items, column)[:, 0]  # [B, S]
    top = others.detach().amax(1).scatter_reduce(0, owner, own.detach(), "amax")  # so that exp does not overflow
    sums = (drawn.weights * torch.exp(others - top[:, None])).sum(1)
    sums = sums.index_add(0, owner, torch.exp(own - top[owner]))
    return ((sizes * (top + torch.log(sums))).sum() - own.sum()) / len(sizes)


class _MultinomialLoss(torch.autograd.Function):
    """The gradient (n_u softmax(logits) - x) / B is written once, where autograd goes over [B, N] three times more."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, indptr: Tensor, indices: Tensor) -> Tensor:
        sizes = indptr.diff()
        owner = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)
        log_p = log_softmax(logits, dim=1)
        ctx.save_for_backward(log_p, sizes, owner, indices)
        return -log_p[owner, indices].sum() / len(sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        log_p, sizes, owner, indices = ctx.saved_tensors
        scale = gradient / len(sizes)
        slopes = log_p.exp().mul_((sizes * scale)[:, None])
        slopes[owner, indices] -= scale  # an item is once in a history
        return slopes, None, None
