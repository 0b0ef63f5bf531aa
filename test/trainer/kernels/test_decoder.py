"""The tiled decoder against a dense one that holds everything at once."""

import logging
import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from trainer.kernels import decoder, mixture, noise
from trainer.kernels.decoder import log_normaliser, log_scores
from trainer.kernels.mixture import Temperatures

USERS, INTERESTS, ITEMS, WIDTH = 37, 3, 301, 5
TAUS = Temperatures(0.2, 0.15)


def dense_log_p(
    items: Tensor, prototypes: Tensor, interests: Tensor, keys: Tensor | None, taus: Temperatures
) -> Tensor:
    """log p [B, N] with Gumbel noise written as such."""
    b = torch.einsum("bkd,nd->bkn", prototypes, items) / taus.group  # one row of prototypes: those of all users
    if keys is not None:
        b = b - torch.log(noise.exponential(keys[:, :, None, :], torch.arange(len(items)), b.dtype))
    s = torch.einsum("bkd,nd->bkn", interests, items) / taus.decode
    return torch.logsumexp(torch.log_softmax(b, dim=1) + s, dim=1)


def inputs(dtype: torch.dtype, users: int = USERS) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)

    def unit(*shape: int) -> Tensor:
        values = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return normalize(values, dim=-1).to(dtype).requires_grad_()

    vectors = unit(ITEMS, WIDTH), unit(users, INTERESTS, WIDTH), unit(users, INTERESTS, WIDTH)
    return *vectors, noise.draw_keys((users, INTERESTS), generator)


def weights_of(users: int, dtype: torch.dtype) -> Tensor:
    return torch.linspace(0.5, 2, users, dtype=dtype)


def value_and_gradients(value: Tensor, variables: tuple[Tensor, ...]) -> list[Tensor]:
    return [value.detach(), *torch.autograd.grad(3 * value, variables)]


def weighed(log_sums: Tensor) -> Tensor:
    return (weights_of(len(log_sums), log_sums.dtype) * log_sums).sum()


def tiled(dtype: torch.dtype, noisy: bool = True, shared: bool = False) -> list[Tensor]:
    *variables, keys = inputs(dtype)
    if shared:
        variables[1], keys = variables[1][:1].detach().requires_grad_(), keys[:1]
    return value_and_gradients(
        log_normaliser(*variables, keys if noisy else None, TAUS, weights_of(USERS, dtype)), tuple(variables)
    )


def dense(dtype: torch.dtype, noisy: bool = True, shared: bool = False) -> list[Tensor]:
    *variables, keys = inputs(dtype)
    if shared:
        variables[1], keys = variables[1][:1].detach().requires_grad_(), keys[:1]
    log_p = dense_log_p(*variables, keys if noisy else None, TAUS)
    return value_and_gradients(weighed(torch.logsumexp(log_p, dim=1)), tuple(variables))


def assert_near(actual: list[Tensor], expected: list[Tensor], relative: float) -> None:
    for one, other in zip(actual, expected, strict=True):
        scale = float(other.abs().max())
        torch.testing.assert_close(one.double(), other.double(), rtol=0, atol=relative * scale)


@pytest.mark.parametrize("shared", [False, True], ids=["prototypes of each user", "of all users"])
@pytest.mark.parametrize("noisy", [True, False], ids=["noise", "plain"])
@pytest.mark.parametrize("kept", [0, 150_000, 1 << 30], ids=["computed again", "kept in small chunks", "kept"])
@pytest.mark.parametrize("tile", [(128, 1024), (5, 64), (1, 100)], ids=str)
def test_value_and_gradients_equal_the_dense_ones(
    monkeypatch: pytest.MonkeyPatch, tile: tuple[int, int], kept: int, noisy: bool, shared: bool
) -> None:
    monkeypatch.setitem(decoder.TILE, "cpu", tile)
    monkeypatch.setitem(decoder.KEPT_BYTES, "cpu", kept)
    monkeypatch.setattr(decoder, "FEWEST_KEPT", 2)
    expected = dense(torch.float64, noisy, shared)
    assert_near(tiled(torch.float64, noisy, shared), expected, 1e-12)
    assert_near(tiled(torch.float32, noisy, shared), expected, 5e-6)


@pytest.mark.parametrize("shared", [False, True], ids=["prototypes of each user", "of all users"])
def test_without_numba_the_same_comes_out_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, shared: bool
) -> None:
    compiled = tiled(torch.float32, shared=shared)
    mixture._compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "trainer.kernels.fused", None)
    monkeypatch.delattr("trainer.kernels.fused", raising=False)
    with caplog.at_level(logging.WARNING):
        assert_near(tiled(torch.float32, shared=shared), compiled, 5e-6)
    mixture._compiled.cache_clear()
    assert "numba is missing" in caplog.text


@pytest.mark.parametrize("shared", [False, True], ids=["prototypes of each user", "of all users"])
def test_scores_are_the_log_of_p_whatever_the_tiles(monkeypatch: pytest.MonkeyPatch, shared: bool) -> None:
    items, prototypes, interests, _ = inputs(torch.float32)
    prototypes = prototypes[:1] if shared else prototypes
    expected = dense_log_p(items, prototypes, interests, None, TAUS).detach()
    for tile in ((128, 1024), (5, 64), (1, 1)):
        monkeypatch.setitem(decoder.TILE, "cpu", tile)
        scores = log_scores(items, prototypes, interests, TAUS)
        torch.testing.assert_close(scores, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("shared", [False, True], ids=["prototypes of each user", "of all users"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["compiled", "plain"])
def test_weights_multiply_the_interests_inside_p(dtype: torch.dtype, shared: bool) -> None:
    items, prototypes, interests, _ = (value.detach() for value in inputs(dtype))
    prototypes = prototypes[:1] if shared else prototypes
    weights = torch.tensor([[0.0, 0.5, 4.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=dtype).repeat(USERS, 1)[:USERS]
    b, s = (torch.einsum("bkd,nd->bkn", vectors.double(), items.double()) for vectors in (prototypes, interests))
    terms = torch.softmax(b / TAUS.group, dim=1) * torch.exp(s / TAUS.decode)
    scores = log_scores(items, prototypes, interests, TAUS, weights)
    expected = (weights[:, :, None].double() * terms).sum(1).log()
    torch.testing.assert_close(scores.double(), expected, rtol=0, atol=2e-5)
    assert bool((scores[1] == -torch.inf).all())
    assert torch.equal(scores[2::3], log_scores(items, prototypes, interests, TAUS)[2::3])


def test_prototypes_that_need_no_gradient_get_none_and_change_no_other() -> None:
    items, prototypes, interests, keys = inputs(torch.float64)
    all_gradients = tiled(torch.float64)
    fixed = log_normaliser(items, prototypes.detach(), interests, keys, TAUS, weights_of(USERS, torch.float64))
    value, to_items, to_interests = value_and_gradients(fixed, (items, interests))
    assert_near([value, to_items, to_interests], [all_gradients[0], all_gradients[1], all_gradients[3]], 1e-14)


@pytest.mark.parametrize("shared", [False, True], ids=["prototypes of each user", "of all users"])
def test_one_number_of_threads_gives_one_result_to_the_bit(monkeypatch: pytest.MonkeyPatch, shared: bool) -> None:
    monkeypatch.setitem(decoder.TILE, "cpu", (8, 32))
    first = tiled(torch.float32, shared=shared)
    for _ in range(5):
        again = tiled(torch.float32, shared=shared)
        assert all(torch.equal(one, other) for one, other in zip(again, first, strict=True))
    monkeypatch.setattr(decoder, "cores", lambda: 1)
    assert_near(tiled(torch.float32, shared=shared), first, 1e-6)


@pytest.mark.parametrize("tau", [0.03, 10.0])
def test_the_extreme_temperatures_stay_within_float32(tau: float) -> None:
    items, prototypes, interests, keys = inputs(torch.float32)
    with torch.no_grad():  # the best and the worst match there can be, for one user
        prototypes[0], interests[0] = items[0], items[0]
        items[1] = -items[0]
    taus = Temperatures(tau, tau)
    actual = value_and_gradients(
        log_normaliser(items, prototypes, interests, keys, taus, weights_of(USERS, torch.float32)), (items, interests)
    )
    doubles = [value.detach().double().requires_grad_() for value in (items, prototypes, interests)]
    log_p = dense_log_p(*doubles, keys, taus)
    expected = value_and_gradients(weighed(torch.logsumexp(log_p, dim=1)), (doubles[0], doubles[2]))
    assert all(value.isfinite().all() for value in actual)
    assert_near(actual, expected, 1e-4)
    assert log_scores(items, prototypes, interests, taus).isfinite().all()


BIG = """
import resource, torch
from torch.nn.functional import normalize
from trainer.kernels import noise
from trainer.kernels.decoder import log_normaliser
from trainer.kernels.mixture import Temperatures
def once(users, interests, items, width=4):
    generator = torch.Generator().manual_seed(0)
    rows = normalize(torch.randn(items, width, generator=generator), dim=1).requires_grad_()
    x, z = (normalize(torch.randn(users, interests, width, generator=generator), dim=-1) for _ in range(2))
    keys = noise.draw_keys((users, interests), generator)
    log_normaliser(rows, x, z.requires_grad_(), keys, Temperatures(.1, .1), torch.ones(users)).backward()
    assert rows.grad.isfinite().all()
once(8, 2, 5000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
once(96, 4, 1_000_000)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_a_million_items_need_memory_for_their_vectors_only() -> None:
    """Vectors, their gradient and what normalising them keeps are 15 MiB each; users x items would be 366 MiB."""
    package_root = str(decoder.__file__).rsplit("/trainer/", 1)[0]
    command = [sys.executable, "-c", BIG]
    done = subprocess.run(command, capture_output=True, text=True, cwd=package_root, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 150
