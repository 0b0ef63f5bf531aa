"""Dropout from a generator: how much goes, what stays, and when nothing is drawn."""

import torch

from trainer.kernels.dropout import dropped


def test_a_share_goes_and_the_rest_is_scaled_up() -> None:
    values = torch.full((200, 100), 3.0)
    found = dropped(values, 0.25, torch.Generator().manual_seed(1))
    assert set(found.unique().tolist()) == {0.0, 4.0}
    assert abs(float((found == 0).float().mean()) - 0.25) < 0.01
    assert torch.equal(found, dropped(values, 0.25, torch.Generator().manual_seed(1)))


def test_nothing_is_drawn_where_nothing_is_dropped() -> None:
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    values = torch.ones(3)
    assert dropped(values, 0.0, generator) is values
    assert dropped(values, 0.5, None) is values
    assert torch.equal(generator.get_state(), before)
