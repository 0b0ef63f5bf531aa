"""VALID and its special case MacridVAE.

Tran & Lauw, "Multi-Representation Variational Autoencoder via Iterative Latent Attention and Implicit
Differentiation", CIKM 2023. Ma et al., "Learning Disentangled Representations for Recommendation", NeurIPS 2019.
Where paper and official code differ we follow the code by default (docs/adr/0010); the paper's forms are options.

Shapes: B users, n items in all their histories, K interests, N items, d embedding, h encoder width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from ..contract.ranking import Ranking
from ..contract.recommender import Capability, Histories, Interests, Recommender, StepConfig, StepContext
from ..kernels import noise, sampled
from ..kernels.attention import MeanScope, SelfAttention, refine
from ..kernels.decoder import log_normaliser, log_scores
from ..kernels.mixture import Temperatures, sampled_sums
from ..kernels.ragged import mean_shares, owners, products_with_own, sums_of_rows
from ..kernels.retrieval import Catalogue, best_items
from ..kernels.sampled import Sampling

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

EPS = 1e-12


class MacridVAEConfig(StepConfig):
    first = ("k", "embedding_size", "epochs", "learning_rate", "train_batch_size")
    k: Annotated[int, Field(ge=1, le=64, description="Interests of a user (K), one prototype each.")] = 4
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of items, prototypes, interests.")] = 64
    encoder_size: Annotated[int, Field(ge=1, le=8192, description="Width h of the encoder's hidden layer.")] = 64
    tau: Annotated[float, Field(ge=0.03, le=10, description="Temperature of assigning items to prototypes.")] = 0.1
    tau_dec: Annotated[float, Field(ge=0.03, le=10, description="Temperature of the decoder.")] = 0.1
    std: Annotated[float, Field(ge=0, le=10, description="Noise scale sigma_0 of the interests in training.")] = 0.1
    anneal_cap: Annotated[float, Field(ge=0, le=10, description="Largest weight beta of the KL term.")] = 1.0
    total_anneal_steps: Annotated[
        int, Field(ge=0, le=10_000_000, description="Steps over which beta rises from 0 to 1; 0: the cap at once.")
    ] = 20_000
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of history weights dropped in training.")] = 0.5
    gumbel: Annotated[bool, Field(description="Gumbel noise on the assignment of items in training.")] = True
    sampled_items: Annotated[
        int, Field(ge=0, le=1_000_000, description="Items drawn a step for the softmax's normaliser; 0: all, exactly.")
    ] = 0
    sampling: Annotated[Sampling, Field(description="How those items are drawn.")] = "popularity"


class ValidConfig(MacridVAEConfig):
    r: Annotated[int, Field(ge=1, le=20, description="Grouping blocks (R); 1 is MacridVAE.")] = 2
    implicit_differentiation: Annotated[
        Literal["code", "one_step", "off"],
        Field(
            description="Gradient through the blocks: code: none before the last; one_step: through one update "
            "(the paper's text); off: through all."
        ),
    ] = "code"
    update_norm: Annotated[
        Literal["code", "paper"],
        Field(description="Prototype update from unit items with dropped, normalised weights, or eq. 4 as printed."),
    ] = "code"
    self_attention: Annotated[SelfAttention, Field(description="Refinement of prototypes after each update.")] = "none"
    tau_sa: Annotated[float, Field(ge=0.01, le=10, description="Temperature of the self-attention.")] = 0.5
    sa_repeats: Annotated[int, Field(ge=1, le=10, description="Times the self-attention is applied.")] = 1
    sa_mean: Annotated[MeanScope, Field(description="What CoDA centres over: each row, or all pairs.")] = "row"

    @model_validator(mode="after")
    def _blocks_to_differentiate(self) -> Self:
        if self.implicit_differentiation == "one_step" and self.r < 2:
            raise ValueError("implicit_differentiation one_step needs r of at least 2")
        return self


@dataclass(frozen=True)
class _Grouping:
    """What the last block knows. prototypes [B, K, d], [1, K, d] where all users share them; assignment A [n, K];
    weights w [n, K]; keys of its noise, as many as prototypes."""

    prototypes: Tensor
    assignment: Tensor
    weights: Tensor
    keys: Tensor | None


class Valid(Recommender):
    name = "valid"
    title = "VALID"
    paper = "Tran & Lauw, Multi-Representation VAE via Iterative Latent Attention, CIKM 2023"
    paper_url = "https://doi.org/10.1145/3583780.3614980"
    family = "multi-interest autoencoder"
    summary = "Groups each user's items around personal prototypes in R blocks, one interest a prototype."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "interests", "similar"})
    config_class: ClassVar[type[MacridVAEConfig]] = ValidConfig
    config: MacridVAEConfig
    _ready: Tensor | None = None  # Hn while evaluating or serving
    _catalogue: Catalogue | None = None  # the same where it can be searched

    def __init__(self, config: MacridVAEConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        d, h = config.embedding_size, config.encoder_size
        # MacridVAE is R = 1, for which the options of the blocks mean nothing.
        self.blocks = config if isinstance(config, ValidConfig) else ValidConfig(**config.model_dump(), r=1)
        self.temperatures = Temperatures(config.tau, config.tau_dec)
        self.item_embedding = nn.Parameter(torch.zeros(items, d))  # H
        self.prototypes = nn.Parameter(torch.zeros(config.k, d))  # m
        self.encoder_items = nn.Parameter(torch.zeros(items, h))  # E, the first layer's weights, one row an item
        self.encoder_bias = nn.Parameter(torch.zeros(h))
        self.encoder_out = nn.Linear(h, 2 * d)
        self.chances: Tensor
        self.register_buffer("chances", torch.zeros(0), persistent=False)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        self.chances = sampled.chances(train, self.config.sampling).to(self.item_embedding.device)
        for weight in (self.item_embedding, self.prototypes, self.encoder_items, self.encoder_out.weight):
            nn.init.xavier_normal_(weight, generator=generator)
        nn.init.zeros_(self.encoder_bias)
        nn.init.zeros_(self.encoder_out.bias)

    def loss(self, batch: Histories, context: StepContext) -> Tensor:
        """Negative evidence lower bound, mean over the batch (eq. 11), with beta annealed (appendix)."""
        config, generator = self.config, context.generator
        unit_items = normalize(self.item_embedding, dim=1, eps=EPS)  # Hn [N, d]
        grouping = self._group(batch, unit_items, generator)
        mean, log_variance = self._encode(batch, grouping.weights)  # [B, K, d]
        epsilon = torch.empty_like(mean).normal_(generator=generator)
        z = mean + config.std * torch.exp(log_variance / 2) * epsilon  # eq. 9; sigma = sigma_0 exp(-t/2)
        interests = normalize(z, dim=-1, eps=EPS)

        decoded = torch.exp(
            products_with_own(batch.indptr, batch.indices, interests, unit_items) / config.tau_dec
        )  # [n, K]
        log_p = torch.log((grouping.assignment * decoded).sum(1))  # at the user's own items, [n]
        shares = batch.indptr.diff().to(log_p.dtype) / len(batch)
        if config.sampled_items:
            own = torch.zeros_like(shares).index_add(0, owners(batch.indptr), log_p.exp())
            drawn = sampled.draw(config.sampled_items, self.chances, batch.indptr, batch.indices, generator)
            rest = sampled_sums(unit_items, grouping.prototypes, interests, grouping.keys, self.temperatures, drawn)
            normaliser = (shares * torch.log(own + rest)).sum()
        else:
            decoder = (unit_items, grouping.prototypes, interests, grouping.keys, self.temperatures)
            normaliser = log_normaliser(*decoder, shares)
        reconstruction = normaliser - log_p.sum() / len(batch)
        kl = -0.5 * (1 + log_variance - log_variance.exp()).sum() / len(batch)
        return reconstruction + self._beta(context.step) * kl

    def _beta(self, step: int) -> float:
        total = self.config.total_anneal_steps
        return min(self.config.anneal_cap, step / total) if total else self.config.anneal_cap

    def _group(self, batch: Histories, unit_items: Tensor, generator: torch.Generator | None) -> _Grouping:
        """Algorithm 1: R blocks of grouping (eq. 3), all but the last followed by an update (eq. 4). Only items of the
        histories are touched. `generator` None: evaluation, no noise and no dropout."""
        options, stop = self.blocks, self._gradient_stops_before()
        x = normalize(self.prototypes, dim=1, eps=EPS).expand(len(batch), -1, -1)  # [B, K, d]
        if stop:
            x = x.detach()  # so the shared prototypes stay as they were drawn
        for block in range(1, options.r):
            with torch.set_grad_enabled(torch.is_grad_enabled() and block >= stop):  # Algorithm 1, line 27
                assignment, _ = self._assign(batch, x, unit_items, block, generator)
                x = self._update(batch, assignment, unit_items, generator)
        assignment, keys = self._assign(batch, x, unit_items, options.r, generator)
        weights = self._weigh(batch, assignment, generator)
        if options.r == 1:  # the same prototypes and noise for everybody
            x, keys = x[:1], None if keys is None else keys[:1]
        return _Grouping(x, assignment, weights, keys)

    def _assign(
        self, batch: Histories, x: Tensor, unit_items: Tensor, block: int, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """A [n, K] at the users' own items around prototypes x [B, K, d] (eq. 3), and the keys of its noise."""
        logits = products_with_own(batch.indptr, batch.indices, x, unit_items) / self.config.tau  # b [n, K]
        if generator is None or not self.config.gumbel:
            return torch.softmax(logits, dim=1), None
        # The first block's noise is shared by the batch, later blocks' is each user's own.
        keys = noise.draw_keys((1 if block == 1 else len(batch), self.config.k), generator).expand(len(batch), -1, -1)
        gumbel = -torch.log(noise.exponential(keys[owners(batch.indptr)], batch.indices[:, None], logits.dtype))
        return torch.softmax(logits + gumbel, dim=1), keys

    def _update(
        self, batch: Histories, assignment: Tensor, unit_items: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Prototypes of each user from the items assigned to them, unit rows [B, K, d] (eq. 4)."""
        options = self.blocks
        if options.update_norm == "paper":
            sums = sums_of_rows(batch.indptr, assignment, embedding(batch.indices, self.item_embedding))
        else:
            weights = self._weigh(batch, assignment, generator)
            sums = sums_of_rows(batch.indptr, weights, embedding(batch.indices, unit_items))
        x = normalize(sums, dim=-1, eps=EPS)
        return refine(x, options.self_attention, options.tau_sa, options.sa_repeats, options.sa_mean)

    def _gradient_stops_before(self) -> int:
        """The block whose entering prototypes are constants; 0: the gradient goes all the way."""
        last = self.blocks.r
        return {"code": last, "one_step": last - 1, "off": 0}[self.blocks.implicit_differentiation] if last > 1 else 0

    def _weigh(self, batch: Histories, assignment: Tensor, generator: torch.Generator | None) -> Tensor:
        """w [n, K]: assignments over their L2 norm a user and interest (denominator of eq. 8), then dropped out."""
        squares = assignment.new_zeros(len(batch), assignment.shape[1])
        squares = squares.index_add(0, owners(batch.indptr), assignment.square())
        weights = assignment / embedding(owners(batch.indptr), (squares + EPS**2).sqrt())
        if generator is None or self.config.dropout == 0:
            return weights
        keep = 1 - self.config.dropout
        return weights * torch.empty_like(weights).bernoulli_(keep, generator=generator) / keep

    def _encode(self, batch: Histories, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (unit) and log-variance of each interest, [B, K, d] each (eq. 7, 8)."""
        hidden = torch.tanh(
            sums_of_rows(batch.indptr, weights, embedding(batch.indices, self.encoder_items)) + self.encoder_bias
        )
        mean, t = self.encoder_out(hidden).chunk(2, dim=-1)
        return normalize(mean, dim=-1, eps=EPS), -t

    def train(self, mode: bool = True) -> Self:
        self._ready = self._catalogue = None
        return super().train(mode)

    def _unit_items(self) -> Tensor:
        """Hn [N, d] without gradient; of a catalogue of millions that takes longer than to score it for one user."""
        if self.training or self._ready is None:
            self._ready = normalize(self.item_embedding.detach(), dim=1, eps=EPS)
            self._catalogue = Catalogue.of(self._ready)
        return self._ready

    def _encoded(self, batch: Histories) -> tuple[Tensor, _Grouping, Tensor]:
        """Hn [N, d], the last block and interests z [B, K, d] without noise."""
        unit_items = self._unit_items()
        grouping = self._group(batch, unit_items, None)
        interests, _ = self._encode(batch, grouping.weights)
        return unit_items, grouping, interests

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        unit_items, grouping, interests = self._encoded(batch)
        return log_scores(unit_items, grouping.prototypes, interests, self.temperatures, batch.weights)

    @torch.no_grad()
    def best(self, batch: Histories, n: int, hidden: Histories) -> Ranking:
        self._unit_items()
        if self._catalogue is None:
            return super().best(batch, n, hidden)
        return self._found(self._catalogue, *self._encoded(batch)[1:], batch, n, hidden)

    @torch.no_grad()
    def explained(self, batch: Histories, n: int, hidden: Histories) -> tuple[Ranking, Interests | None]:
        self._unit_items()
        if self._catalogue is None:
            return super().explained(batch, n, hidden)
        unit_items, grouping, interests = self._encoded(batch)
        ranking = self._found(self._catalogue, grouping, interests, batch, n, hidden)
        return ranking, self._interests(unit_items, grouping, interests, batch, ranking.columns.clamp(min=0))

    @torch.no_grad()
    def interests(self, batch: Histories, items: Tensor) -> Interests:
        return self._interests(*self._encoded(batch), batch, items)

    def _found(
        self, catalogue: Catalogue, grouping: _Grouping, interests: Tensor, batch: Histories, n: int, hidden: Histories
    ) -> Ranking:
        vectors = (catalogue, grouping.prototypes, interests)
        return Ranking(*best_items(*vectors, self.temperatures, n, hidden.indptr, hidden.indices, batch.weights))

    def _interests(
        self, unit_items: Tensor, grouping: _Grouping, interests: Tensor, batch: Histories, items: Tensor
    ) -> Interests:
        chosen = unit_items[items].mT  # [d, M] or [B, d, M]
        assignment = torch.softmax(grouping.prototypes @ chosen / self.config.tau, dim=1)  # [B, K, M]
        terms = assignment * torch.exp(interests @ chosen / self.config.tau_dec)
        if batch.weights is not None:
            terms *= batch.weights[:, :, None]
        return Interests(terms, grouping.assignment, mean_shares(batch.indptr, grouping.assignment))

    @torch.no_grad()
    def user_vectors(self, batch: Histories) -> Tensor:
        """Means of all interests side by side, [B, K d] (section 5.5)."""
        return normalize(self._encoded(batch)[2].flatten(1), dim=1, eps=EPS)

    @torch.no_grad()
    def item_vectors(self) -> Tensor:
        return self._unit_items()


class MacridVAE(Valid):
    """VALID with one block: prototypes shared by all users, trained with everything else."""

    name = "macridvae"
    title = "MacridVAE"
    paper = "Ma et al., Learning Disentangled Representations for Recommendation, NeurIPS 2019"
    paper_url = "https://doi.org/10.48550/arXiv.1910.14238"
    summary = "Groups items around prototypes shared by all users; VALID with a single block."
    config_class = MacridVAEConfig
