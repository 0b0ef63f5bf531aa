"""BPR-MF: matrix factorisation that ranks a user's item above a drawn one.

Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009: maximise
sum log sigmoid(x_ui - x_uj) - lambda ||Theta||^2 (section 4.1, with x_ui = p_u . q_i).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import embedding, softplus

from ..contract.factorised import Factorised
from ..contract.recommender import Interactions, StepConfig, StepContext, Unit
from ..kernels.negatives import Negatives

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class BPRConfig(StepConfig):
    first = ("embedding_size", "epochs", "learning_rate", "reg_weight")
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Interactions in one gradient step.")] = 2048
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of the vectors.")] = 64
    reg_weight: Annotated[float, Field(ge=0, le=1, description="L2 penalty on the vectors of the batch.")] = 1e-4


class BPR(Factorised):
    name = "bpr"
    title = "BPR-MF"
    paper = "Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009"
    paper_url = "https://doi.org/10.48550/arXiv.1205.2618"
    family = "factorisation"
    summary = "One vector a user and an item, trained to rank what was chosen above what was not."
    config_class = BPRConfig
    config: BPRConfig
    capabilities = Factorised.capabilities | {"data_parallel"}
    trains_on: ClassVar[Unit] = "interactions"

    def __init__(self, config: BPRConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.user_embedding = nn.Parameter(torch.zeros(users, config.embedding_size))
        self.item_embedding = nn.Parameter(torch.zeros(items, config.embedding_size))

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        for table in (self.user_embedding, self.item_embedding):
            nn.init.xavier_normal_(table, generator=generator)
        self.negatives = Negatives(train).to(self.item_embedding.device)

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        drawn = self.negatives.draw(batch.all_users, 1, context.generator, batch.rows)[:, 0]
        user = embedding(batch.users, self.user_embedding)  # [B, d]
        chosen, other = embedding(batch.items, self.item_embedding), embedding(drawn, self.item_embedding)
        ranking = softplus((user * (other - chosen)).sum(1)).mean()  # -log sigmoid(x_ui - x_uj)
        squares = user.square().sum() + chosen.square().sum() + other.square().sum()
        return ranking + self.config.reg_weight * squares / (2 * len(batch))

    def vectors(self) -> tuple[Tensor, Tensor]:
        return self.user_embedding, self.item_embedding
