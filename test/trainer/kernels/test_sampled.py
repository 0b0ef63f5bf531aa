"""Items drawn for a softmax's normaliser."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer.contract.interest_config import MacridVAEConfig, ValidConfig
from trainer.contract.recommender import Histories, Recommender, StepContext
from trainer.kernels import sampled
from trainer.models.multvae import MultVAE, MultVAEConfig
from trainer.models.valid import MacridVAE, Valid

TRAIN = csr_matrix((np.random.default_rng(0).random((6, 40)) < 0.2).astype(np.float32))
SMALL = {"embedding_size": 4, "encoder_size": 3, "k": 2}


def models(sampled_items: int) -> list[Recommender]:
    made: list[Recommender] = [
        Valid(ValidConfig(**SMALL, sampled_items=sampled_items), *TRAIN.shape),
        MacridVAE(MacridVAEConfig(**SMALL, sampled_items=sampled_items), *TRAIN.shape),
        MultVAE(MultVAEConfig(hidden_size=5, latent_dimension=3, sampled_items=sampled_items), *TRAIN.shape),
    ]
    for model in made:
        model.prepare(TRAIN, torch.Generator().manual_seed(1))
    return [model.double() for model in made]


def loss_and_gradients(model: Recommender) -> list[torch.Tensor]:
    batch = Histories.of(TRAIN, np.arange(6))
    loss = model.loss(batch, StepContext(1, 1, 1, 0, torch.Generator().manual_seed(2)))
    return [loss.detach(), *torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)]


@pytest.mark.parametrize("number", range(3), ids=["valid", "macridvae", "multvae"])
def test_with_every_item_drawn_once_it_is_the_exact_loss(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(torch, "multinomial", lambda q, count, **_: torch.arange(len(q)))
    model = models(40)[number]
    model.chances.fill_(1 / 40)
    for one, other in zip(loss_and_gradients(model), loss_and_gradients(models(0)[number]), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("sampling", ["uniform", "popularity"])
def test_the_estimate_of_a_sum_over_the_rest_is_unbiased(sampling: sampled.Sampling) -> None:
    q = sampled.chances(TRAIN, sampling)
    assert float(q.sum()) == pytest.approx(1)
    values = torch.linspace(1, 5, 40)
    batch = Histories.of(TRAIN, np.arange(6))
    generator = torch.Generator().manual_seed(3)
    drawn = sampled.draw(200_000, q, batch.indptr, batch.indices, generator)
    rest = torch.from_numpy(1 - TRAIN.toarray()) @ values
    torch.testing.assert_close((drawn.weights * values[drawn.items]).sum(1), rest, rtol=0.02, atol=0)


def test_popular_items_are_drawn_more_often_and_none_never() -> None:
    q = sampled.chances(TRAIN, "popularity")
    counts = TRAIN.toarray().sum(0)
    assert (q > 0).all()
    assert q[counts.argmax()] > q[counts.argmin()]
