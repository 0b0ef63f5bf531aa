"""What cannot be asked of a comparison."""

from dataclasses import replace
from typing import Any

import pytest

from trainer.errors import InvalidRequest
from trainer.evaluation.comparing import ComparedGroup, ComparedRun, CompareRequest

ONE, TWO, THREE = (ComparedRun(f"run {seed}", seed, "k", "s") for seed in (1, 2, 3))


@pytest.mark.parametrize(("groups", "changes", "place"), [
    ([[ONE]], {}, "groups"),
    ([[ONE], []], {}, "groups[1].runs"),
    ([[ONE], [ONE]], {}, "groups[1].runs[0].run_id"),
    ([[ONE], [TWO, replace(TWO, run_id="run 3")]], {}, "groups[1].runs[1].seed"),
    ([[ONE], [TWO]], {"baseline": 2}, "baseline"),
    ([[ONE], [TWO]], {"baseline": -2}, "baseline"),
    ([[ONE], [TWO]], {"metrics": ()}, "metrics"),
    ([[ONE], [TWO]], {"metrics": ("recall@2", "recall@2")}, "metrics"),
    ([[ONE], [TWO]], {"metrics": tuple(f"recall@{n}" for n in range(1001))}, "groups"),
    ([[ONE, TWO], [THREE]], {"metrics": tuple(f"recall@{n}" for n in range(700)), "draws": 100_000}, "draws"),
    ([[ONE], [TWO]], {"draws": 99}, "draws"),
    ([[ONE], [TWO]], {"draws": 100_001}, "draws"),
    ([[ONE], [TWO]], {"seed": -1}, "seed"),
])  # fmt: skip
def test_wrong_requests_name_their_field(groups: list[list[ComparedRun]], changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CompareRequest(
            **{
                "dataset_key": "d", "groups": tuple(ComparedGroup("group", tuple(runs)) for runs in groups),
                "baseline": 1, "metrics": ("recall@2",), **changes,
            }
        )  # fmt: skip
    assert caught.value.field == place
