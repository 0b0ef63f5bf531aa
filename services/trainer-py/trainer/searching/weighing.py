"""Which fields of a search matter: PED-ANOVA (Watanabe, Bansal & Hutter, IJCAI 2023, arXiv 2304.10255)."""

from __future__ import annotations

from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from .plan import Plan, Trial, TrialState
from .study import study_of

# With fewer it is noise.
LEAST_COMPLETE = 10
# The best that the others are held against: a tenth of them, or so many where that is fewer.
_SHARE, _LEAST = 0.1, 5


def weigh(plan: Plan, trials: list[Trial]) -> list[tuple[str, float]]:
    """Share of each field in what sets the best of the complete trials apart from all of them, largest first; together
    they are 1. Empty where fewer than LEAST_COMPLETE are complete, or where all have the same value."""
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.best is not None]
    if len(complete) < LEAST_COMPLETE or len({trial.best for trial in complete}) == 1:
        return []
    evaluator = PedAnovaImportanceEvaluator(target_quantile=max(_SHARE, _LEAST / len(complete)))
    # By name in the plan's order: of a set Optuna would add up the shares in another order in each process.
    names = [dimension.field for dimension in plan.space.dimensions]
    shares = get_param_importances(study_of(plan, complete), evaluator=evaluator, params=names)
    return sorted(((name, float(shares[name])) for name in names), key=lambda pair: -pair[1])
