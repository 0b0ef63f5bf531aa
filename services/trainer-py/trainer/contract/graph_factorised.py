"""Models whose vectors of users and items are smoothed over the interaction graph."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ..kernels.graph import normalised_adjacency
from ..kernels.negatives import Negatives
from .factorised import Factorised
from .footprint import SPARSE_ENTRY, Device, Memory, Sizes
from .recommender import Capability, Interactions, StepConfig, StepContext, Unit

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class GraphConfig(StepConfig):
    first = ("embedding_size", "n_layers", "reg_weight", "epochs", "learning_rate")
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Interactions in one gradient step.")] = 2048
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of the vectors.")] = 64
    n_layers: Annotated[int, Field(ge=1, le=8, description="Times the vectors are smoothed over the graph (L).")] = 3
    reg_weight: Annotated[float, Field(ge=0, le=1, description="L2 penalty on the first layer of the batch.")] = 1e-4


class GraphFactorised(Factorised):
    """`embedding` [U+N, d] is layer 0, users first; `adjacency` [U+N, U+N] is sparse and built once."""

    family = "graph"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"graph", "similar"})
    trains_on: ClassVar[Unit] = "interactions"
    config: GraphConfig

    def __init__(self, config: GraphConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.embedding = nn.Parameter(torch.zeros(users + items, config.embedding_size))  # E^(0)
        self.adjacency: Tensor
        self.register_buffer("adjacency", torch.zeros(0), persistent=False)

    smoothings: ClassVar[int] = 1  # times that a step smooths the vectors anew

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Each layer with the sum so far, and their gradients; the graph, which is built by copies."""
        layers = (4 * self.smoothings * self.config.n_layers + 8) * self.embedding.nbytes
        graph = 2 * sizes.train * SPARSE_ENTRY
        return Memory(layers + graph, host=4 * graph)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        self.adjacency = normalised_adjacency(train).to(self.embedding.device)
        self.negatives = Negatives(train).to(self.embedding.device)
        self.start(generator)

    def start(self, generator: torch.Generator) -> None:
        """Initialises layer 0: xavier-uniform, users and items as two tables."""
        for table in self.users_and_items(self.embedding.detach()):
            nn.init.xavier_uniform_(table, generator=generator)

    @abstractmethod
    def smoothed(self) -> Tensor:
        """The final vectors of all nodes, [U+N, d]."""

    def vectors(self) -> tuple[Tensor, Tensor]:
        return self.users_and_items(self.smoothed())

    def users_and_items(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """[U+N, ...] as [U, ...] and [N, ...]."""
        return nodes[: self.n_users], nodes[self.n_users :]

    def triples(self, batch: Interactions, context: StepContext) -> Tensor:
        """Nodes [3, B] of each pair's user, its item and one item drawn that the user does not have."""
        drawn = self.negatives.draw(batch.all_users, 1, context.generator, batch.rows)[:, 0]
        return torch.stack([batch.users, self.n_users + batch.items, self.n_users + drawn])
