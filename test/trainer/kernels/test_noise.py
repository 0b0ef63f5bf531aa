"""The noise has the law it claims, and is a function of key and item alone."""

import numpy as np
import torch
from scipy import stats

from trainer.kernels import noise


def drawn(rows: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return noise.draw_keys(rows, torch.Generator().manual_seed(seed))


def test_it_is_exponential_within_a_row_and_across_rows() -> None:
    within = noise.exponential(drawn((1,)), torch.arange(200_000), torch.float64)
    across = noise.exponential(drawn((200_000,)), torch.tensor(7), torch.float64)
    for sample in (within, across):
        assert stats.kstest(sample.numpy(), "expon").pvalue > 0.001


def test_rows_and_neighbouring_items_are_independent() -> None:
    rows = noise.exponential(drawn((40,))[:, None], torch.arange(50_000), torch.float64).numpy()
    correlation = np.corrcoef(rows) - np.eye(40)
    assert np.abs(correlation).max() < 5 / np.sqrt(50_000)
    for lag in (1, 2, 3, 256, 65_536 // 4):
        assert abs(np.corrcoef(rows[0, lag:], rows[0, :-lag])[0, 1]) < 5 / np.sqrt(50_000 - lag)


def test_the_largest_of_k_interests_is_chosen_with_softmax_probability() -> None:
    logits = torch.tensor([1.0, 0.0, -1.0, 0.5])
    gumbel = -torch.log(noise.exponential(drawn((4,))[:, None], torch.arange(100_000), torch.float64))
    chosen = torch.bincount((logits[:, None] + gumbel).argmax(0), minlength=4).numpy()
    assert stats.chisquare(chosen, 100_000 * torch.softmax(logits.double(), 0).numpy()).pvalue > 0.001


def test_a_value_does_not_depend_on_what_is_asked_with_it() -> None:
    keys = drawn((3, 2))
    whole = noise.exponential(keys[:, :, None, :], torch.arange(1000))
    part = noise.exponential(keys[1:2, :, None, :], torch.arange(400, 500))
    assert torch.equal(whole[1:2, :, 400:500], part)


def test_it_stays_within_what_float32_can_divide_by() -> None:
    values = noise.exponential(drawn((1000,))[:, None], torch.arange(10_000))
    assert values.min() > 2.0**-25
    assert values.max() < 17


def test_equal_generators_give_equal_keys_and_others_do_not() -> None:
    assert torch.equal(drawn((5, 4)), drawn((5, 4)))
    assert not torch.equal(drawn((5, 4)), drawn((5, 4), seed=1))
