"""RecVAE against the formulas of paper and official code written out a user and a number at a time."""

import math
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, StepContext
from trainer.models.recvae import RecVAE, RecVAEConfig

# The last user has everything.
TRAIN = csr_matrix(np.array([[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 1, 1]], dtype=np.float32))
BATCH = Histories.of(TRAIN, np.arange(3))
NOTHING = Histories(torch.tensor([-1]), torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64))
D = 2


def context(pass_number: int) -> StepContext:
    return StepContext(pass_number, 1, 4, 0, torch.Generator().manual_seed(5), pass_number)


def model_of(**options: Any) -> RecVAE:
    model = RecVAE(RecVAEConfig(latent_dimension=D, hidden_size=3, **options), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    model = model.double()
    model.start_pass(context(1))
    return model


def moved(model: RecVAE) -> RecVAE:
    """Its q_old stays behind."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.3)
    return model


def encoded(parameters: dict[str, Tensor], weights: dict[int, Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and log-variance for one user, with `weights` of the items in place of 1."""

    def normed(a: Tensor, number: int) -> Tensor:
        swish = torch.stack([value / (1 + torch.exp(-value)) for value in a])
        centred = swish - swish.mean()
        unit = centred / torch.sqrt((centred**2).mean() + 0.1)
        return unit * parameters[f"norms.{number}.weight"] + parameters[f"norms.{number}.bias"]

    length = math.sqrt(len(weights))
    x = parameters["bias"] + sum(weight / length * parameters["items"][item] for item, weight in weights.items())
    hidden = [normed(x, 0)]
    for number in range(4):
        linear = parameters[f"layers.{number}.weight"] @ hidden[-1] + parameters[f"layers.{number}.bias"]
        hidden.append(normed(linear + sum(hidden), number + 1))
    given = parameters["out.weight"] @ hidden[-1] + parameters["out.bias"]
    return given[:D], given[D:]


def whole(user: int) -> dict[int, Tensor]:
    return dict.fromkeys(TRAIN[user].indices.tolist(), torch.tensor(1.0, dtype=torch.float64))


def log_likelihood(model: RecVAE, z: Tensor, user: int) -> Tensor:
    logits = model.decoder.weight @ z + model.decoder.bias
    everything = torch.exp(logits).sum()
    return sum((torch.log(torch.exp(logits[item]) / everything) for item in whole(user)), torch.zeros(()))


def density(z: Tensor, mean: Tensor | float, variance: Tensor | float) -> Tensor:
    variance = torch.as_tensor(variance)
    return torch.exp(-((z - mean) ** 2) / (2 * variance)) / torch.sqrt(2 * math.pi * variance)


def gradients(model: RecVAE, loss: Tensor) -> dict[str, Tensor | None]:
    found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    return {name: slope for (name, _), slope in zip(model.named_parameters(), found, strict=True)}


def test_the_encoders_loss_and_gradients() -> None:
    model = model_of(gamma=0.3, dropout=0.4)
    old = {name: p.detach().clone() for name, p in model.encoder.named_parameters()}
    model = moved(model)
    loss = model.loss(BATCH, context(2))
    generator = torch.Generator().manual_seed(5)
    kept = iter(torch.empty(7, dtype=torch.float64).bernoulli_(0.6, generator=generator) / 0.6)
    epsilon = torch.empty(3, D, dtype=torch.float64).normal_(generator=generator)
    expected = torch.zeros((), dtype=torch.float64)
    for user in range(3):
        mean, log_variance = encoded(dict(model.encoder.named_parameters()), {item: next(kept) for item in whole(user)})
        z = mean + torch.exp(log_variance / 2) * epsilon[user]
        old_mean, old_log_variance = encoded(old, whole(user))
        kl = torch.zeros((), dtype=torch.float64)
        for j in range(D):
            prior = 0.15 * density(z[j], 0, 1) + 0.1 * density(z[j], 0, math.exp(10))
            prior = prior + 0.75 * density(z[j], old_mean[j], torch.exp(old_log_variance[j]))
            kl = kl + torch.log(density(z[j], mean[j], torch.exp(log_variance[j]))) - torch.log(prior)
        expected = expected - (log_likelihood(model, z, user) - 0.3 * len(whole(user)) * kl) / 3
    torch.testing.assert_close(loss, expected)
    found, right = gradients(model, loss), gradients(model, expected)
    for name, slope in found.items():
        if name.startswith("decoder"):
            assert slope is None  # stands still, so that Adam skips it
        else:
            torch.testing.assert_close(slope, right[name])


def test_the_decoders_loss_and_gradients() -> None:
    model = moved(model_of(dropout=0.4))
    loss = model.loss(BATCH, context(4))
    epsilon = torch.empty(3, D, dtype=torch.float64).normal_(generator=torch.Generator().manual_seed(5))
    expected = torch.zeros((), dtype=torch.float64)
    for user in range(3):
        mean, log_variance = encoded(dict(model.encoder.named_parameters()), whole(user))
        z = mean + torch.exp(log_variance / 2) * epsilon[user]
        expected = expected - log_likelihood(model, z, user) / 3
    torch.testing.assert_close(loss, expected)
    found, right = gradients(model, loss), gradients(model, expected)
    for name, slope in found.items():
        if name.startswith("encoder"):
            assert slope is None
        else:
            torch.testing.assert_close(slope, right[name])


def test_scores_are_the_logits_of_the_mean() -> None:
    model = moved(model_of())
    scores = model.scores(BATCH)
    for user in range(3):
        mean, _ = encoded(dict(model.encoder.named_parameters()), whole(user))
        expected = model.decoder.weight @ mean + model.decoder.bias
        torch.testing.assert_close(scores[user], expected.detach())


def test_an_empty_history_is_no_division_by_zero() -> None:
    model = model_of()
    assert bool(torch.isfinite(model.scores(NOTHING)).all())
    loss = model.loss(NOTHING, context(1))
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


def test_the_old_encoder_is_that_of_the_end_of_the_last_epoch() -> None:
    model = moved(model_of(gamma=1.0))
    behind = float(model.loss(BATCH, context(3)).detach())
    for pass_number in (2, 3, 4):
        model.start_pass(context(pass_number))
        assert float(model.loss(BATCH, context(3)).detach()) == behind
    model.start_pass(context(1))
    assert float(model.loss(BATCH, context(3)).detach()) != behind


def test_defaults_are_the_published_ones() -> None:
    config = RecVAEConfig()
    assert (config.hidden_size, config.latent_dimension, config.gamma) == (600, 200, 0.005)
    assert (config.learning_rate, config.train_batch_size, config.dropout) == (5e-4, 500, 0.5)
