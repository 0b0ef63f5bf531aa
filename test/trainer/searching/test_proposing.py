"""What trials try: better than chance, the same after any crash, and nothing twice."""

import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

import trainer
from planted import SPACE, searched, trial, value
from trainer.errors import InvalidRequest
from trainer.searching import Plan, Space, Trial, TrialState, by_number, in_range, one_of
from trainer.searching.proposing import propose

Strategy = Literal["random", "tpe"]
BOTH: list[Strategy] = ["random", "tpe"]
SMALL = Space((
    one_of("k", ["2", "4", "8"], field_at=""),
    in_range("layers", 1, 4, log=True, integer=True, step=0, field_at=""),
    in_range("drop", 0, 0.2, log=False, integer=False, step=0.1, field_at=""),
))  # fmt: skip


def best(trials: list[Trial]) -> float:
    return max(one.best for one in trials if one.best is not None)


def test_tpe_beats_random_on_a_planted_function() -> None:
    found = {
        strategy: [best(searched(Plan(strategy, seed, SPACE), 40, together=2)) for seed in range(20)]
        for strategy in BOTH
    }
    random, tpe = (statistics.median(found[strategy]) for strategy in BOTH)
    # What is left to the best there is, 1, is less than half of it.
    assert 1 - tpe < 0.5 * (1 - random)
    better = sum(a > b for a, b in zip(found["tpe"], found["random"], strict=True))
    assert better >= 15  # of 20: by chance once in fifty


@pytest.mark.parametrize("strategy", BOTH)
def test_a_proposal_follows_from_what_is_told_alone(strategy: Strategy) -> None:
    plan = Plan(strategy, 7, SPACE)
    told = searched(plan, 25)
    # As after a crash: everything anew, in whatever order the rows come, in many threads at once.
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda number: propose(plan, by_number(told[:number][::-1]), number), range(25)))
    assert again == [one.chosen for one in told]


@pytest.mark.parametrize("strategy", BOTH)
def test_a_proposal_is_the_same_in_every_process(strategy: Strategy) -> None:
    told = searched(Plan(strategy, 3, SPACE), 14)
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]; from planted import *; "
        "print([one.chosen for one in searched(Plan(sys.argv[1], 3, SPACE), 14)])"
    )
    folders = [str(Path(__file__).parent), str(Path(trainer.__file__).parents[1])]
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-c", script, strategy, *folders]
        ended = subprocess.run(command, env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True)
        assert ended.stdout.strip() == str([one.chosen for one in told])
        assert ended.stderr == ""  # nothing of Optuna's log


def test_random_trials_do_not_depend_on_each_other() -> None:
    plan = Plan("random", 5, SPACE)
    told = searched(plan, 12)
    assert [propose(plan, [], number) for number in range(12)] == [one.chosen for one in told]
    assert propose(replace(plan, seed=6), [], 0) != told[0].chosen


@pytest.mark.parametrize("strategy", BOTH)
def test_nothing_is_proposed_twice_while_the_space_has_one_left(strategy: Strategy) -> None:
    plan = Plan(strategy, 1, SMALL)
    assert SMALL.count == 36
    told = searched(plan, 36, together=3, objective=lambda chosen: chosen["k"] - chosen["drop"])
    assert len({one.chosen for one in told}) == 36
    # With all of them tried there is still an answer.
    assert propose(plan, told, 36) in {one.chosen for one in told}


def test_what_failed_is_not_tried_again_and_teaches_nothing() -> None:
    plan = Plan("tpe", 1, SPACE)
    told = searched(plan, 15)
    proposal = propose(plan, told, 16)
    failed = trial(plan, 15, plan.space.written(proposal), 0.9, state=TrialState.FAILED)
    other = propose(plan, [*told, failed], 16)
    assert other != proposal
    elsewhere = trial(plan, 15, '{"rate": 0.5, "k": 2, "layers": 1, "drop": 0.9}', 0.9, state=TrialState.FAILED)
    assert propose(plan, [*told, elsewhere], 16) == proposal
    assert propose(plan, [*told, replace(elsewhere, state=TrialState.COMPLETE)], 16) != proposal


def test_trials_that_run_together_keep_apart() -> None:
    """Constant liar: what runs counts as bad, so that the next keeps away from it."""

    def distinct(seed: int, is_told: bool) -> int:
        """Of twelve proposals at once, those that differ in more than the rate."""
        plan = Plan("tpe", seed, SPACE)
        told = searched(plan, 30)
        running: list[Trial] = []
        for number in range(30, 42):
            chosen = plan.space.written(propose(plan, [*told, *(running if is_told else [])], number))
            running.append(trial(plan, number, chosen, state=TrialState.RUNNING))
        return len({one.chosen[1:] for one in running if one.chosen})

    told, untold = (sum(distinct(seed, is_told) for seed in range(6)) for is_told in (True, False))
    assert told > 1.2 * untold


def test_what_was_pruned_teaches_tpe_and_what_is_no_number_does_not() -> None:
    plan = Plan("tpe", 4, SPACE)
    told = searched(plan, 12)
    proposal = propose(plan, told, 12)
    half = [replace(one, state=TrialState.PRUNED) if one.number % 2 else one for one in told]
    assert propose(plan, half, 12) != proposal
    nothing = float("nan")
    lost = replace(told[0], number=20, values=(nothing, float("inf")))
    assert propose(plan, [*told, lost], 12) == proposal
    assert propose(plan, [replace(one, values=(nothing, *one.values)) for one in told], 12) == proposal


@pytest.mark.parametrize("number", [-1, 3])
def test_who_asks_has_a_number_of_its_own(number: int) -> None:
    plan = Plan("tpe", 1, SPACE)
    with pytest.raises(InvalidRequest) as caught:
        propose(plan, searched(plan, 4, objective=value), number)
    assert caught.value.field == "number"
