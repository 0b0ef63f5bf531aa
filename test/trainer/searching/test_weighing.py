"""Which fields matter: those that were planted."""

from typing import Literal

import pytest

from planted import SPACE, searched
from trainer.searching import Plan, Space, TrialState, in_range, one_of
from trainer.searching.weighing import weigh

FIELDS = Space((
    one_of("mode", ['"a"', '"b"', "null", "true"], field_at=""),
    in_range("log", 1e-5, 1, log=True, integer=False, step=0, field_at=""),
    in_range("whole", 1, 1000, log=True, integer=True, step=0, field_at=""),
    in_range("even", 0, 1, log=False, integer=False, step=0.25, field_at=""),
))  # fmt: skip


@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_the_planted_field_weighs_most(strategy: Literal["random", "tpe"]) -> None:
    plan = Plan(strategy, 1, SPACE)
    shares = weigh(plan, searched(plan, 50))
    assert shares[0][0] == "rate"
    assert {name for name, _ in shares} == {"rate", "k", "layers", "drop"}
    assert [share for _, share in shares] == sorted((share for _, share in shares), reverse=True)
    assert sum(share for _, share in shares) == pytest.approx(1)
    assert shares == weigh(plan, searched(plan, 50))


@pytest.mark.parametrize(
    ("field", "objective"),
    [
        ("mode", lambda chosen: float(chosen["mode"] is None)),
        ("log", lambda chosen: -abs(chosen["log"] - 1e-3)),
        ("whole", lambda chosen: -float(chosen["whole"])),
        ("even", lambda chosen: float(chosen["even"])),
    ],
)
def test_fields_of_every_kind_are_weighed(field: str, objective) -> None:  # type: ignore[no-untyped-def]
    plan = Plan("random", 3, FIELDS)
    ((first, share), *_) = weigh(plan, searched(plan, 80, objective=objective))
    assert first == field
    assert share > 0.5


def test_too_few_trials_or_no_difference_weigh_nothing() -> None:
    plan = Plan("random", 1, SPACE)
    assert weigh(plan, searched(plan, 9)) == []
    assert weigh(plan, searched(plan, 20, objective=lambda _: 0.5)) == []
    ten = searched(plan, 10)
    assert len(weigh(plan, ten)) == 4
    running = [one.__class__(one.number, TrialState.RUNNING, one.values, one.chosen) for one in ten[:1]]
    assert weigh(plan, [*running, *ten[1:]]) == []
