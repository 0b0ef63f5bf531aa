"""Autoencoders of several interests a user: VALID, its special case MacridVAE, and what builds on them.

Tran & Lauw, "Multi-Representation Variational Autoencoder via Iterative Latent Attention and Implicit
Differentiation", CIKM 2023. Ma et al., "Learning Disentangled Representations for Recommendation", NeurIPS 2019.
Where paper and official code differ we follow the code by default (docs/adr/0010); the paper's forms are options.

Shapes: B users, n items in all their histories, K interests, N items, d embedding, h encoder width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from ..kernels import noise, sampled
from ..kernels.annealing import annealed
from ..kernels.attention import refine
from ..kernels.decoder import bytes_of_logits, log_normaliser, log_scores
from ..kernels.dropout import dropped
from ..kernels.mixture import Personal, Shared, Temperatures, sampled_sums
from ..kernels.part import drawn, normal_like
from ..kernels.ragged import mean_shares, owners, products_with_own, sums_of_rows
from ..kernels.retrieval import Catalogue, best_items
from .footprint import FLOAT, Device, Memory, Sizes
from .interest_config import MacridVAEConfig, ValidConfig
from .ranking import Ranking
from .recommender import Capability, Histories, Interests, Recommender, StepContext

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

EPS = 1e-12
COMPILED = 160 << 20  # what the compiled passes and the threads that run them take of the memory, measured


@dataclass(frozen=True)
class _Grouping:
    """What the last block knows. prototypes [B, K, d], [1, K, d] where all users share them; assignment A [n, K];
    weights w [n, K]; keys of its noise, as many as prototypes."""

    prototypes: Tensor
    assignment: Tensor
    weights: Tensor
    keys: Tensor | None


_Encoded = tuple[Tensor, _Grouping, Tensor]  # Hn [N, d], the last block, interests z [B, K, d] without noise


class InterestVAE(Recommender):
    """R blocks of grouping, an encoder of each interest, and the mixture of their softmaxes over the catalogue."""

    family = "multi-interest autoencoder"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "interests", "similar", "data_parallel"})
    config_class: ClassVar[type[MacridVAEConfig]]
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
        self.prototypes = nn.Parameter(torch.zeros(config.k, d), requires_grad=config.prototypes == "learned")  # m
        self.encoder_items = nn.Parameter(torch.zeros(items, h))  # E, the first layer's weights, one row an item
        self.encoder_bias = nn.Parameter(torch.zeros(h))
        self.encoder_out = nn.Linear(h, 2 * d)
        self.chances: Tensor
        self.register_buffer("chances", torch.zeros(0), persistent=False)

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Unit items with their gradient, what is gathered for the items of the histories, and the decoder's tiles."""
        config, users = self.config, min(self.config.train_batch_size, self.n_users)
        d, h, k, blocks = config.embedding_size, config.encoder_size, config.k, self.blocks.r
        gathered = sizes.history(users) * (3 * h + (2 + 2 * blocks) * d + 8 * blocks * k) * FLOAT
        if config.sampled_items:
            decoded = 6 * users * k * min(config.sampled_items, self.n_items) * FLOAT
        else:
            decoded = self._logits(users, device)
        compiled = COMPILED if device == "cpu" else 0
        return Memory(4 * self.n_items * d * FLOAT + gathered + decoded, host=compiled)

    def answering_memory(self, sizes: Sizes, device: Device, people: int) -> Memory:
        """On the CPU the catalogue is searched; an accelerator scores all of it."""
        searched = 2 * self.n_items * self.config.embedding_size * FLOAT
        if device == "cpu":
            return Memory(searched)
        return super().answering_memory(sizes, device, people) + Memory(searched + self._logits(people, device))

    def _logits(self, people: int, device: Device) -> int:
        mixture = Personal if self.blocks.r > 1 else Shared
        return bytes_of_logits(device, mixture.arrays, people, self.config.k, self.n_items)

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
        epsilon = normal_like(mean, generator, batch.rows)
        z = mean + config.std * torch.exp(log_variance / 2) * epsilon  # eq. 9; sigma = sigma_0 exp(-t/2)
        interests = normalize(z, dim=-1, eps=EPS)

        decoded = torch.exp(
            products_with_own(batch.indptr, batch.indices, interests, unit_items) / config.tau_dec
        )  # [n, K]
        log_p = torch.log((grouping.assignment * decoded).sum(1))  # at the user's own items, [n]
        shares = batch.indptr.diff().to(log_p.dtype) / len(batch)
        if config.sampled_items:
            own = torch.zeros_like(shares).index_add(0, owners(batch.indptr), log_p.exp())
            few = sampled.draw(config.sampled_items, self.chances, batch.indptr, batch.indices, generator)
            rest = sampled_sums(unit_items, grouping.prototypes, interests, grouping.keys, self.temperatures, few)
            normaliser = (shares * torch.log(own + rest)).sum()
        else:
            decoder = (unit_items, grouping.prototypes, interests, grouping.keys, self.temperatures)
            normaliser = log_normaliser(*decoder, shares)
        reconstruction = normaliser - log_p.sum() / len(batch)
        kl = -0.5 * (1 + log_variance - log_variance.exp()).sum() / len(batch)
        return reconstruction + annealed(context.step, config.total_anneal_steps, config.anneal_cap) * kl

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
        of = (None, 1) if block == 1 else (batch.rows, len(batch))
        keys = drawn(*of, lambda rows: noise.draw_keys((rows, self.config.k), generator)).expand(len(batch), -1, -1)
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
        return dropped(weights, self.config.dropout, generator, batch.entries)

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

    def _encoded(self, batch: Histories) -> _Encoded:
        unit_items = self._unit_items()
        grouping = self._group(batch, unit_items, None)
        interests, _ = self._encode(batch, grouping.weights)
        return unit_items, grouping, interests

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        unit_items, grouping, interests = self._encoded(batch)
        scores = log_scores(unit_items, grouping.prototypes, interests, self.temperatures, batch.weights)
        offsets = self.offsets(batch)
        return scores if offsets is None else scores.add_(offsets)

    @torch.no_grad()
    def best(self, batch: Histories, n: int, hidden: Histories) -> Ranking:
        self._unit_items()
        if self._catalogue is None:
            return super().best(batch, n, hidden)
        return self._found(self._encoded(batch), batch, n, hidden, self.offsets(batch))

    @torch.no_grad()
    def explained(self, batch: Histories, n: int, hidden: Histories) -> tuple[Ranking, Interests | None]:
        self._unit_items()
        if self._catalogue is None:
            return super().explained(batch, n, hidden)
        encoded, offsets = self._encoded(batch), self.offsets(batch)
        ranking = self._found(encoded, batch, n, hidden, offsets)
        return ranking, self._interests(encoded, batch, ranking.columns.clamp(min=0), offsets)

    @torch.no_grad()
    def interests(self, batch: Histories, items: Tensor) -> Interests:
        return self._interests(self._encoded(batch), batch, items, self.offsets(batch))

    def _found(self, encoded: _Encoded, batch: Histories, n: int, hidden: Histories, offsets: Tensor | None) -> Ranking:
        assert self._catalogue is not None  # noqa: S101 - whoever asks has looked
        _, grouping, interests = encoded
        left_out = (hidden.indptr, hidden.indices)
        vectors = (self._catalogue, grouping.prototypes, interests)
        return Ranking(*best_items(*vectors, self.temperatures, n, *left_out, batch.weights, offsets))

    def offsets(self, batch: Histories) -> Tensor | None:
        """What is added to log p of each item, [B, N] and finite; None: nothing is."""
        return None

    def _interests(self, encoded: _Encoded, batch: Histories, items: Tensor, offsets: Tensor | None) -> Interests:
        unit_items, grouping, interests = encoded
        chosen = unit_items[items].mT  # [d, M] or [B, d, M]
        assignment = torch.softmax(grouping.prototypes @ chosen / self.config.tau, dim=1)  # [B, K, M]
        terms = assignment * torch.exp(interests @ chosen / self.config.tau_dec)
        if batch.weights is not None:
            terms *= batch.weights[:, :, None]
        shares = mean_shares(batch.indptr, grouping.assignment)
        return Interests(terms, grouping.assignment, shares, self._beside(terms, items, batch, offsets))

    def _beside(self, terms: Tensor, items: Tensor, batch: Histories, offsets: Tensor | None) -> Tensor | None:
        """`Interests.linear` of `items` with terms [B, K, M]."""
        return None

    @torch.no_grad()
    def user_vectors(self, batch: Histories) -> Tensor:
        """Means of all interests side by side, [B, K d] (section 5.5)."""
        return normalize(self._encoded(batch)[2].flatten(1), dim=1, eps=EPS)

    @torch.no_grad()
    def item_vectors(self) -> Tensor:
        return self._unit_items()
