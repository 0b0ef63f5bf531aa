"""Values of fields: how they are counted, read and written, and what cannot be searched."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import InvalidRequest
from trainer.searching import Dimension, Plan, Space, TrialState, by_number, in_range, one_of
from trainer.searching.plan import Trial
from trainer.searching.proposing import propose

RANGE: dict[str, Any] = {"log": False, "integer": False, "step": 0.0}


def ranged(low: float, high: float, **how: Any) -> Dimension:
    return in_range("x", low, high, field_at="plan.space[0]", **{**RANGE, **how})


def values(dimension: Dimension) -> list[Any]:
    space = Space((dimension,))
    assert space.count is not None
    return [json.loads(space.written(space.configuration(number)))["x"] for number in range(space.count)]


def test_every_value_of_a_field_in_its_digits() -> None:
    assert values(ranged(0.1, 0.5, step=0.1)) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert values(ranged(0, 1, step=0.3)) == [0, 0.3, 0.6, 0.9]  # none above the end
    assert values(ranged(2, 5, integer=True)) == [2, 3, 4, 5]
    assert values(ranged(64, 256, integer=True, step=64)) == [64, 128, 192, 256]
    assert values(ranged(1, 4, integer=True, log=True)) == [1, 2, 3, 4]
    assert all(type(value) is int for value in values(ranged(2, 5, integer=True)))
    of_each_kind = ["1", "true", "null", '"1"', "0", "false", "1.5"]
    assert values(one_of("x", of_each_kind, field_at="")) == [1, True, None, "1", 0, False, 1.5]
    assert Space((ranged(0, 1), ranged(2, 5, integer=True))).count is None
    assert Space((ranged(0, 1, step=0.1), ranged(2, 5, integer=True))).count == 44


@given(
    st.floats(1e-6, 1e6),
    st.floats(1e-6, 1e6),
    st.booleans(),
    st.sampled_from([0.0, 0.1, 0.05, 0.25, 1.0]),
    st.integers(0, 2**31 - 1),
)
def test_what_is_proposed_lies_in_the_space_and_is_read_back(
    low: float, width: float, log: bool, step: float, seed: int
) -> None:
    if step >= width or low + width == low:
        step = 0.0
    if low + width == low:
        return
    space = Space((ranged(low, low + width, log=log, step=0.0 if log else step),))
    places = propose(Plan("random", seed, space), [], 0)
    text = space.written(places)
    assert low <= json.loads(text)["x"] <= low + width
    # JavaScript writes 1.0 as 1.
    as_javascript = {name: int(v) if v == int(v) else v for name, v in json.loads(text).items()}
    assert space.read(json.dumps(as_javascript), "chosen") == places


@pytest.mark.parametrize(
    ("dimension", "wrong"),
    [
        (ranged(0.1, 0.5, step=0.1), ["0.15", "0.6", "0", "true", '"0.1"', "null"]),
        (ranged(2, 5, integer=True), ["2.5", "1", "6", "false"]),
        (ranged(1, 9, integer=True, log=True), ["2.5", "0", "10"]),
        (ranged(0, 1), ["-0.1", "1.1", "true", "null", "[]"]),
        (one_of("x", ["1", '"a"'], field_at=""), ["true", '"b"', "null", "[1]", "{}"]),
    ],
)
def test_what_a_search_cannot_have_proposed_is_refused(dimension: Dimension, wrong: list[str]) -> None:
    for text in wrong:
        with pytest.raises(InvalidRequest, match="x of this search is never") as caught:
            Space((dimension,)).read(f'{{"x": {text}}}', "trials[3].chosen_json")
        assert caught.value.field == "trials[3].chosen_json"


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "{}", '{"x": 1, "y": 1}', '{"y": 1}', '{"x": NaN}', "[" * 10_000])
def test_what_was_chosen_holds_the_fields_of_the_space(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Space((ranged(0, 1),)).read(text, "trials[0].chosen_json")
    assert caught.value.field == "trials[0].chosen_json"


@pytest.mark.parametrize(
    ("low", "high", "how", "part"),
    [
        (1, 1, {}, "high"),
        (2, 1, {}, "high"),
        (float("nan"), 1, {}, "low"),
        (0, float("inf"), {}, "high"),
        (0, 1, {"log": True}, "low"),
        (-1, 1, {"log": True}, "low"),
        (0.5, 3, {"integer": True}, "low"),
        (1, 2.5, {"integer": True}, "high"),
        (1, 2**54, {"integer": True}, "high"),
        (1, 9, {"integer": True, "step": 0.5}, "step"),
        (0, 1, {"step": -0.1}, "step"),
        (0, 1, {"step": 2}, "step"),
        (0, 1, {"step": float("nan")}, "step"),
        (0, 1, {"step": 1e-300}, "step"),
        (1, 9, {"log": True, "step": 1}, "step"),
    ],
)
def test_a_wrong_range_names_its_part(low: float, high: float, how: dict[str, Any], part: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ranged(low, high, **how)
    assert caught.value.field == f"plan.space[0].range.{part}"


@pytest.mark.parametrize(
    ("texts", "place"),
    [([], ""), (["1"], ""), (["1", "[]"], "[1]"), (["1", "1.0"], "[1]"), (["1", "x"], "[1]"), (["NaN", "1"], "[0]")],
)
def test_wrong_choices_name_their_value(texts: list[str], place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        one_of("x", texts, field_at="plan.space[2]")
    assert caught.value.field == f"plan.space[2].choices.values_json{place}"


def test_a_plan_has_fields_and_none_twice() -> None:
    one = ranged(0, 1)
    for dimensions, field in (((), "plan.space"), ((one, one), "plan.space[1].field")):
        with pytest.raises(InvalidRequest) as caught:
            Plan("tpe", 1, Space(dimensions))
        assert caught.value.field == field
    with pytest.raises(InvalidRequest) as caught:
        Plan("tpe", -1, Space((one,)))
    assert caught.value.field == "plan.seed"


@pytest.mark.parametrize(("numbers", "place"), [((0, -1), 1), ((2, 1, 2), 2)])
def test_trials_have_numbers_of_their_own(numbers: tuple[int, ...], place: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        by_number([Trial(number, TrialState.RUNNING, ()) for number in numbers])
    assert caught.value.field == f"trials[{place}].number"
