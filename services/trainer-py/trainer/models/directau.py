"""DirectAU: matrix factorisation trained on alignment and uniformity alone, without negatives.

Wang et al., "Towards Representation Alignment and Uniformity in Collaborative Filtering", KDD 2022. With unit vectors
u, i of the pairs of a batch (eq. 5 to 7):
  align = mean over the pairs of |u - i|^2        unif(X) = log mean over x != x' in X of exp(-2 |x - x'|^2)
  loss  = align + gamma (unif(users) + unif(items)) / 2
As THUwangcy/DirectAU: a user or item that is in several pairs of a batch counts each time in unif, weight decay falls
on every vector, and while the loss sees directions only, scores multiply the vectors as they are. `cosine` scores what
the loss compares.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from ..contract.factorised import Factorised
from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.recommender import Interactions, StepConfig, StepContext, Unit

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class DirectAUConfig(StepConfig):
    first = ("embedding_size", "gamma", "epochs", "learning_rate")
    weight_decay: Annotated[float, Field(ge=0, le=1, description="L2 penalty in Adam's gradient, every vector.")] = 1e-6
    # A batch is compared with itself, pair by pair: more would not fit into memory.
    train_batch_size: Annotated[int, Field(ge=2, le=16_384, description="Interactions in one gradient step.")] = 1024
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of the vectors.")] = 64
    gamma: Annotated[float, Field(ge=0, le=100, description="Weight of uniformity against alignment.")] = 1.0
    cosine: Annotated[bool, Field(description="Score by cosine in place of the dot product.")] = False


class DirectAU(Factorised):
    name = "directau"
    title = "DirectAU"
    paper = "Wang et al., Towards Representation Alignment and Uniformity in Collaborative Filtering, KDD 2022"
    paper_url = "https://doi.org/10.1145/3534678.3539253"
    family = "factorisation"
    summary = "One vector a user and an item: those of a pair drawn together, all others spread over the sphere."
    config_class = DirectAUConfig
    config: DirectAUConfig
    trains_on: ClassVar[Unit] = "interactions"

    def __init__(self, config: DirectAUConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.user_embedding = nn.Parameter(torch.zeros(users, config.embedding_size))
        self.item_embedding = nn.Parameter(torch.zeros(items, config.embedding_size))

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """The batch against itself, of users and of items, with the gradients."""
        return super().training_memory(sizes, device) + Memory(6 * self.config.train_batch_size**2 * FLOAT)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        for table in (self.user_embedding, self.item_embedding):
            nn.init.xavier_normal_(table, generator=generator)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        users = normalize(embedding(batch.users, self.user_embedding), dim=1)  # [B, d]
        items = normalize(embedding(batch.items, self.item_embedding), dim=1)
        alignment = (users - items).square().sum(1).mean()
        return alignment + self.config.gamma * (_uniformity(users) + _uniformity(items)) / 2

    def vectors(self) -> tuple[Tensor, Tensor]:
        users, items = self.user_embedding, self.item_embedding
        return (normalize(users, dim=1), normalize(items, dim=1)) if self.config.cosine else (users, items)


def _uniformity(unit: Tensor) -> Tensor:
    """log of the mean of exp(-2 |x - x'|^2) over the pairs of rows of `unit` [B, d]; 0 where there is no pair.

    On the sphere -2 |x - x'|^2 = 4 x . x' - 4, so a product of matrices does what a list of distances would.
    """
    if len(unit) < 2:
        return unit.new_zeros(())
    products = ((2 * unit) @ (2 * unit).T).fill_diagonal_(-torch.inf)  # [B, B], nobody with itself
    return products.flatten().logsumexp(0) - 4 - math.log(len(unit) * (len(unit) - 1))
