"""Methods of which none is better, measured and compared by the trainer's own code: what a verdict is made of, as JSON.

A comparison is a column: 300 users, seeds of either method that vary by 0.02, and chance of each user in each run.
`apart`: by how much the first method is better in truth.
"""

import json
import sys

import numpy as np

from trainer.evaluation.comparing import intervals, seeds, significance
from trainer.evaluation.comparing.differing import differences
from trainer.evaluation.comparing.drawing import Steps
from trainer.evaluation.comparing.measured import Group

USERS, COMPARISONS, DRAWS = 300, 600, 500
OF_SEEDS, OF_USERS = 0.02, 0.2


def compared(own: int, other: int, closed_form: bool, apart: float) -> list[dict[str, object]]:
    draw, steps = np.random.default_rng([own, other, closed_form]), Steps(1, lambda done, total: None)
    people = draw.gamma(0.5, 0.4, (1, USERS, COMPARISONS))

    def measured(number: int, is_closed: bool, better: float) -> Group:
        of_seed = 0 if is_closed else draw.normal(0, OF_SEEDS, (number, 1, COMPARISONS))
        values = people + better + of_seed + draw.normal(0, OF_USERS, (number, USERS, COMPARISONS))
        return Group(values, [], is_closed)

    one, two = measured(own, False, apart), measured(other, closed_form, 0)
    difference = differences(one.user_means, two.user_means)
    p = significance.sign_flips(difference, DRAWS, np.random.default_rng(1), steps)
    ends = None
    if seeds.test_of(one, two):
        drawn = intervals.over_seeds([one.values, two.values], DRAWS, np.random.default_rng(2), steps)
        ends = intervals.percentiles(drawn[:, 0] - drawn[:, 1])
    return [
        {
            "metric": "recall@20",
            "difference": float(difference[:, place].mean()),
            # The only test of its comparison.
            "pRandomisationHolm": float(p[place]),
            "seedsInterval": None if ends is None else {"low": ends[place, 0], "high": ends[place, 1]},
        }
        for place in range(COMPARISONS)
    ]


own, other, closed, apart = sys.argv[1:]
sys.stdout.write(json.dumps(compared(int(own), int(other), closed == "closed", float(apart))))
