"""BPR-MF against the paper's formula written out a pair at a time."""

import math

import numpy as np
import torch
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Interactions, StepContext
from trainer.models.bpr import BPR, BPRConfig


def model_of(train: csr_matrix) -> BPR:
    model = BPR(BPRConfig(embedding_size=3, reg_weight=0.1), *train.shape)
    model.prepare(train, torch.Generator().manual_seed(1))
    return model.double()


def test_loss_and_gradients_are_the_papers() -> None:
    # Each user lacks exactly one item, so the drawn negative is known.
    train = csr_matrix(np.array([[1, 1, 0], [0, 1, 1]], dtype=np.float32))
    model = model_of(train)
    batch = Interactions(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2]))
    loss = model.pair_loss(batch, StepContext(1, 1, 1, 0, torch.Generator().manual_seed(5)))
    loss.backward()
    users, items = (table.detach().clone().requires_grad_() for table in (model.user_embedding, model.item_embedding))
    expected = torch.zeros((), dtype=torch.float64)
    for user, chosen, other in ((0, 0, 2), (1, 1, 0), (1, 2, 0)):
        x_uij = users[user] @ items[chosen] - users[user] @ items[other]
        norms = sum((vector**2).sum() for vector in (users[user], items[chosen], items[other]))
        expected = expected - torch.log(1 / (1 + torch.exp(-x_uij))) / 3 + 0.1 * norms / 6
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.user_embedding.grad, users.grad)
    torch.testing.assert_close(model.item_embedding.grad, items.grad)


def test_an_untrained_pair_costs_log_two() -> None:
    train = csr_matrix(np.array([[1, 0]], dtype=np.float32))
    model = BPR(BPRConfig(reg_weight=0.0), 1, 2)
    model.prepare(train, torch.Generator().manual_seed(1))
    torch.nn.init.zeros_(model.user_embedding)
    loss = model.pair_loss(
        Interactions(torch.tensor([0]), torch.tensor([0])), StepContext(1, 1, 1, 0, torch.Generator().manual_seed(1))
    )
    assert math.isclose(float(loss), math.log(2), rel_tol=1e-6)
