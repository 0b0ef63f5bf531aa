"""RecVAE: a variational autoencoder of histories with a composite prior, encoder and decoder trained in turn.

Shenbin et al., "RecVAE: A New Variational Autoencoder for Top-N Recommendations with Implicit Feedback", WSDM 2020:
  prior  a mixture of N(0, I) and q_old, the encoder as it was before this epoch (eq. 11)
  loss   -log p(x_u | z_u) + gamma n_u (log q(z_u | x_u) - log prior(z_u | x_u)), one sample z_u, n_u items (eq. 9, 10)
An epoch passes three times over the users for the encoder, with a part of their histories dropped, and once for the
decoder, with all of them (algorithm 1). As ilya-shenbin/RecVAE, where it differs from the paper: a third, wide normal
in the mixture, the mixture taken for each number of z_u alone, means over the batch. There q_old starts as an encoder
of its own, drawn at random; here it is the encoder before the first step. RecBole draws z_u with a hundredth of the
deviation; that is not followed.

In the decoder's pass the KL term is a constant, so it is not computed; the reported loss is that of this pass. The
encoder stands still meanwhile, so q_old can be copied after it as well as before, at the start of the next epoch, and
a checkpoint needs no copy of it. Adam skips whatever has no gradient: one Adam does what the paper's two do.

Shapes: B users, n items in all their histories, N items, h hidden, d code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import linear, normalize, silu

from ..contract.footprint import Device, Memory, Sizes
from ..contract.recommender import Capability, Histories, Recommender, StepConfig, StepContext
from ..kernels.multinomial import multinomial_loss, normalised_input

HIDDEN_LAYERS = 5
STANDARD, OLD, WIDE = 3 / 20, 3 / 4, 1 / 10  # weights in the mixture: N(0, I), q_old, N(0, e^10 I)
WIDE_LOG_VARIANCE = 10.0


class RecVAEConfig(StepConfig):
    first = ("latent_dimension", "gamma", "epochs", "learning_rate")
    learning_rate: Annotated[float, Field(gt=0, le=1, description="Step size of Adam.")] = 5e-4
    train_batch_size: Annotated[int, Field(ge=1, le=65_536, description="Users in one gradient step.")] = 500
    latent_dimension: Annotated[int, Field(ge=1, le=2048, description="Width d of the code.")] = 200
    hidden_size: Annotated[int, Field(ge=1, le=8192, description="Width of the encoder's five hidden layers.")] = 600
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of a history the encoder is not shown.")] = 0.5
    gamma: Annotated[float, Field(ge=0, le=10, description="Weight of the KL term for each item of a history.")] = 0.005


class RecVAE(Recommender):
    name = "recvae"
    title = "RecVAE"
    paper = "Shenbin et al., RecVAE: A New Variational Autoencoder for Top-N Recommendations, WSDM 2020"
    paper_url = "https://doi.org/10.1145/3336191.3371831"
    family = "autoencoder"
    summary = "Variational autoencoder held near its own past, encoder and decoder trained in turn."
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"fold_in", "similar"})
    config_class = RecVAEConfig
    config: RecVAEConfig
    passes: ClassVar[int] = 4  # three for the encoder, the last for the decoder

    def __init__(self, config: RecVAEConfig, users: int, items: int) -> None:
        super().__init__(config, users, items)
        self.encoder = _Encoder(items, config.hidden_size, config.latent_dimension)
        self.decoder = nn.Linear(config.latent_dimension, items)
        self._old: dict[str, Tensor] = {}  # the encoder's parameters in q_old

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Besides, the encoder as it was."""
        old = sum(parameter.nbytes for parameter in self.encoder.parameters())
        return super().training_memory(sizes, device) + Memory(old)

    def prepare(self, train: object, generator: torch.Generator) -> None:
        self.encoder.prepare(generator)
        _as_linear([self.decoder.weight, self.decoder.bias], self.config.latent_dimension, generator)

    def start_pass(self, context: StepContext) -> None:
        if context.pass_number == 1:
            self._old = {name: p.detach().clone() for name, p in self.encoder.named_parameters()}

    def loss(self, batch: Histories, context: StepContext) -> Tensor:
        if context.pass_number == self.passes:
            with torch.no_grad():
                z, _, _ = self._draw(batch, 0.0, context.generator)
            return multinomial_loss(batch.indptr, batch.indices, self.decoder(z))
        z, epsilon, log_variance = self._draw(batch, self.config.dropout, context.generator)
        logits = linear(z, self.decoder.weight.detach(), self.decoder.bias.detach())  # [B, N]
        log_q = -(log_variance + epsilon.square()) / 2  # [B, d], without log sqrt(2 pi), which the prior lacks too
        kl = (log_q - self._log_prior(batch, z)).sum(1)
        weighted = self.config.gamma * (batch.indptr.diff() * kl).mean()
        return multinomial_loss(batch.indptr, batch.indices, logits) + weighted

    def _draw(self, batch: Histories, dropout: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """z [B, d] from q(z | x), the noise in it, and the log-variance."""
        mean, log_variance = self.encoder(batch, dropout, generator)
        epsilon = torch.empty_like(mean).normal_(generator=generator)
        return mean + torch.exp(log_variance / 2) * epsilon, epsilon, log_variance

    def _log_prior(self, batch: Histories, z: Tensor) -> Tensor:
        """Of each number of z, [B, d]; q_old sees the whole history."""
        with torch.no_grad():
            mean, log_variance = functional_call(self.encoder, self._old, (batch,))
        parts = [
            math.log(STANDARD) - z.square() / 2,
            math.log(OLD) - (log_variance + (z - mean).square() * torch.exp(-log_variance)) / 2,
            math.log(WIDE) - (WIDE_LOG_VARIANCE + z.square() * math.exp(-WIDE_LOG_VARIANCE)) / 2,
        ]
        return torch.stack(parts).logsumexp(0)

    @torch.no_grad()
    def scores(self, batch: Histories) -> Tensor:
        logits: Tensor = self.decoder(self.encoder(batch)[0])  # [B, d] → [B, N]
        return logits

    @torch.no_grad()
    def item_vectors(self) -> Tensor:
        return normalize(self.decoder.weight, dim=1)


class _Encoder(nn.Module):
    """Five layers, each of which also sees the sum of all that came before it (figure 2b)."""

    def __init__(self, items: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.zeros(items, hidden))  # first layer, one row an item
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(HIDDEN_LAYERS - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, eps=0.1) for _ in range(HIDDEN_LAYERS))
        self.out = nn.Linear(hidden, 2 * latent)

    def prepare(self, generator: torch.Generator) -> None:
        _as_linear([self.items, self.bias], len(self.items), generator)
        for layer in (*self.layers, self.out):
            _as_linear(layer.parameters(), len(self.bias), generator)

    def forward(
        self, batch: Histories, dropout: float = 0.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, [B, d] each."""
        x = normalised_input(batch.indptr, batch.indices, self.items, dropout, generator) + self.bias
        h = total = self.norms[0](silu(x))  # [B, h]
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            h = norm(silu(layer(h) + total))
            total = total + h
        mean, log_variance = self.out(h).chunk(2, dim=1)
        return mean, log_variance


def _as_linear(parameters: Iterable[Tensor], fan_in: int, generator: torch.Generator) -> None:
    """The start that PyTorch gives to a linear layer, from our generator."""
    for parameter in parameters:
        nn.init.uniform_(parameter, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
