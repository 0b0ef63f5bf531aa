"""The matrix products that a model cannot do without, alone, of the same shapes: times are measured against them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from trainer.contract.recommender import Recommender, StepConfig
from trainer.data.dataset import Dataset
from trainer.models.valid import Valid

# Columns of a product at once: the whole of its result would be the most that the process ever held.
WIDE = 4096


@dataclass(frozen=True)
class Product:
    """`times` a product [m, k] [k, n] of an epoch or evaluation over all users, at most `at_once` rows at a time."""

    times: int
    m: int
    k: int
    n: int
    at_once: int


def of_training(model: Recommender, data: Dataset) -> Product | None:
    """Of an epoch; None for a model whose work is no dense product."""
    users, items = data.train.shape
    sizes = model.config.model_dump()
    batch = model.config.train_batch_size if isinstance(model.config, StepConfig) else users
    if isinstance(model, Valid):
        # Scores of items by interest and their two gradients; prototypes of each user add their logits and a gradient.
        times, k = 5 if model.blocks.r > 1 else 3, model.config.k
        return Product(times, users * k, model.config.embedding_size, items, batch * k)
    if model.name in ("multvae", "multdae"):
        return Product(3, users, sizes["hidden_size"] or sizes["latent_dimension"], items, batch)
    if model.name == "recvae":
        return Product(8, users, sizes["latent_dimension"], items, batch)
    return None


def of_evaluation(model: Recommender, data: Dataset) -> Product | None:
    users, items = data.train.shape
    if isinstance(model, Valid):
        k = model.config.k
        # Assigning items to prototypes is a second one, which the best items can be found without.
        return Product(1, users * k, model.config.embedding_size, items, 1024 * k)
    sizes = model.config.model_dump()
    # Of the layer before the items: an autoencoder's last hidden one, where it has any.
    width = sizes.get("embedding_size") or sizes.get("hidden_size") or sizes.get("latent_dimension")
    width = sizes["latent_dimension"] if model.name == "recvae" else width
    return Product(1, users, width, items, 1024) if width else None


def work_of(product: Product | None, where: torch.device) -> Callable[[], None] | None:
    """Does the product when called."""
    if product is None:
        return None
    rows = min(product.m, product.at_once)
    left, right = torch.randn(rows, product.k, device=where), torch.randn(product.k, product.n, device=where)
    blocks = [right[:, start : start + WIDE] for start in range(0, product.n, WIDE)]
    into = [torch.empty(rows, block.shape[1], device=where) for block in blocks[:1] + blocks[-1:]]

    def run() -> None:
        for _ in range(product.times * math.ceil(product.m / rows)):
            for block in blocks:
                torch.mm(left, block, out=into[0] if block.shape[1] == into[0].shape[1] else into[-1])
        if where.type == "cuda":
            torch.cuda.synchronize()

    return run
