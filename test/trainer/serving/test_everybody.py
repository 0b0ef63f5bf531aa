import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from trainer.data.dataset import Dataset
from trainer.errors import CheckpointCorrupt
from trainer.serving import everybody
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.everybody import by_activity, lists_of
from trainer.serving.person import NOTHING, known_user, with_live
from trainer.serving.question import Question


def listed(
    loaded: LoadedCheckpoint, rows: np.ndarray, depth: int, explain: bool, whole: bool = False
) -> dict[int, list[tuple]]:
    """Each user's list as (column, score, shares, because)."""
    found = {}
    for some in lists_of(loaded, rows, depth, explain, whole):
        ends = np.cumsum(some.counts)
        for row, start, end in zip(some.rows.tolist(), ends - some.counts, ends, strict=True):
            shares = [[]] * (end - start) if some.shares is None else some.shares[start:end].tolist()
            because = [[]] * (end - start) if some.because is None else some.because[start:end].tolist()
            reasons = [[column for column in reason if column >= 0] for reason in because]
            pairs = (some.columns[start:end].tolist(), some.scores[start:end].tolist())
            found[row] = list(zip(*pairs, shares, reasons, strict=True))
    return found


@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize("name", ["plain", "constant"])
def test_lists_are_what_each_user_would_be_answered(
    name: str, explain: bool, toy: Dataset, request: pytest.FixtureRequest
) -> None:
    loaded = request.getfixturevalue(name)
    rows = np.array([4, 29, 0, 7])
    found = listed(loaded, rows, 25, explain)
    assert list(found) == rows.tolist()
    for row, items in found.items():
        person = known_user(toy, toy.users.id(row))
        [answer] = loaded.rank([Question(person, n=25, excluded=person.seen, explain=explain)])
        ranked = list(answer.ranked.items())
        assert [column for column, *_ in items] == [item.column for item in ranked]
        assert [because for *_, because in items] == [item.because for item in ranked]
        np.testing.assert_allclose([score for _, score, *_ in items], [item.score for item in ranked], rtol=1e-5)
        np.testing.assert_allclose([shares for *_, shares, _ in items], [item.shares for item in ranked], rtol=1e-5)
    assert any(because for items in found.values() for *_, because in items) == (explain and name == "plain")


@pytest.mark.parametrize("name", ["plain", "constant"])
def test_lists_by_the_whole_history_are_what_each_user_would_be_answered_by_it(
    name: str, toy: Dataset, request: pytest.FixtureRequest
) -> None:
    loaded = request.getfixturevalue(name)
    rows = np.array([4, 29, 0, 7])
    found = listed(loaded, rows, 25, True, whole=True)
    assert list(found) == rows.tolist()
    for row, items in found.items():
        person = with_live(toy, row, NOTHING) if name == "plain" else known_user(toy, toy.users.id(row))
        [answer] = loaded.rank([Question(person, n=25, excluded=person.seen, explain=True)])
        ranked = list(answer.ranked.items())
        assert [column for column, *_ in items] == [item.column for item in ranked]
        assert [because for *_, because in items] == [item.because for item in ranked]
        np.testing.assert_allclose([score for _, score, *_ in items], [item.score for item in ranked], rtol=1e-5)
    assert (found == listed(loaded, rows, 25, True)) == (name == "constant")


def test_a_list_ends_where_no_item_is_left(plain: LoadedCheckpoint, toy: Dataset) -> None:
    found = listed(plain, np.arange(30), 1000, explain=True)
    for row, items in found.items():
        seen = set(known_user(toy, toy.users.id(row)).seen.tolist())
        assert {column for column, *_ in items} == set(range(200)) - seen


def test_the_most_active_come_first_and_equals_by_row(toy: Dataset) -> None:
    order = by_activity(toy).tolist()
    counts = np.diff(toy.train.indptr)
    assert order == sorted(range(30), key=lambda row: (-counts[row], row))


def test_a_chunk_fits_a_message(plain: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = listed(plain, np.arange(30), 20, explain=True)
    monkeypatch.setattr(everybody, "MOST_SECONDS", math.inf)
    monkeypatch.setattr(everybody, "MOST_BYTES", 20 * (20 + 4 * 3) * 4)  # four users of K = 3
    assert [len(some.rows) for some in lists_of(plain, np.arange(30), 20, True)] == [4] * 7 + [2]
    in_parts = listed(plain, np.arange(30), 20, explain=True)
    assert {row: [c for c, *_ in items] for row, items in in_parts.items()} == {
        row: [c for c, *_ in items] for row, items in whole.items()
    }


def test_what_comes_meanwhile_waits_no_longer_than_it_should(
    plain: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each list takes 10 ms here, so that three fit."""
    rank_rows = plain.rank_rows
    monkeypatch.setattr(
        plain, "rank_rows", lambda rows, *rest: replace(rank_rows(rows, *rest), seconds=0.00999 * len(rows))
    )
    assert [len(some.rows) for some in lists_of(plain, np.arange(30), 5, False)] == [16, 3, 3, 3, 3, 2]


def test_scores_that_are_not_finite_are_refused(plain: LoadedCheckpoint) -> None:
    with torch.no_grad():
        plain.model.items[17] = torch.nan  # type: ignore[index,operator]
    with pytest.raises(CheckpointCorrupt, match="not finite"):
        next(lists_of(plain, np.arange(3), 5, explain=True))
