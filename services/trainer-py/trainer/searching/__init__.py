"""Which configuration a trial of a search tries, whether it trains on, and what its value depends on. All of it follows
from the request. Optuna takes a second to load, so that only who needs it imports `proposing` or `weighing`."""

from .halving import Halving, rung_of_end
from .plan import Plan, Trial, TrialState, by_number
from .space import Dimension, Space, in_range, one_of

__all__ = [
    "Dimension", "Halving", "Plan", "Space", "Trial", "TrialState", "by_number", "in_range", "one_of", "rung_of_end",
]  # fmt: skip
