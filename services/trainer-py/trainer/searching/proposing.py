"""What a trial tries: drawn by Optuna (Akiba et al., KDD 2019), by itself or by tree-structured Parzen estimators (TPE;
Bergstra et al., NeurIPS 2011; Watanabe, arXiv 2304.11127)."""

from __future__ import annotations

import numpy as np
from optuna import Study
from optuna.samplers import RandomSampler, TPESampler

from ..errors import InvalidRequest
from .plan import Plan, Trial
from .space import Places
from .study import distributions, places_of, study_of

# Draws of a sampler that lead to what was tried before; then whatever is left is as good.
DRAWS = 20
# TPE learns from so many trials before it draws by what it knows.
RANDOM_TRIALS = 10


def propose(plan: Plan, trials: list[Trial], number: int) -> Places:
    """Of trial `number`. It follows from the arguments alone, and is no other trial's as long as there is a
    configuration left. Trials that run count as bad ones (constant liar), so that those that run together differ.
    Raises InvalidRequest where trial `number` is told already."""
    if number < 0:
        raise InvalidRequest(f"trials are numbered from 0, not {number}", field="number")
    if any(trial.number == number for trial in trials):
        raise InvalidRequest(f"trial {number} asks and is told", field="number")
    tried = {trial.chosen for trial in trials if trial.chosen is not None}
    seeds = np.random.SeedSequence([plan.seed, number])
    study = _study(plan, trials, int(seeds.generate_state(1)[0]))
    known = distributions(plan)
    for _ in range(DRAWS):
        # What is drawn in vain runs on in this study: the liar leads the next draw away from it.
        drawn = places_of(plan, study.ask(known).params)
        if drawn not in tried:
            return drawn
    return _left(plan, tried, np.random.default_rng(seeds)) or drawn


def _study(plan: Plan, trials: list[Trial], seed: int) -> Study:
    if plan.strategy == "random":
        return study_of(plan, [], RandomSampler(seed=seed))
    sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=RANDOM_TRIALS)
    return study_of(plan, trials, sampler)


def _left(plan: Plan, tried: set[Places], rng: np.random.Generator) -> Places | None:
    """The first that nobody has tried, from a random one on; None where there is none, or the space has no end."""
    count = plan.space.count
    if count is None or len(tried) >= count:
        return None
    # Beyond 2^63 numpy draws no number; no search comes near it.
    start = int(rng.integers(min(count, 2**63 - 1)))
    candidates = (plan.space.configuration((start + step) % count) for step in range(len(tried) + 1))
    return next(places for places in candidates if places not in tried)
