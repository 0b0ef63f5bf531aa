"""Mult-VAE and Mult-DAE against the formulas of the paper written out a user and an item at a time."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, StepContext
from trainer.models.multvae import MultDAE, MultDAEConfig, MultVAE, MultVAEConfig

# The last user has everything.
TRAIN = csr_matrix(np.array([[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 1, 1]], dtype=np.float32))
BATCH = Histories.of(TRAIN, np.arange(3))
NOTHING = Histories(torch.tensor([-1]), torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64))
D = 2


def model_of(kind: type[MultDAE], **options: Any) -> MultDAE:
    model = kind(kind.config_class(latent_dimension=D, **options), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    return model.double()


def context(step: int = 1) -> StepContext:
    return StepContext(step, 1, 1, 0, torch.Generator().manual_seed(5))


def encoded(model: MultDAE, weights: dict[int, Tensor]) -> Tensor:
    """What the encoder gives for one user, with `weights` of the items in place of 1."""
    length = math.sqrt(len(weights))
    x = model.encoder_bias + sum(weight / length * model.encoder_items[item] for item, weight in weights.items())
    for layer in model.encoder:
        x = layer.weight @ x + layer.bias if isinstance(layer, torch.nn.Linear) else torch.tanh(x)
    return x


def decoded(model: MultDAE, z: Tensor) -> Tensor:
    for layer in model.decoder:
        z = layer.weight @ z + layer.bias if isinstance(layer, torch.nn.Linear) else torch.tanh(z)
    return torch.stack([model.output.weight[item] @ z + model.output.bias[item] for item in range(4)])


def dropped(generator: torch.Generator) -> list[dict[int, Tensor]]:
    """The weights of each user's items after the dropout of 0.3."""
    kept = iter(torch.empty(7, dtype=torch.float64).bernoulli_(0.7, generator=generator) / 0.7)
    return [{item: next(kept) for item in TRAIN[user].indices.tolist()} for user in range(3)]


def likelihood(logits: Tensor, items: list[int]) -> Tensor:
    everything = sum(torch.exp(logit) for logit in logits)
    return sum((torch.log(torch.exp(logits[item]) / everything) for item in items), torch.zeros(()))


def compare(model: MultDAE, loss: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(loss, expected)
    parameters = list(model.parameters())
    for found, right in zip(
        torch.autograd.grad(loss, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(found, right)


@pytest.mark.parametrize("hidden", [0, 3])
def test_loss_and_gradients_of_the_variational_one(hidden: int) -> None:
    model = model_of(MultVAE, hidden_size=hidden, dropout=0.3, anneal_cap=0.6, total_anneal_steps=10)
    loss = model.loss(BATCH, context(step=4))
    generator = torch.Generator().manual_seed(5)
    weights = dropped(generator)
    epsilon = torch.empty(3, D, dtype=torch.float64).normal_(generator=generator)
    expected = torch.zeros((), dtype=torch.float64)
    for user in range(3):
        given = encoded(model, weights[user])
        mean, variance = given[:D], torch.exp(given[D:])
        logits = decoded(model, mean + torch.sqrt(variance) * epsilon[user])
        kl = sum((variance[j] + mean[j] ** 2 - 1 - torch.log(variance[j])) / 2 for j in range(D))
        expected = expected - (likelihood(logits, TRAIN[user].indices.tolist()) - 0.4 * kl) / 3
    compare(model, loss, expected)


@pytest.mark.parametrize("hidden", [0, 3])
def test_loss_and_gradients_of_the_denoising_one(hidden: int) -> None:
    model = model_of(MultDAE, hidden_size=hidden, dropout=0.3, reg_weight=0.1)
    loss = model.loss(BATCH, context())
    weights = dropped(torch.Generator().manual_seed(5))
    expected = 0.1 * sum((p**2).sum() for name, p in model.named_parameters() if "bias" not in name)
    for user in range(3):
        logits = decoded(model, torch.tanh(encoded(model, weights[user])))
        expected = expected - likelihood(logits, TRAIN[user].indices.tolist()) / 3
    compare(model, loss, torch.as_tensor(expected))


@pytest.mark.parametrize("hidden", [0, 3])
@pytest.mark.parametrize("kind", [MultVAE, MultDAE])
def test_scores_are_the_logits_without_noise(kind: type[MultDAE], hidden: int) -> None:
    model = model_of(kind, hidden_size=hidden)
    scores = model.scores(BATCH)
    for user in range(3):
        one = torch.tensor(1.0, dtype=torch.float64)
        given = encoded(model, dict.fromkeys(TRAIN[user].indices.tolist(), one))
        expected = decoded(model, given[:D] if kind is MultVAE else torch.tanh(given))
        torch.testing.assert_close(scores[user], expected.detach())


@pytest.mark.parametrize("kind", [MultVAE, MultDAE])
def test_an_empty_history_is_what_the_biases_say(kind: type[MultDAE]) -> None:
    model = model_of(kind)
    scores = model.scores(NOTHING)
    assert bool(torch.isfinite(scores).all())
    torch.testing.assert_close(scores, model.scores(Histories(NOTHING.users + 1, NOTHING.indptr, NOTHING.indices)))


@pytest.mark.parametrize(("step", "beta"), [(1, 0.01), (15, 0.15), (400, 0.2)])
def test_the_kl_term_is_annealed_up_to_its_cap(step: int, beta: float) -> None:
    model = model_of(MultVAE, total_anneal_steps=100)
    at_once = model_of(MultVAE, total_anneal_steps=0, anneal_cap=beta)
    torch.testing.assert_close(model.loss(BATCH, context(step)), at_once.loss(BATCH, context(step)))


def test_defaults_are_the_published_ones() -> None:
    vae, dae = MultVAEConfig(), MultDAEConfig()
    assert (vae.hidden_size, vae.latent_dimension, vae.anneal_cap, vae.total_anneal_steps) == (600, 200, 0.2, 200_000)
    assert (dae.hidden_size, dae.latent_dimension, dae.reg_weight) == (0, 200, 0.01 / 500)
