"""SimpleX and MF-CCL against the formulas of the paper written out a pair at a time."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, Interactions, StepContext
from trainer.models.simplex import MFCCL, MFCCLConfig, SimpleX, SimpleXConfig

# One with a single item, one with everything, one with nothing.
TRAIN = csr_matrix(np.array([[1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=np.float32))
PAIRS = [(0, 0), (0, 3), (1, 1), (2, 2)]
BATCH = Interactions(*(torch.tensor(column) for column in zip(*PAIRS, strict=True)))
D, M = 3, 5


def model_of(kind: type[MFCCL], **options: Any) -> MFCCL:
    options = {"embedding_size": D, "neg_sample_num": M, "margin": 0.1, "negative_weight": 1.7, **options}
    model = kind(kind.config_class(**options), *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    model = model.double()
    with torch.no_grad():  # far enough from nothing for the attention to differ
        model.user_embedding.mul_(100)
        model.item_embedding.mul_(100)
    return model


def context() -> StepContext:
    return StepContext(1, 1, 1, 0, torch.Generator().manual_seed(5))


def length(vector: Tensor) -> Tensor:
    return torch.sqrt((vector**2).sum())


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return one @ other / (length(one) * length(other))


def user_vector(model: MFCCL, user: int, history: list[int]) -> Tensor:
    own = model.user_embedding[user]
    if not isinstance(model, SimpleX):
        return own
    gamma, rows = model.config.gamma, [model.item_embedding[item] for item in history]
    if not rows:
        return gamma * own
    if model.key is None:
        pooled = sum(rows) / len(rows)
    else:
        powers = [torch.exp(torch.tanh(model.key.weight @ row + model.key.bias) @ own) for row in rows]
        pooled = sum(power / sum(powers) * row for power, row in zip(powers, rows, strict=True))
    return gamma * own + (1 - gamma) * model.value.weight @ pooled


KINDS: list[tuple[type[MFCCL], dict[str, Any]]] = [
    (MFCCL, {}),
    (SimpleX, {"aggregator": "mean", "gamma": 0.4}),
    (SimpleX, {"aggregator": "user_attention", "gamma": 0.4}),
]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_loss_and_gradients_are_the_papers(kind: type[MFCCL], options: dict[str, Any], shared: bool) -> None:
    model = model_of(kind, dropout=0.25, reg_weight=0.3, shared_negatives=shared, **options)
    loss = model.pair_loss(BATCH, context())

    generator = torch.Generator().manual_seed(5)
    kept = torch.empty(len(PAIRS), D, dtype=torch.float64).bernoulli_(0.75, generator=generator) / 0.75
    drawn = torch.randint(4, (M,) if shared else (len(PAIRS), M), generator=generator)
    expected = 0.15 * (sum((row**2).sum() for table in (model.user_embedding, model.item_embedding) for row in table))
    for place, (user, item) in enumerate(PAIRS):
        history = [other for other in TRAIN[user].indices.tolist() if other != item]
        vector = user_vector(model, user, history)
        unit = vector / length(vector) * kept[place]

        def similarity(item: int, unit: Tensor = unit) -> Tensor:
            return unit @ model.item_embedding[item] / length(model.item_embedding[item])

        expected = expected + torch.clamp(1 - similarity(item), min=0) / len(PAIRS)
        for other in (drawn if shared else drawn[place]).tolist():
            expected = expected + 1.7 * torch.clamp(similarity(other) - 0.1, min=0) / (M * len(PAIRS))
    torch.testing.assert_close(loss, expected)
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(parameters.values()))
    right = torch.autograd.grad(expected, list(parameters.values()))
    for one, other in zip(found, right, strict=True):
        assert bool((one != 0).any())
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_scores_are_cosines(kind: type[MFCCL], options: dict[str, Any]) -> None:
    model = model_of(kind, **options)
    scores = model.scores(Histories.of(TRAIN, np.array([3, 1, 2])))
    for row, user in enumerate((3, 1, 2)):
        vector = user_vector(model, user, TRAIN[user].indices.tolist())
        for item in range(4):
            torch.testing.assert_close(scores[row, item], cosine(vector, model.item_embedding[item]).detach())


@pytest.mark.parametrize("aggregator", ["mean", "user_attention"])
def test_nothing_but_an_empty_history_is_a_number(aggregator: str) -> None:
    model = model_of(SimpleX, aggregator=aggregator, gamma=0.0, dropout=0.0)
    assert bool((model.scores(Histories.of(TRAIN, np.array([3]))) == 0).all())
    # The user's only item is left out of their history: nothing is left to say who they are.
    loss = model.pair_loss(Interactions(torch.tensor([1]), torch.tensor([1])), context())
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


def test_shared_negatives_keep_the_expectation() -> None:
    model = model_of(SimpleX, dropout=0.0)
    with torch.no_grad():
        means = []
        for shared in (True, False):
            model.config = model.config.model_copy(update={"shared_negatives": shared})
            contexts = (StepContext(1, 1, 1, 0, torch.Generator().manual_seed(seed)) for seed in range(1500))
            means.append(float(torch.stack([model.pair_loss(BATCH, one) for one in contexts]).mean()))
    assert abs(means[0] - means[1]) < 0.02 * means[0]


def test_vectors_start_as_wide_as_is_asked_for() -> None:
    model = MFCCL(MFCCLConfig(init_std=1e-4), 400, 500)
    model.prepare(csr_matrix((400, 500), dtype=np.float32), torch.Generator().manual_seed(1))
    for table in (model.user_embedding, model.item_embedding):
        assert 0.98e-4 < float(table.detach().std()) < 1.02e-4


def test_defaults_are_the_published_ones() -> None:
    simplex, mf = SimpleXConfig(), MFCCLConfig()
    assert (simplex.gamma, simplex.margin, simplex.negative_weight, simplex.neg_sample_num) == (0.8, 0.9, 250, 2000)
    assert (mf.margin, mf.negative_weight, mf.neg_sample_num, mf.train_batch_size) == (0.9, 150, 800, 256)
