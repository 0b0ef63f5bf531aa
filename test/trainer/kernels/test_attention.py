"""Self-attention against loops over the formulas of VALID section 4.4."""

import math
from typing import Literal

import pytest
import torch
from torch.nn.functional import normalize

from trainer.kernels.attention import refine


def prototypes(interests: int = 4) -> torch.Tensor:
    return normalize(torch.randn(3, interests, 6, generator=torch.Generator().manual_seed(1)).double(), dim=-1)


def by_loops(m: torch.Tensor, kind: str, tau: float, scope: str) -> torch.Tensor:
    """One user, m [K, d] of unit rows."""
    count = len(m)
    s = [[float(m[k] @ m[j]) / tau for j in range(count)] for k in range(count)]
    far = [[-float((m[k] - m[j]).abs().sum()) / tau for j in range(count)] for k in range(count)]

    def centre(values: list[list[float]], k: int) -> float:
        chosen = values[k] if scope == "row" else [value for row in values for value in row]
        return sum(chosen) / len(chosen)

    refined = torch.zeros_like(m)
    for k in range(count):
        for j in range(count):
            if kind == "scaled_cosine":
                weight = math.exp(s[k][j]) / sum(math.exp(value) for value in s[k])
            else:
                likeness, distance = s[k][j] - centre(s, k), far[k][j] - centre(far, k)
                weight = math.tanh(likeness) / (1 + math.exp(-distance))
            refined[k] += weight * m[j]
        refined[k] += m[k]
    return normalize(refined, dim=-1)


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("kind", "scope"), [("scaled_cosine", "row"), ("coda", "row"), ("coda", "all")])
def test_it_equals_the_loops(
    kind: Literal["scaled_cosine", "coda"], scope: Literal["row", "all"], tau: float, repeats: int
) -> None:
    m = prototypes()
    expected = m
    for _ in range(repeats):
        expected = torch.stack([by_loops(user, kind, tau, scope) for user in expected])
    torch.testing.assert_close(refine(m, kind, tau, repeats, scope), expected, rtol=1e-10, atol=1e-12)


def test_a_cold_scaled_cosine_and_none_change_nothing() -> None:
    m = prototypes()
    assert torch.equal(refine(m, "none", 0.5, 3, "row"), m)
    torch.testing.assert_close(refine(m, "scaled_cosine", 0.001, 2, "row"), m)


@pytest.mark.parametrize("kind", ["scaled_cosine", "coda"])
def test_one_prototype_has_nobody_to_attend_to(kind: Literal["scaled_cosine", "coda"]) -> None:
    m = prototypes(1)
    torch.testing.assert_close(refine(m, kind, 0.5, 1, "row"), m)


@pytest.mark.parametrize("kind", ["scaled_cosine", "coda"])
def test_equal_prototypes_and_zeros_give_finite_gradients(kind: Literal["scaled_cosine", "coda"]) -> None:
    m = torch.zeros(2, 3, 4, dtype=torch.float64)
    m[0, :, 0] = 1
    m.requires_grad_()
    refine(m, kind, 0.1, 2, "row").square().sum().backward()
    assert m.grad is not None
    assert m.grad.isfinite().all()
