"""Whole histories: what a person has met in every part and since, written once more from its description."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from trainer.data.cold import Cold
from trainer.data.dataset import MOST_WHOLE, NO_TIME, Dataset
from trainer.data.tags import Tags
from trainer.errors import UnknownUser
from trainer.evaluation.evaluate import MaskRule, Questions
from trainer.evaluation.reference import Reference
from trainer.serving.person import (
    LATEST,
    NOTHING,
    Met,
    Person,
    cold_of,
    held_among,
    interactions_of,
    masked,
    met_unknown,
    only_met,
    since,
    with_live,
)


def untimed(*columns: int) -> Met:
    return Met(np.array(columns, dtype=np.int64), np.full(len(columns), LATEST))


def shown(person: Person) -> list[int]:
    return [int(column) for column in person.history[person.order]]


def parts(data: Dataset, row: int) -> list[set[int]]:
    return [set(part[row].indices.tolist()) for part in (data.train, data.valid, data.test)]


@pytest.mark.parametrize("row", [0, 7, 29])
@pytest.mark.parametrize("live", [[], [5], [199, 3, 0, 77]])
def test_all_parts_and_what_is_live_join(toy: Dataset, row: int, live: list[int]) -> None:
    met = set.union(*parts(toy, row))
    person = with_live(toy, row, untimed(*live))
    assert person.history.tolist() == sorted(met | set(live))
    assert set(person.seen.tolist()) == met | set(live)
    assert shown(person) == [*sorted(met - set(live)), *live]
    assert person.user == -1


def test_who_has_met_nothing_else_stays_in_their_row(toy: Dataset) -> None:
    empty = csr_matrix(toy.train.shape, dtype=np.float32)
    data = replace(toy, valid=empty, test=empty)
    assert with_live(data, 3, NOTHING).user == 3
    known = int(data.train[3].indices[0])
    again = with_live(data, 3, untimed(known))
    assert (again.user, again.seen.tolist()) == (3, sorted(parts(data, 3)[0]))


def test_of_too_many_the_newest_stay() -> None:
    items = 3 * MOST_WHOLE
    order = np.random.default_rng(3).permutation(items)
    cuts = {"live": order[:300], "test": order[300:700], "valid": order[700:900], "train": order[900:2000]}

    class Data:
        times = held_out = None
        parts: ClassVar[dict[str, csr_matrix]] = {}
        history: ClassVar[csr_matrix]

    for name in ("train", "valid", "test"):
        row = np.zeros((1, items), dtype=np.float32)
        row[0, cuts[name]] = 1
        Data.parts[name] = csr_matrix(row)
    Data.history = Data.parts["train"]
    newer = set(np.concatenate([cuts["live"], cuts["test"], cuts["valid"]]).tolist())
    # Whatever their times are, where those of the dataset are not known.
    for at in (np.full(300, LATEST), np.arange(300)):
        person = with_live(Data, 0, Met(cuts["live"], at))  # type: ignore[arg-type]
        found = person.history
        assert (found.size, np.all(np.diff(found) > 0)) == (MOST_WHOLE, True)
        assert newer < set(found.tolist()) <= newer | set(cuts["train"].tolist())
        assert shown(person)[-300:] == cuts["live"].tolist()


def test_where_times_are_known_they_say_what_is_newer_whatever_the_part(toy: Dataset) -> None:
    rng = np.random.default_rng(5)
    folded = csr_matrix(toy.test.shape, dtype=np.float32)
    held_out = 11
    folded[held_out] = toy.train[held_out]
    train = toy.train.copy()
    train[held_out] = 0
    train.eliminate_zeros()
    some = replace(toy, train=train, fold_in=folded.tocsr())
    times = {name: rng.integers(0, 4, part.nnz) for name, part in some.parts.items()}
    data = replace(some, times=times)
    for row in (3, held_out):
        at = {
            int(column): int(when)
            for name, part in data.parts.items()
            for column, when in zip(
                part[row].indices, times[name][part.indptr[row] : part.indptr[row + 1]], strict=True
            )
        }
        person = with_live(data, row, untimed(199, 0))
        assert person.user == -1
        older = shown(person)[:-2]
        assert shown(person)[-2:] == [199, 0]
        assert set(older) == set(at) - {199, 0}
        assert older == sorted(older, key=lambda column: (at[column], column))


@pytest.mark.parametrize("seed", range(8))
def test_what_came_late_takes_its_place_by_its_time(seed: int) -> None:
    """Written once more: each item at the last time it was met; of one moment what is live is newer, what was sent
    later newer still."""
    rng = np.random.default_rng(seed)
    items, moments = 2 * MOST_WHOLE, 400
    order = rng.permutation(items)
    cuts = {"train": order[:800], "valid": order[800:900], "test": order[900:1000]}

    class Data:
        held_out = None
        parts: ClassVar[dict[str, csr_matrix]] = {}
        times: ClassVar[dict[str, np.ndarray]] = {}
        history: ClassVar[csr_matrix]

    last: dict[int, tuple[int, ...]] = {}
    for name, columns in cuts.items():
        own = np.sort(columns)
        at = rng.integers(0, moments, own.size)
        at[rng.random(own.size) < 0.05] = NO_TIME
        Data.parts[name] = csr_matrix((np.ones(own.size, np.float32), own, [0, own.size]), (1, items))
        Data.times[name] = at
        last |= {int(column): (int(when), 0, int(column)) for column, when in zip(own, at, strict=True)}
    Data.history = Data.parts["train"]
    # Some that the dataset has, and others; from before it, amid it and after it.
    live = Met(rng.choice(items, 700, replace=False), np.sort(rng.integers(-moments, 2 * moments, 700)))
    for place, (column, when) in enumerate(zip(live.columns.tolist(), live.at.tolist(), strict=True)):
        last[column] = max(last.get(column, (NO_TIME, 0, 0)), (when, 1, place))
    person = with_live(Data, 0, live)  # type: ignore[arg-type]
    assert shown(person) == sorted(last, key=lambda column: last[column])[-MOST_WHOLE:]
    assert np.all(np.diff(person.history) > 0)
    assert person.seen.tolist() == sorted(last)


def test_an_old_row_that_arrives_today_displaces_nothing_newer() -> None:
    items = MOST_WHOLE + 1

    class Data:
        held_out = None
        history = csr_matrix(np.array([[1.0] * MOST_WHOLE + [0.0]], np.float32))
        parts: ClassVar[dict[str, csr_matrix]] = {"train": history}
        times: ClassVar[dict[str, np.ndarray]] = {"train": np.arange(MOST_WHOLE) + 10}

    def given(at: int) -> list[int]:
        return shown(with_live(Data, 0, Met(np.array([items - 1]), np.array([at]))))  # type: ignore[arg-type]

    everything = list(range(MOST_WHOLE))
    assert given(9) == everything
    assert given(10) == [items - 1, *everything[1:]]
    assert given(LATEST) == [*everything[1:], items - 1]


def test_what_is_older_than_all_of_the_dataset_stands_before_it(toy: Dataset) -> None:
    first = 1_000_000
    data = replace(toy, times={name: np.arange(part.nnz) + first for name, part in toy.parts.items()})
    met = set.union(*parts(data, 7))
    others = [column for column in range(len(data.items)) if column not in met]
    before = shown(with_live(data, 7, NOTHING))
    assert shown(with_live(data, 7, Met(np.array(others), np.arange(len(others))))) == [*others, *before]
    # Met again long ago it is no newer for that.
    assert shown(with_live(data, 7, Met(np.array(before[-1:]), np.array([5])))) == before
    again = with_live(data, 7, Met(np.array(before[:1]), np.array([2 * first])))
    assert shown(again) == [*before[1:], before[0]]


def test_of_a_person_known_by_that_alone_the_newest_stay(toy: Dataset) -> None:
    live = np.random.default_rng(4).permutation(5 * MOST_WHOLE)
    person = only_met(toy, None, untimed(*live.tolist()))
    assert shown(person) == live[-MOST_WHOLE:].tolist()
    assert person.seen.tolist() == list(range(5 * MOST_WHOLE))
    person = only_met(toy, None, Met(live, -np.arange(live.size)))
    assert shown(person) == live[:MOST_WHOLE][::-1].tolist()


def test_items_are_told_by_their_ids_with_their_times(toy: Dataset) -> None:
    ids = [toy.items.id(9), "nobody knows it", toy.items.id(3), toy.items.id(9)]
    told = since(toy, ids, [4, 5, 6, 7])
    assert (told.columns.tolist(), told.at.tolist()) == ([9, 3, 9], [4, 6, 7])
    assert since(toy, ids, []).at.tolist() == [LATEST] * 3
    assert shown(only_met(toy, None, told)) == [3, 9]


def test_who_came_too_late_for_training_is_known_by_what_they_have_met(toy: Dataset) -> None:
    users, items = toy.train.shape
    # A known user with a new item, a new user with two known items and that one.
    rows, columns = [3, users, users, users], [items, 7, 5, items]
    pairs = csr_matrix((np.ones(4, np.float32), (rows, columns)), (users + 1, items + 1))
    at = np.array([9, 6, 2, 8])  # of the new user: item 5, 7 and the new one, in the order of the columns
    data = replace(toy, cold=Cold(pairs, pa.array(["late"]), pa.array(["new"]), ["New"], Tags.none(1), at))
    assert data.row_of("late") == users
    assert [cold_of(data, row).columns.tolist() for row in (users, 3, 4)] == [[7, 5, items], [items], []]
    assert cold_of(toy, 3).columns.tolist() == []
    assert [met_unknown(data, user) for user in ("late", "user 3", "user 4", "nobody")] == [["new"], ["new"], [], []]
    told = interactions_of(data, "late")
    assert [(*data.item(one.column), one.part, one.at) for one in told] == [
        ("new", "New", "cold", 8),
        (toy.items.id(5), toy.titles[5], "cold", 6),
        (toy.items.id(7), toy.titles[7], "cold", 2),
    ]
    assert held_among(data, told, [("new", 8), ("new", 9), (toy.items.id(7), 2), ("newer", 8)]) == [0, 2]
    newest, *before = interactions_of(data, "user 3")
    assert (newest.column, newest.part, newest.at) == (items, "cold", 9)
    assert before == interactions_of(toy, "user 3")
    for user in ("late", "nobody"):
        with pytest.raises(UnknownUser):
            interactions_of(toy if user == "late" else data, user)
    # What came since stands where its time says: 7 was met at 2, 5 at 6.
    assert shown(only_met(data, users, Met(np.array([11, 7, 12]), np.array([1, 3, 6])))) == [11, 7, 5, 12]
    assert shown(only_met(data, users, untimed(11, 7))) == [5, 11, 7]


@pytest.mark.parametrize("rule", ["train", "train+valid"])
def test_the_same_is_masked_as_in_the_test(toy: Dataset, rule: MaskRule) -> None:
    seen = Questions.of(Reference(toy), ["test"], [rule]).seen[rule]
    for row in range(len(toy.users)):
        assert masked(toy, toy.users.id(row), rule).tolist() == np.sort(seen[row].indices).tolist()
    with pytest.raises(UnknownUser):
        masked(toy, "nobody", rule)
