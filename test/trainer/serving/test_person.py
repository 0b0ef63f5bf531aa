"""Whole histories: what a person has met in every part and since, written once more from its description."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from trainer.data.cold import Cold
from trainer.data.dataset import MOST_WHOLE, Dataset
from trainer.data.tags import Tags
from trainer.errors import UnknownUser
from trainer.evaluation.evaluate import MaskRule, Questions
from trainer.evaluation.reference import Reference
from trainer.serving.person import cold_history, masked, only_live, whole_history, with_live


def parts(data: Dataset, row: int) -> list[set[int]]:
    return [set(part[row].indices.tolist()) for part in (data.train, data.valid, data.test)]


@pytest.mark.parametrize("row", [0, 7, 29])
@pytest.mark.parametrize("live", [[], [5], [199, 3, 0, 77]])
def test_all_parts_and_what_is_live_join(toy: Dataset, row: int, live: list[int]) -> None:
    met = set.union(*parts(toy, row))
    person = with_live(toy, row, np.array(live, dtype=np.int64))
    assert person.history.tolist() == sorted(met | set(live))
    assert set(person.seen.tolist()) == met | set(live)
    shown = person.history[person.order].tolist()
    assert shown == [*sorted(met - set(live)), *live]
    assert person.user == -1


def test_who_has_met_nothing_else_stays_in_their_row(toy: Dataset) -> None:
    empty = csr_matrix(toy.train.shape, dtype=np.float32)
    data = replace(toy, valid=empty, test=empty)
    assert with_live(data, 3, np.empty(0, dtype=np.int64)).user == 3
    known = int(data.train[3].indices[0])
    again = with_live(data, 3, np.array([known]))
    assert (again.user, again.seen.tolist()) == (3, sorted(parts(data, 3)[0]))


def test_of_too_many_the_newest_stay() -> None:
    items = 3 * MOST_WHOLE
    order = np.random.default_rng(3).permutation(items)
    cuts = {"live": order[:300], "test": order[300:700], "valid": order[700:900], "train": order[900:2000]}

    class Data:
        times = None
        parts: ClassVar[dict[str, csr_matrix]] = {}

    for name in ("train", "valid", "test"):
        row = np.zeros((1, items), dtype=np.float32)
        row[0, cuts[name]] = 1
        Data.parts[name] = csr_matrix(row)
    found = whole_history(Data, 0, cuts["live"])  # type: ignore[arg-type]
    assert (found.size, np.all(np.diff(found) > 0)) == (MOST_WHOLE, True)
    newer = set(np.concatenate([cuts["live"], cuts["test"], cuts["valid"]]).tolist())
    assert newer < set(found.tolist()) <= newer | set(cuts["train"].tolist())


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
        live = np.array([199, 0])
        person = with_live(data, row, live)
        assert person.user == -1
        shown = person.history[person.order].tolist()
        older = shown[:-2]
        assert shown[-2:] == live.tolist()
        assert set(older) == set(at) - set(live.tolist())
        assert older == sorted(older, key=lambda column: (at[column], column))


def test_of_a_person_known_by_that_alone_the_newest_stay() -> None:
    live = np.random.default_rng(4).permutation(5 * MOST_WHOLE)
    person = only_live(live)
    assert person.history[person.order].tolist() == live[-MOST_WHOLE:].tolist()
    assert person.seen.tolist() == list(range(5 * MOST_WHOLE))


def test_who_came_too_late_for_training_is_known_by_what_they_have_met(toy: Dataset) -> None:
    users, items = toy.train.shape
    # A known user with a new item, a new user with two known items and that one.
    rows, columns = [3, users, users, users], [items, 7, 5, items]
    pairs = csr_matrix((np.ones(4, np.float32), (rows, columns)), (users + 1, items + 1))
    at = np.array([9, 6, 2, 8])  # of the new user: item 5, 7 and the new one, in the order of the columns
    data = replace(toy, cold=Cold(pairs, pa.array(["late"]), pa.array(["new"]), [""], Tags.none(1), at))
    assert cold_history(data, "late").tolist() == [7, 5]
    assert cold_history(data, "user 3").tolist() == []
    assert cold_history(toy, "late").tolist() == []
    again = only_live(np.array([7, 5, 199, 7]))
    assert again.history[again.order].tolist() == [5, 199, 7]


@pytest.mark.parametrize("rule", ["train", "train+valid"])
def test_the_same_is_masked_as_in_the_test(toy: Dataset, rule: MaskRule) -> None:
    seen = Questions.of(Reference(toy), ["test"], [rule]).seen[rule]
    for row in range(len(toy.users)):
        assert masked(toy, toy.users.id(row), rule).tolist() == np.sort(seen[row].indices).tolist()
    with pytest.raises(UnknownUser):
        masked(toy, "nobody", rule)
