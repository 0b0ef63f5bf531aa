"""Where the prototypes that users share are trained at all: learned against frozen ones, to the bit."""

from typing import Literal

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Histories, StepContext
from trainer.models.valid import MacridVAE, MacridVAEConfig, Valid, ValidConfig

TRAIN = csr_matrix((np.random.default_rng(2).random((9, 50)) < 0.2).astype(np.float32))
How = Literal["code", "one_step", "off"]
Prototypes = Literal["learned", "frozen"]


def drawn(r: int, how: How, prototypes: Prototypes) -> Valid:
    config = ValidConfig(
        k=3, embedding_size=6, encoder_size=5, r=r, implicit_differentiation=how, prototypes=prototypes
    )
    model = Valid(config, *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    return model


def trained(model: Valid) -> tuple[list[float], dict[str, Tensor]]:
    """Losses and weights of three steps of Adam with weight decay, which would move what has a gradient of 0 in
    place of none."""
    optimizer = torch.optim.Adam(model.parameters(), 0.01, weight_decay=0.1, fused=True)
    losses = []
    for step in (1, 2, 3):
        optimizer.zero_grad(set_to_none=True)
        context = StepContext(step, 1, 10, step, torch.Generator().manual_seed(step))
        loss = model.loss(Histories.of(TRAIN, np.arange(9)), context)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses, model.state_dict()


NO_GRADIENT: list[tuple[int, How, bool]] = [(2, "code", True), (3, "code", True), (4, "code", True)]
NO_GRADIENT += [(2, "one_step", True), (3, "one_step", True), (4, "one_step", True)]
A_GRADIENT: list[tuple[int, How, bool]] = [(1, "code", False), (2, "off", False), (3, "off", False)]


@pytest.mark.parametrize(("r", "how", "alike"), NO_GRADIENT + A_GRADIENT)
def test_learned_are_frozen_to_the_bit_where_no_gradient_reaches_them(r: int, how: How, alike: bool) -> None:
    (one, learned), (other, frozen) = (trained(drawn(r, how, kind)) for kind in ("learned", "frozen"))
    assert torch.equal(frozen["prototypes"], drawn(r, how, "learned").prototypes.detach())
    assert (one == other) == alike
    same = {name for name, value in learned.items() if torch.equal(value, frozen[name])}
    if alike:
        assert same == set(learned)
    else:  # what is decoded from them moves, too
        assert not {"prototypes", "item_embedding"} & same


@pytest.mark.parametrize(("r", "how", "alike"), NO_GRADIENT + A_GRADIENT)
def test_the_gradient_is_none_or_exactly_zero_there(r: int, how: How, alike: bool) -> None:
    model = drawn(r, how, "learned")
    model.loss(Histories.of(TRAIN, np.arange(9)), StepContext(1, 1, 10, 1, torch.Generator().manual_seed(1))).backward()
    gradient = model.prototypes.grad
    assert (gradient is None or not gradient.any()) == alike


def test_macridvae_freezes_its_own() -> None:
    config = MacridVAEConfig(k=3, embedding_size=6, encoder_size=5, prototypes="frozen")
    model = MacridVAE(config, *TRAIN.shape)
    model.prepare(TRAIN, torch.Generator().manual_seed(1))
    before = model.prototypes.clone()
    assert before.any()
    _, state = trained(model)
    assert torch.equal(state["prototypes"], before)
