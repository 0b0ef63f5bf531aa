"""Asynchronous successive halving, beside Optuna's own."""

import math

import numpy as np
import optuna
import pytest

from trainer.errors import InvalidRequest
from trainer.searching import Halving, Trial, TrialState, rung_of_end

optuna.logging.set_verbosity(optuna.logging.WARNING)


def running(number: int, *values: float, state: TrialState = TrialState.RUNNING) -> Trial:
    return Trial(number, state, values)


@pytest.mark.parametrize(("least", "factor"), [(1, 2), (1, 3), (2, 3), (3, 4)])
def test_it_judges_as_optuna_does(least: int, factor: int) -> None:
    """Epochs of forty trials in any order, ties and NaN among them."""
    rng = np.random.default_rng(least * 10 + factor)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=least, reduction_factor=factor)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    theirs = [study.ask() for _ in range(40)]
    ours = [running(number) for number in range(40)]
    goes_on, decisions = set(range(40)), 0
    while goes_on:
        number = int(rng.choice(sorted(goes_on)))
        value = math.nan if rng.random() < 0.02 else round(float(rng.normal(number % 7, 2)), 1)
        ours[number] = running(number, *ours[number].values, value)
        epoch = len(ours[number].values)
        theirs[number].report(value, epoch)
        expected = theirs[number].should_prune()
        assert rung_of_end(ours, number, Halving(least, factor)) == (epoch if expected else 0)
        decisions += 1
        if expected or epoch == 40:
            goes_on.remove(number)
    assert decisions > 80


def test_about_one_of_a_factor_goes_on() -> None:
    rng = np.random.default_rng(3)
    for factor in (2, 3, 4):
        promoted = []
        for _ in range(20):
            trials = [running(number, value) for number, value in enumerate(rng.normal(size=120))]
            alive = [n for n in range(120) if rung_of_end(trials[: n + 1], n, Halving(1, factor)) == 0]
            promoted.append(len(alive) / 120)
        assert abs(np.mean(promoted) - 1 / factor) < 0.04


def test_rungs_lie_at_powers_of_the_factor_and_nowhere_else() -> None:
    best, worst = [1.0] * 60, [0.0] * 60
    found = [
        epoch
        for epoch in range(1, 61)
        if rung_of_end([running(0, *best), running(1, *worst[:epoch])], 1, Halving(2, 3)) == epoch
    ]
    assert found == [2, 6, 18, 54]


def test_what_is_no_number_falls_out_at_its_rung_and_competes_with_nobody() -> None:
    halving = Halving(2, 3)
    assert rung_of_end([running(0, math.nan)], 0, halving) == 0
    assert rung_of_end([running(0, 0.1, math.nan)], 0, halving) == 2
    assert rung_of_end([running(0, 0.1, math.inf)], 0, halving) == 2
    lost = [running(number, 0.9, math.nan) for number in range(1, 5)]
    assert rung_of_end([running(0, 0.1, 0.1), *lost], 0, halving) == 0


def test_pruned_and_complete_ones_compete_and_failed_ones_do_not() -> None:
    for state in TrialState:
        other = running(1, 0.9, state=state)
        assert rung_of_end([running(0, 0.1), other], 0, Halving(1, 3)) == (state is not TrialState.FAILED)


def test_equal_values_go_on_together() -> None:
    trials = [running(number, 0.5) for number in range(9)]
    assert [rung_of_end(trials, number, Halving(1, 3)) for number in range(9)] == [0] * 9


@pytest.mark.parametrize(("number", "trials"), [(1, [running(0, 0.5)]), (0, [running(0)]), (0, [])])
def test_who_is_judged_is_told_with_an_epoch(number: int, trials: list[Trial]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rung_of_end(trials, number, Halving(1, 3))
    assert caught.value.field == "number"


@pytest.mark.parametrize(
    ("least", "factor", "field"), [(0, 3, "least_epochs"), (-1, 3, "least_epochs"), (1, 1, "factor")]
)
def test_wrong_rungs_are_refused(least: int, factor: int, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Halving(least, factor)
    assert caught.value.field == f"halving.{field}"
