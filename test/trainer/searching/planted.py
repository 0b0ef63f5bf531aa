"""A search with a best configuration that is known, and how far a strategy comes in it."""

import json
import math
from collections.abc import Callable

from trainer.searching import Plan, Space, Trial, TrialState, in_range, one_of
from trainer.searching.proposing import propose

SPACE = Space((
    in_range("rate", 1e-4, 1, log=True, integer=False, step=0, field_at=""),
    one_of("k", ["2", "4", "8", "16"], field_at=""),
    in_range("layers", 1, 5, log=False, integer=True, step=0, field_at=""),
    in_range("drop", 0, 0.9, log=False, integer=False, step=0.1, field_at=""),
))  # fmt: skip


def value(chosen: dict[str, float]) -> float:
    """1 at rate 0.01, k 8, layers 3 and drop 0.3; the rate matters most, the layers least."""
    rate = math.exp(-(math.log10(chosen["rate"] / 0.01) ** 2))
    k = {2: 0.6, 4: 0.8, 8: 1.0, 16: 0.9}[int(chosen["k"])]
    return rate * k * (1 - abs(chosen["layers"] - 3) / 10) * (1 - abs(chosen["drop"] - 0.3) / 2)


def trial(plan: Plan, number: int, chosen: str, *values: float, state: TrialState = TrialState.COMPLETE) -> Trial:
    return Trial(number, state, values, plan.space.read(chosen, "chosen"))


def searched(
    plan: Plan, trials: int, together: int = 1, objective: Callable[[dict[str, float]], float] = value
) -> list[Trial]:
    """together: trials that run at once; each is told once it has ended."""
    told: list[Trial] = []
    for number in range(trials):
        known = [
            one if one.number <= number - together else Trial(one.number, TrialState.RUNNING, (), one.chosen)
            for one in told
        ]
        chosen = plan.space.written(propose(plan, known, number))
        told.append(trial(plan, number, chosen, objective(json.loads(chosen))))
    return told
