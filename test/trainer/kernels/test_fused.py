"""The compiled passes against float64, and their compilation where nothing can be written."""

import numpy as np
import pytest
import torch

from trainer.kernels import fused, noise

RELATIVE = 5e-7


def test_exponential_is_accurate_over_the_whole_range_of_logits() -> None:
    b = np.linspace(-34, 34, 400_000, dtype=np.float32).reshape(1, 2, -1)
    group, decode, sums = b.copy(), np.zeros_like(b), np.empty((2, 1, b.shape[2]), np.float32)
    fused.mixture(group, decode, np.zeros((1, 2, 2), np.uint32), 0, False, sums)
    exact = np.exp(b.astype(np.float64))
    assert np.abs(group / exact - 1).max() < RELATIVE
    np.testing.assert_allclose(sums[0, 0], exact[0].sum(0), rtol=RELATIVE)
    np.testing.assert_allclose(decode, group)


def test_exponential_is_nothing_where_it_says() -> None:
    b = np.full((1, 1, 100), fused.NOTHING)
    fused.mixture(b, np.zeros_like(b), np.zeros((1, 1, 2), np.uint32), 0, False, np.empty((2, 1, 100), np.float32))
    assert (b == 0).all()


def test_its_noise_is_that_of_the_plain_path() -> None:
    keys = noise.draw_keys((3, 2), torch.Generator().manual_seed(0))
    group = np.zeros((3, 2, 5000), np.float32)
    fused.mixture(
        group, np.zeros_like(group), keys.numpy().astype(np.uint32), 123, True, np.empty((2, 3, 5000), np.float32)
    )
    expected = noise.exponential(keys[:, :, None, :], torch.arange(123, 5123), torch.float64).numpy()
    # Near E = 0 the logarithm of a number near 1 has an absolute error of 2^-24, like every float32 logarithm.
    np.testing.assert_allclose(1 / group, expected, rtol=2e-6, atol=6e-8)


def test_it_compiles_where_no_folder_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])

    def doubled(values: np.ndarray) -> np.ndarray:
        return values * 2

    compiled = fused.compiled(doubled)
    assert hasattr(compiled, "py_func")
    assert compiled(np.ones(3)).tolist() == [2, 2, 2]
