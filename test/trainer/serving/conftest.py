"""A small model with interests whose answers can be worked out by hand, and a dataset for it."""

from typing import Annotated

import numpy as np
import pyarrow as pa
import pytest
import torch
from pydantic import Field
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Config, Histories, Interests, Recommender
from trainer.data.dataset import Dataset, IdMap
from trainer.data.tags import Tags
from trainer.serving.checkpoint import LoadedCheckpoint

USERS, ITEMS = 30, 200


class PlainConfig(Config):
    k: Annotated[int, Field(ge=1, le=8, description="Interests.")] = 3


class Plain(Recommender):
    """Interest k of a user is the mean direction of their items, weighted by how much each belongs to prototype k."""

    name = "plain"
    title = "Plain"
    paper = "none"
    family = "test"
    summary = "For tests."
    capabilities = frozenset({"fold_in", "interests", "similar"})
    config_class = PlainConfig

    def __init__(self, config: PlainConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        generator = torch.Generator().manual_seed(5)
        self.items = torch.nn.Parameter(torch.randn(items, 6, generator=generator))
        self.prototypes = torch.nn.Parameter(torch.randn(config.k, 6, generator=generator))

    def item_vectors(self) -> Tensor:
        return torch.nn.functional.normalize(self.items, dim=1)

    def interests(self, batch: Histories, items: Tensor) -> Interests:
        vectors = self.item_vectors()
        belongs = torch.softmax(vectors @ self.prototypes.T / 0.3, dim=1)  # [N, K]
        rows = torch.repeat_interleave(torch.arange(len(batch)), batch.indptr.diff())
        held = belongs[batch.indices]  # [nnz, K]
        directions = torch.zeros(len(batch), *self.prototypes.shape)
        directions.index_add_(0, rows, held[:, :, None] * vectors[batch.indices][:, None, :])
        directions = torch.nn.functional.normalize(directions, dim=2)  # [B, K, d]
        weights = torch.zeros(len(batch), held.shape[1]).index_add_(0, rows, held)
        cosine = directions @ vectors[items].mT  # [B, K, M]
        terms = belongs[items].mT * torch.exp(cosine / 0.3)
        return Interests(
            item_terms=terms if batch.weights is None else terms * batch.weights[:, :, None],
            history_shares=held,
            weights=weights / weights.sum(dim=1, keepdim=True).clamp_min(1),
        )

    def scores(self, batch: Histories) -> Tensor:
        return self.interests(batch, torch.arange(self.n_items)).item_terms.sum(dim=1).log()


class Constant(Recommender):
    """Answers everybody with a view of its own memory; no interests, no vectors, no fold-in."""

    name = "constant"
    title = "Constant"
    paper = "none"
    family = "test"
    summary = "For tests."
    capabilities = frozenset({"closed_form"})
    config_class = Config

    def __init__(self, config: Config, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.register_buffer("counts", torch.arange(items).float())

    def scores(self, batch: Histories) -> Tensor:
        return self.counts.repeat(len(batch), 1)


def random_part(generator: np.random.Generator, taken: np.ndarray, rate: float) -> np.ndarray:
    part = (generator.random((USERS, ITEMS)) < rate) & ~taken
    taken |= part
    return part


def make_dataset() -> Dataset:
    generator = np.random.default_rng(11)
    taken = np.zeros((USERS, ITEMS), dtype=bool)
    train, valid, test = (random_part(generator, taken, rate) for rate in (0.08, 0.02, 0.02))
    return Dataset(
        key="datasets/toy",
        digest="toy",
        split_digest="toy",
        train=csr_matrix(train, dtype=np.float32),
        valid=csr_matrix(valid, dtype=np.float32),
        test=csr_matrix(test, dtype=np.float32),
        users=IdMap(pa.array([f"user {row}" for row in range(USERS - 1)] + ["Zoë 🦊 <b>"], pa.string())),
        items=IdMap(
            pa.array([f"item {column}" for column in range(ITEMS - 1)] + ["本/\u202e<img onerror=x>"], pa.string())
        ),
        titles=[f"Title {column}" for column in range(ITEMS - 1)] + [""],
        tags=Tags.none(ITEMS),
    )


@pytest.fixture(scope="session")
def toy() -> Dataset:
    return make_dataset()


@pytest.fixture(scope="session")
def unchanged(toy: Dataset) -> dict[str, LoadedCheckpoint]:
    """By name, for tests that change nothing of them."""
    models = Plain(PlainConfig(), USERS, ITEMS), Constant(Config(), USERS, ITEMS)
    return {model.name: LoadedCheckpoint(model, toy, torch.device("cpu")) for model in models}


@pytest.fixture
def plain(toy: Dataset) -> LoadedCheckpoint:
    return LoadedCheckpoint(Plain(PlainConfig(), USERS, ITEMS), toy, torch.device("cpu"))


@pytest.fixture
def constant(toy: Dataset) -> LoadedCheckpoint:
    return LoadedCheckpoint(Constant(Config(), USERS, ITEMS), toy, torch.device("cpu"))
