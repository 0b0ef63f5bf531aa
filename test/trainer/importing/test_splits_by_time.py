"""Splits by time against slow ones that are written from their definitions (docs/living-data.md)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.dataset import PARTS
from trainer.data.importing.interactions import NAMES, Interactions
from trainer.data.importing.rule import LeaveLastSplit, StrongSplit, TemporalSplit
from trainer.data.importing.split import cuts_of, split_by_time

Bring = Callable[..., Any]
Entry = tuple[int, int, int]  # user, item, time
Parts = dict[str, set[Entry]]

USERS, ITEMS = 6, 9
# Few different times, so that many are equal.
entries = st.dictionaries(
    st.tuples(st.integers(0, USERS - 1), st.integers(0, ITEMS - 1)), st.integers(-3, 5), min_size=1
).map(lambda found: [(user, item, at) for (user, item), at in sorted(found.items())])


def split(found: list[Entry], rule: Any) -> Parts:
    users, items, at = (np.array(column, np.int64) for column in zip(*found, strict=True))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=USERS))])
    whole = Interactions(indptr, items.astype(np.int32), np.zeros(len(found), np.int8), at, ITEMS)
    cuts = cuts_of(at, rule) if isinstance(rule, TemporalSplit) else ()
    part = split_by_time(whole, rule, cuts).tolist()
    names = NAMES if isinstance(rule, StrongSplit) else PARTS
    return {
        name: {one for one, place in zip(found, part, strict=True) if place == number}
        for number, name in enumerate(names)
    }


def by_user(found: list[Entry]) -> dict[int, list[Entry]]:
    """Oldest first; of equal times the smaller item first."""
    users = {user for user, _, _ in found}
    return {u: sorted((one for one in found if one[0] == u), key=lambda one: (one[2], one[1])) for u in users}


@settings(deadline=None)
@given(entries)
def test_leave_last(found: list[Entry]) -> None:
    expected: Parts = {"train": set(), "valid": set(), "test": set()}
    for own in by_user(found).values():
        rest = list(own)
        if len(own) >= 2:
            expected["test"].add(rest.pop())
        if len(own) >= 3:
            expected["valid"].add(rest.pop())
        expected["train"].update(rest)
    assert split(found, LeaveLastSplit(kind="leave_last")) == expected


@settings(deadline=None)
@given(entries, st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)).map(sorted))
def test_temporal_at_quantiles(found: list[Entry], quantiles: list[float]) -> None:
    times = sorted(at for _, _, at in found)
    first, second = (times[math.floor(len(times) * quantile + 1e-9)] for quantile in quantiles)
    expected: Parts = {"train": set(), "valid": set(), "test": set()}
    for one in found:
        expected["train" if one[2] < first else "valid" if one[2] < second else "test"].add(one)
    assert split(found, TemporalSplit(kind="temporal", quantiles=quantiles)) == expected


@settings(deadline=None)
@given(entries)
def test_temporal_at_given_times(found: list[Entry]) -> None:
    rule = TemporalSplit(kind="temporal", at=["1970-01-01", "1970-01-01T00:00:00.002Z"])
    assert split(found, rule) == {
        "train": {one for one in found if one[2] < 0},
        "valid": {one for one in found if 0 <= one[2] < 2},
        "test": {one for one in found if one[2] >= 2},
    }


@settings(deadline=None)
@given(entries, st.integers(0, 1000), st.sampled_from([[0.8, 0.1, 0.1], [0.5, 0.25, 0.25], [0.4, 0, 0.6]]))
def test_strong(found: list[Entry], seed: int, ratios: list[float]) -> None:
    """Who is held out is chance; how many, and what becomes of whom, is not."""
    parts = split(found, StrongSplit(kind="strong", ratios=ratios, seed=seed))
    able = {user: own for user, own in by_user(found).items() if len(own) >= 2}
    held_out: dict[str, set[int]] = {name: {user for user, _, _ in parts[name]} for name in ("valid", "test")}
    test = min(max(math.floor(len(able) * ratios[2] + 1e-9), 1), len(able))
    valid = max(math.floor(len(able) * ratios[1] + 1e-9), 1) if ratios[1] else 0
    assert (len(held_out["test"]), len(held_out["valid"])) == (test, min(valid, len(able) - test))
    assert not held_out["test"] & held_out["valid"]
    assert held_out["test"] | held_out["valid"] <= able.keys()
    expected: Parts = {"train": set(), "valid": set(), "test": set(), "fold_in": set()}
    for user, own in by_user(found).items():
        part = next((name for name, users in held_out.items() if user in users), None)
        if part is None:
            expected["train"].update(own)
            continue
        folded = min(max(math.floor(0.8 * len(own) + 1e-9), 1), len(own) - 1)
        expected["fold_in"].update(own[:folded])
        expected[part].update(own[folded:])
    assert parts == expected
    assert split(found, StrongSplit(kind="strong", ratios=ratios, seed=seed)) == parts


def test_the_seed_chooses_who_is_held_out() -> None:
    found = [(user, item, item) for user in range(USERS) for item in range(3)]
    chosen = {
        frozenset(user for user, _, _ in split(found, StrongSplit(kind="strong", seed=seed))["test"])
        for seed in range(20)
    }
    assert len(chosen) > 2


TABLE = "user,item,at\n" + "".join(
    f"u{user:02},i{item:02},{1_577_836_800 + 100 * ((7 * item + 13 * user) % 101)}\n"
    for user in range(40)
    for item in range(user % 3, 20, 2)
)


@pytest.mark.parametrize("kind", ["leave_last", "temporal", "strong"])
def test_a_split_by_time_is_a_dataset_of_its_own(bring: Bring, kind: str) -> None:
    """Row order makes no difference; the kind does, to the digest that numbers are compared under."""
    rule = f'{{"split": {{"kind": "{kind}"}}}}'
    data = bring(rule, interactions=TABLE).dataset
    rows = TABLE.splitlines()
    turned = bring(rule, interactions="\n".join([rows[0], *reversed(rows[1:])])).dataset
    assert data.split_digest == turned.split_digest
    assert data.split_digest != bring(interactions=TABLE).dataset.split_digest
    statistics = data.statistics
    assert statistics["interactions"] == sum(statistics[name] for name in data.parts)
    assert statistics["interactions"] + statistics["cold_dropped"] == len(rows) - 1
    assert {name: len(at) for name, at in data.times.items()} == {name: part.nnz for name, part in data.parts.items()}
    assert (data.held_out is not None) == (kind == "strong")
    assert len(statistics["times"]["cuts_ms"]) == (2 if kind == "temporal" else 0)


def test_a_strong_split_keeps_held_out_users_out_of_train_and_folds_them_in(bring: Bring) -> None:
    data = bring('{"split": {"kind": "strong", "seed": 3}}', interactions=TABLE).dataset
    held = data.held_out
    assert np.diff(data.train.indptr)[held].sum() == 0
    assert (np.diff(data.history.indptr) > 0).all()
    assert data.statistics["fold_in"] == data.fold_in.nnz > 0
    for row in np.flatnonzero(held):
        last_known = max(data.times["fold_in"][data.fold_in.indptr[row] : data.fold_in.indptr[row + 1]])
        for name in ("valid", "test"):
            part = getattr(data, name)
            assert (data.times[name][part.indptr[row] : part.indptr[row + 1]] > last_known).all()


def test_what_is_folded_in_belongs_to_the_split(bring: Bring) -> None:
    """The same train, validation and test after another history are other numbers."""
    rule = '{"split": {"kind": "strong", "seed": 3}}'
    data = bring(rule, interactions=TABLE).dataset
    row = int(np.flatnonzero(data.held_out)[0])
    an_id = data.users.id(row)
    first = data.items.id(int(data.fold_in[row].indices[0]))
    met = data.met(slice(row, row + 1)).indices
    spare = data.items.id(next(column for column in range(len(data.items)) if column not in met))
    other = bring(rule, interactions=TABLE.replace(f"{an_id},{first},", f"{an_id},{spare},")).dataset
    for name in ("train", "valid", "test"):
        assert (getattr(data, name) != getattr(other, name)).nnz == 0
    assert data.split_digest != other.split_digest


def test_a_temporal_split_says_how_much_of_test_is_new(bring: Bring) -> None:
    late = "".join(f"new{user},i{user:02},{1_577_900_000 + user}\n" for user in range(60))
    outcome = bring('{"split": {"kind": "temporal"}}', interactions=TABLE + late)
    assert (outcome.code, "users of test are not in train" in outcome.message) == ("dataset_too_small", True)
    some = "".join(f"new{user},i{user % 20:02},{1_577_900_000 + user}\n" for user in range(15))
    outcome = bring('{"split": {"kind": "temporal"}}', interactions=TABLE + some)
    assert [one.code for one in outcome.problems] == ["cold_test"]
    assert outcome.counts["cold_dropped"] >= 15
