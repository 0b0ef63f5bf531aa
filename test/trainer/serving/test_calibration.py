"""Calibrated lists against the definition, every list there is, and the promise of submodular greed."""

from itertools import combinations

import numpy as np
import pytest

from trainer.serving.calibration import ALPHA, calibrated, divergence, pool_of, wanted_shares


def pool(seed: int, items: int, interests: int, one_hot: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores descending, shares and p."""
    chance = np.random.default_rng(seed)
    scores = np.sort(chance.normal(size=items))[::-1].copy()
    shares = np.eye(interests)[chance.integers(0, interests, items)]
    if not one_hot:
        shares = chance.dirichlet(np.full(interests, 0.5), items)
    return scores, shares, chance.dirichlet(np.ones(interests))


def merit(scores: np.ndarray, shares: np.ndarray, p: np.ndarray, n: int, strength: float, chosen: list[int]) -> float:
    """(1 - lambda)/n sum s + lambda sum_k p_k log sum_i q~_k(i), which for lists of one length is the objective."""
    normalised = (scores - scores.min()) / (scores.max() - scores.min())
    smoothed = (1 - ALPHA) * shares[chosen] + ALPHA * p
    return (1 - strength) / n * normalised[chosen].sum() + strength * float(p @ np.log(smoothed.sum(0)))


def objective(
    scores: np.ndarray, shares: np.ndarray, p: np.ndarray, n: int, strength: float, chosen: list[int]
) -> float:
    normalised = (scores - scores.min()) / (scores.max() - scores.min())
    return (1 - strength) * normalised[chosen].mean() - strength * divergence(p, shares[chosen])


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_each_item_is_the_one_that_adds_most(seed: int, strength: float) -> None:
    scores, shares, p = pool(seed, 30, 4)
    found = calibrated(scores, shares, p, 8, strength).tolist()
    chosen: list[int] = []
    for _ in range(8):
        left = [item for item in range(30) if item not in chosen]
        chosen.append(max(left, key=lambda item: merit(scores, shares, p, 8, strength, [*chosen, item])))
    assert found == chosen


@pytest.mark.parametrize("strength", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(8))
def test_where_an_item_is_of_one_interest_it_is_the_best_list_there_is(seed: int, strength: float) -> None:
    """The objective is then a sum of concave functions of how many each interest has, which greed maximises exactly."""
    scores, shares, p = pool(seed, 11, 3, one_hot=True)
    found = calibrated(scores, shares, p, 4, strength).tolist()
    best = max(objective(scores, shares, p, 4, strength, list(some)) for some in combinations(range(11), 4))
    assert objective(scores, shares, p, 4, strength, found) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("strength", [0.3, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(8))
def test_what_it_gains_over_its_first_item_is_near_the_most(seed: int, strength: float) -> None:
    scores, shares, p = pool(seed, 12, 3)
    found = calibrated(scores, shares, p, 5, strength).tolist()

    def gain(chosen: list[int]) -> float:
        return merit(scores, shares, p, 5, strength, chosen) - merit(scores, shares, p, 5, strength, found[:1])

    others = [item for item in range(12) if item != found[0]]
    most = max(gain([found[0], *some]) for some in combinations(others, 4))
    assert (1 - 1 / np.e) * most <= gain(found) <= most + 1e-12


@pytest.mark.parametrize("n", [1, 5, 20, 40])
def test_without_strength_it_is_the_best_by_score(n: int) -> None:
    scores, shares, p = pool(3, 30, 4)
    assert calibrated(scores, shares, p, n, 0.0).tolist() == list(range(min(n, 30)))


@pytest.mark.parametrize("seed", range(20))
def test_it_comes_nearer_to_the_person_the_stronger_it_is(seed: int) -> None:
    scores, shares, p = pool(seed, 200, 4)
    apart = [divergence(p, shares[calibrated(scores, shares, p, 20, strength)]) for strength in (0.0, 0.5, 1.0)]
    assert apart[2] < 0.3 * apart[0]
    assert apart[1] <= apart[0]


def test_an_interest_the_person_lacks_counts_nothing() -> None:
    scores, shares, _ = pool(1, 30, 3)
    p = np.array([0.5, 0.5, 0.0])
    assert np.isfinite(divergence(p, shares))
    assert len(set(calibrated(scores, shares, p, 10, 0.6).tolist())) == 10


def test_equal_items_stand_by_score_and_few_are_few() -> None:
    alike = np.full((4, 2), 0.5)
    assert calibrated(np.array([3.0, 2.0, 1.0, 0.0]), alike, np.array([0.9, 0.1]), 3, 1.0).tolist() == [0, 1, 2]
    assert calibrated(np.ones(4), alike, np.array([0.9, 0.1]), 9, 0.5).tolist() == [0, 1, 2, 3]
    assert calibrated(np.empty(0), np.empty((0, 2)), np.array([0.9, 0.1]), 9, 0.5).tolist() == []


def test_what_a_person_wants_follows_steering() -> None:
    held = np.array([0.5, 0.3, 0.2], dtype=np.float32)
    assert wanted_shares(held, None) == pytest.approx([0.5, 0.3, 0.2])
    assert wanted_shares(held, np.array([0.0, 1.0, 4.0])) == pytest.approx([0, 3 / 11, 8 / 11])
    # Of what is left they hold nothing: the weights alone say what they want.
    assert wanted_shares(np.array([1.0, 0.0, 0.0]), np.array([0.0, 3.0, 1.0])) == pytest.approx([0, 0.75, 0.25])


@pytest.mark.parametrize(("n", "pool_size"), [(1, 200), (20, 200), (100, 500), (300, 1000), (1000, 1000)])
def test_size_of_the_pool(n: int, pool_size: int) -> None:
    assert pool_of(n) == pool_size
