"""Asynchronous successive halving (ASHA; Li et al., MLSys 2020, arXiv 1810.05934, algorithm 2), as Optuna decides it: a
trial that runs is never paused, so it is judged by those that were at its rung before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InvalidRequest
from .plan import Trial, TrialState


@dataclass(frozen=True)
class Halving:
    """Rungs lie at epochs least_epochs * factor^i; the best 1/factor of those that come to one go on."""

    least_epochs: int
    factor: int

    def __post_init__(self) -> None:
        if self.least_epochs < 1:
            message = f"the first rung is at epoch 1 or later, not {self.least_epochs}"
            raise InvalidRequest(message, field="halving.least_epochs")
        if self.factor < 2:
            raise InvalidRequest(f"factor is 2 or more, not {self.factor}", field="halving.factor")

    def is_rung(self, epoch: int) -> bool:
        rung = self.least_epochs
        while rung < epoch:
            rung *= self.factor
        return rung == epoch


def rung_of_end(trials: list[Trial], number: int, halving: Halving) -> int:
    """Epoch of the rung where trial `number` falls out at the last of its epochs; 0: it goes on, as it does between
    rungs. Among equal values nobody is worse. Those that failed do not compete. Of the first factor - 1 that come to a
    rung one goes on if it is the best of them so far: somebody must. Raises InvalidRequest where it is not told."""
    judged = next((trial for trial in trials if trial.number == number), None)
    if judged is None:
        raise InvalidRequest(f"trial {number} is judged and not told", field="number")
    epoch = len(judged.values)
    if epoch == 0:
        raise InvalidRequest(f"trial {number} has no epoch to be judged by", field="number")
    if not halving.is_rung(epoch):
        return 0
    value = judged.values[-1]
    if not math.isfinite(value):
        return epoch
    others = [trial for trial in trials if trial is not judged and trial.state is not TrialState.FAILED]
    reached = [trial.values[epoch - 1] for trial in others if len(trial.values) >= epoch]
    competing = sorted([value, *filter(math.isfinite, reached)], reverse=True)
    last_that_goes_on = competing[max(len(competing) // halving.factor, 1) - 1]
    return 0 if value >= last_that_goes_on else epoch
