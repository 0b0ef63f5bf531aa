"""A search as Optuna knows one, made anew of what is told: nothing is kept between two questions."""

from __future__ import annotations

import math

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, create_trial

from .plan import Plan, Trial, TrialState
from .space import Choices, Dimension, Places, Steps

# What it warns of goes the way of all logs of the process; that a study is made is no news.
optuna.logging.disable_default_handler()
optuna.logging.enable_propagation()
optuna.logging.set_verbosity(optuna.logging.WARNING)


def study_of(plan: Plan, trials: list[Trial], sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
    """Of trials that have taught or may yet teach something. More is better."""
    # A sampler of its own would be TPE seeded by the clock; who only weighs draws nothing.
    study = optuna.create_study(direction="maximize", sampler=sampler or optuna.samplers.RandomSampler(seed=0))
    known = distributions(plan)
    study.add_trials([told for trial in trials if (told := _told(trial, known)) is not None])
    return study


def distributions(plan: Plan) -> dict[str, BaseDistribution]:
    return {dimension.field: _distribution(dimension) for dimension in plan.space.dimensions}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution(range(dimension.count))
    if isinstance(dimension, Steps):
        return IntDistribution(0, dimension.count - 1)
    if dimension.integer:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _told(trial: Trial, known: dict[str, BaseDistribution]) -> FrozenTrial | None:
    if trial.chosen is None or trial.state is TrialState.FAILED:
        return None
    is_complete = trial.state is TrialState.COMPLETE
    if is_complete and trial.best is None:
        return None
    return create_trial(
        state=optuna.trial.TrialState[trial.state.name],
        params=dict(zip(known, trial.chosen, strict=True)),
        distributions=known,
        value=trial.best if is_complete else None,
        # Of those that were pruned it ranks who came further first, then by the last value.
        intermediate_values={
            epoch: value if math.isfinite(value) else math.nan for epoch, value in enumerate(trial.values, start=1)
        },
    )


def places_of(plan: Plan, params: dict[str, int | float]) -> Places:
    return tuple(params[dimension.field] for dimension in plan.space.dimensions)
