"""Mult-VAE and Mult-DAE: autoencoders of a user's history with a multinomial likelihood.

Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018. The history x_u, over its L2 norm and
with entries dropped, is encoded into a code z_u, from which a softmax over all items is decoded:
  Mult-VAE  -log p(x_u | z_u) + beta KL(q(z_u | x_u) || N(0, I)), z_u drawn from q (eq. 2, 3, 6), beta annealed (2.2.2)
  Mult-DAE  -log p(x_u | z_u) + lambda |weights|^2, z_u = tanh of what the encoder gives (section 2.2.3)
As dawenl/vae_cf: the mean over the batch where the paper sums, a penalty that spares the biases, and a hidden layer of
600 for Mult-VAE but none for Mult-DAE. RecBole draws z_u with a hundredth of the deviation; that is not followed.

Shapes: B users, n items in all their histories, N items, h hidden, d code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..contract.footprint import FLOAT, Device, Memory, Sizes
from ..contract.recommender import Capability, Histories, Recommender, StepConfig, StepContext
from ..kernels import sampled
from ..kernels.annealing import annealed
from ..kernels.multinomial import multinomial_loss, normalised_input, sampled_multinomial_loss
from ..kernels.part import normal_like
from ..kernels.sampled import Sampling

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class MultDAEConfig(StepConfig):
    first = ("latent_dimension", "dropout", "epochs", "learning_rate")
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Users in one gradient step.")] = 500
    latent_dimension: Annotated[int, Field(ge=1, le=2048, description="Width d of the code.")] = 200
    hidden_size: Annotated[
        int, Field(ge=0, le=8192, description="Width of the hidden layer on either side of the code; 0: none.")
    ] = 0
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of a history dropped in training.")] = 0.5
    reg_weight: Annotated[float, Field(ge=0, le=1, description="L2 penalty on the weights, biases spared.")] = 2e-5
    sampled_items: Annotated[
        int, Field(ge=0, le=1_000_000, description="Items drawn a step for the softmax's normaliser; 0: all, exactly.")
    ] = 0
    sampling: Annotated[Sampling, Field(description="How those items are drawn.")] = "popularity"


class MultVAEConfig(MultDAEConfig):
    hidden_size: Annotated[
        int, Field(ge=0, le=8192, description="Width of the hidden layer on either side of the code; 0: none.")
    ] = 600
    reg_weight: Annotated[float, Field(ge=0, le=1, description="L2 penalty on the weights, biases spared.")] = 0.0
    anneal_cap: Annotated[float, Field(ge=0, le=10, description="Largest weight beta of the KL term.")] = 0.2
    total_anneal_steps: Annotated[
        int, Field(ge=0, le=10_000_000, description="Steps over which beta rises from 0 to 1; 0: the cap at once.")
    ] = 200_000


class MultDAE(Recommender):
    name = "multdae"
    title = "Mult-DAE"
    paper = "Liang et al., Variational Autoencoders for Collaborative Filtering, WWW 2018"
    paper_url = "https://doi.org/10.1145/3178876.3186150"
    family = "autoencoder"
    summary = "Rebuilds a history from a part of it, through a narrow code."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "similar", "data_parallel"})
    config_class: ClassVar[type[MultDAEConfig]] = MultDAEConfig
    config: MultDAEConfig
    code_parts: ClassVar[int] = 1  # numbers that the encoder gives for each one of the code

    def __init__(self, config: MultDAEConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        h, d = config.hidden_size, config.latent_dimension
        given = self.code_parts * d
        self.encoder_items = nn.Parameter(torch.zeros(items, h or given))  # first layer, one row an item
        self.encoder_bias = nn.Parameter(torch.zeros(h or given))
        self.encoder = nn.Sequential(nn.Tanh(), nn.Linear(h, given)) if h else nn.Sequential()
        self.decoder = nn.Sequential(nn.Linear(d, h), nn.Tanh()) if h else nn.Sequential()
        self.output = nn.Linear(h or d, items)
        self.chances: Tensor
        self.register_buffer("chances", torch.zeros(0), persistent=False)

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Logits of the items, or of those drawn; a penalty squares all weights."""
        config, users = self.config, min(self.config.train_batch_size, self.n_users)
        squares = sum(parameter.nbytes for parameter in self.parameters()) if config.reg_weight else 0
        if not config.sampled_items:
            return super().training_memory(sizes, device) + Memory(squares)
        vectors = (sizes.history(users) + config.sampled_items) * self.output.in_features
        return Memory(4 * (users * config.sampled_items + vectors) * FLOAT + squares)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        self.chances = sampled.chances(train, self.config.sampling).to(self.output.bias.device)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter, generator=generator)
            else:
                nn.init.trunc_normal_(parameter, std=1e-3, a=-2e-3, b=2e-3, generator=generator)

    def loss(self, batch: Histories, context: StepContext) -> Tensor:
        code = torch.tanh(self._encode(batch, context.generator))
        return self._reconstruction(batch, code, context.generator) + self._penalty()

    def _reconstruction(self, batch: Histories, code: Tensor, generator: torch.Generator) -> Tensor:
        """Mean over the users of -log p(x | z)."""
        if not self.config.sampled_items:
            return multinomial_loss(batch.indptr, batch.indices, self._decode(code))
        some = sampled.draw(self.config.sampled_items, self.chances, batch.indptr, batch.indices, generator)
        weight, bias = self.output.weight, self.output.bias
        return sampled_multinomial_loss(batch.indptr, batch.indices, self.decoder(code), weight, bias, some)

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        return self._decode(torch.tanh(self._encode(batch, None)))

    @torch.no_grad()
    def item_vectors(self) -> Tensor:
        return normalize(self.output.weight, dim=1)

    def _encode(self, batch: Histories, generator: torch.Generator | None) -> Tensor:
        """What the encoder gives, [B, code_parts d]; without a generator nothing is dropped."""
        dropout = self.config.dropout
        entries = (batch.indptr, batch.indices)
        first = normalised_input(*entries, self.encoder_items, dropout, generator, batch.entries)
        given: Tensor = self.encoder(first + self.encoder_bias)
        return given

    def _decode(self, code: Tensor) -> Tensor:
        logits: Tensor = self.output(self.decoder(code))  # [B, d] → [B, N]
        return logits

    def _penalty(self) -> Tensor | float:
        weight = self.config.reg_weight
        return weight * sum(p.square().sum() for p in self.parameters() if p.dim() > 1) if weight else 0.0


class MultVAE(MultDAE):
    name = "multvae"
    title = "Mult-VAE"
    summary = "Variational autoencoder of a user's history; a strong neural baseline."
    config_class = MultVAEConfig
    config: MultVAEConfig
    code_parts = 2  # mean and log-variance

    def loss(self, batch: Histories, context: StepContext) -> Tensor:
        mean, log_variance = self._encode(batch, context.generator).chunk(2, dim=1)  # [B, d] each
        epsilon = normal_like(mean, context.generator, batch.rows)
        code = mean + torch.exp(log_variance / 2) * epsilon
        kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum() / len(batch)
        beta = annealed(context.step, self.config.total_anneal_steps, self.config.anneal_cap)
        return self._reconstruction(batch, code, context.generator) + beta * kl + self._penalty()

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        return self._decode(self._encode(batch, None).chunk(2, dim=1)[0])
