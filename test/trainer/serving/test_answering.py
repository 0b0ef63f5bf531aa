"""Steered lists, shelves, calibrated lists and previews, any of them asked together, against working them out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.contract.interest_config import ValidConfig
from trainer.contract.recommender import Histories, Recommender
from trainer.data.dataset import Dataset
from trainer.models.dgcf import DGCF, DGCFConfig
from trainer.models.valid import Valid
from trainer.serving import answering
from trainer.serving.calibration import calibrated, divergence, pool_of, wanted_shares
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.person import Person, changed, columns_of, histories_of, known_user
from trainer.serving.question import Answer, Question, RankedList, left_out

USERS, ITEMS, K = 30, 200, 3
CPU = torch.device("cpu")
BestList = Callable[[Recommender, Histories, int, set[int], np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]


NAMES = ["plain", "valid", "dgcf"]  # those with interests


@pytest.fixture(scope="module")
def checkpoints(toy: Dataset, unchanged: dict[str, LoadedCheckpoint]) -> dict[str, LoadedCheckpoint]:
    models: list[Recommender] = [
        Valid(ValidConfig(k=K, embedding_size=8, encoder_size=8), USERS, ITEMS),
        DGCF(DGCFConfig(n_factors=K, embedding_size=12), USERS, ITEMS),
    ]
    for model in models:
        model.prepare(toy.train, torch.Generator().manual_seed(2))
    return {**unchanged, **{model.name: LoadedCheckpoint(model, toy, CPU) for model in models}}


def batch_of(person: Person, weights: np.ndarray | None) -> Histories:
    return replace(histories_of([person], CPU), weights=None if weights is None else torch.from_numpy(weights)[None])


def arrays(ranked: RankedList) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return ranked.columns, ranked.scores, ranked.shares, ranked.because


def only(answers: list[Answer]) -> Answer:
    [answer] = answers
    return answer


@st.composite
def questions(draw: st.DrawFn, toy: Dataset, loaded: LoadedCheckpoint) -> Question:
    person = known_user(toy, toy.users.id(draw(st.integers(0, USERS - 1))))
    if loaded.has("fold_in") and draw(st.booleans()):
        leaving, joining = (draw(st.lists(st.integers(0, ITEMS - 1), max_size=4)) for _ in range(2))
        person = changed(person, np.array(leaving, np.int64), np.array(joining, np.int64))
    candidates = draw(st.none() | st.lists(st.integers(0, ITEMS - 1), max_size=30))
    allowed = draw(st.none() | st.floats(0, 1))
    chance = np.random.default_rng(draw(st.integers(0, 1000)))
    hidden = np.flatnonzero(chance.random(ITEMS) < draw(st.sampled_from([0, 0.1, 0.9])))
    weights = draw(st.none() | st.lists(st.sampled_from([0.0, 0.3, 1.0, 4.0]), min_size=K, max_size=K))
    if weights is not None and (not any(weights) or not loaded.interests):
        weights = None
    return Question(
        person,
        n=draw(st.sampled_from([1, 5, 20, 60, 300])),
        excluded=left_out(
            ITEMS,
            [person.seen if draw(st.booleans()) else hidden[:0], hidden],
            None if candidates is None else np.array(candidates, np.int64),
            None if allowed is None else chance.random(ITEMS) < allowed,
        ),
        explain=draw(st.booleans()),
        weights=None if weights is None else np.array(weights, np.float32),
        shelves=draw(st.booleans()),
    )


@pytest.mark.parametrize("name", [*NAMES, "constant"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_lists_and_shelves_are_what_scores_and_interests_say(
    name: str, checkpoints: dict[str, LoadedCheckpoint], toy: Dataset, assert_best: BestList, data: st.DataObject
) -> None:
    loaded = checkpoints[name]
    asked = data.draw(st.lists(questions(toy, loaded), min_size=1, max_size=6))
    for question, answer in zip(asked, loaded.rank(asked), strict=True):
        excluded = set(question.excluded.tolist())
        listed = answer.ranked if question.explain else replace(answer.ranked, because=np.empty((0, 0)))
        if not question.explain:
            assert answer.ranked.because.shape[1] == 0
        with torch.no_grad():
            batch = batch_of(question.person, question.weights)
            assert_best(loaded.model, batch, question.n, excluded, *arrays(listed))
            weights = np.ones(loaded.interests, np.float32) if question.weights is None else question.weights
            heard = [k for k in range(loaded.interests) if weights[k] > 0]
            assert [k for k, _ in answer.shelves] == (heard if question.shelves else [])
            for k, shelf in answer.shelves:
                alone = np.where(np.arange(loaded.interests) == k, weights, 0)
                exact = batch_of(question.person, alone)
                terms = loaded.model.interests(batch, torch.from_numpy(shelf.columns)).item_terms[0].double().numpy()
                assert (terms[k] > 0).all()
                np.testing.assert_allclose(shelf.shares, (terms / terms.sum(0)).T, rtol=1e-4, atol=1e-5)
                everything = np.ones((len(shelf.columns), loaded.interests)) * (np.arange(loaded.interests) == k)
                whole = replace(shelf, shares=everything, because=np.empty((0, 0)))
                assert_best(loaded.model, exact, question.n, excluded, *arrays(whole))


def test_a_shelf_is_ranked_by_its_interests_own_term(plain: LoadedCheckpoint, toy: Dataset) -> None:
    person = known_user(toy, "user 3")
    described = plain.describe(person, 8, person.seen)
    answer = only(plain.rank([Question(person, 8, person.seen, shelves=True)]))
    for (k, shelf), interest in zip(answer.shelves, described.interests, strict=True):
        assert shelf.columns.tolist() == [item.column for item in interest.top], k
        np.testing.assert_allclose(np.exp(shelf.scores), [item.score for item in interest.top], rtol=1e-5)
        np.testing.assert_allclose(shelf.shares, [item.shares for item in interest.top], rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_one_change_no_digit(name: str, toy: Dataset, checkpoints: dict[str, LoadedCheckpoint]) -> None:
    loaded = checkpoints[name]
    people = [known_user(toy, toy.users.id(row)) for row in range(USERS)]
    ones = [Question(person, 12, person.seen, explain=True, weights=np.ones(K, np.float32)) for person in people]
    for one, other in zip(
        loaded.rank(ones), loaded.rank([replace(question, weights=None) for question in ones]), strict=True
    ):
        assert all(np.array_equal(a, b) for a, b in zip(arrays(one.ranked), arrays(other.ranked), strict=True))


def test_neighbours_change_no_digit(checkpoints: dict[str, LoadedCheckpoint], toy: Dataset) -> None:
    valid = checkpoints["valid"]
    people = [known_user(toy, toy.users.id(row)) for row in range(8)]
    plain = [Question(person, 10, person.seen, explain=True) for person in people]
    muted = np.array([0, 2, 0.5], np.float32)
    among = [
        replace(plain[0], weights=muted, shelves=True),
        *plain,
        replace(plain[1], n=100, calibrate=0.5),
        replace(plain[2], weights=muted, against=plain[2]),
    ]
    for alone, beside in zip(valid.rank(plain), valid.rank(among)[1:-2], strict=True):
        np.testing.assert_array_equal(alone.ranked.columns, beside.ranked.columns)
        np.testing.assert_array_equal(alone.ranked.because, beside.ranked.because)
        np.testing.assert_allclose(alone.ranked.scores, beside.ranked.scores, rtol=1e-6)


def test_many_rows_are_looked_for_some_at_a_time(
    plain: LoadedCheckpoint, toy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = known_user(toy, "user 1")
    question = Question(person, 5, person.seen, shelves=True, against=Question(person, 5, person.seen))
    whole = only(plain.rank([question]))
    monkeypatch.setattr(plain._answering, "_at_once", 1)
    parts = only(plain.rank([question]))
    assert [shelf.columns.tolist() for _, shelf in parts.shelves] == [s.columns.tolist() for _, s in whole.shelves]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", [None, [0.5, 0.0, 3.0]], ids=["unsteered", "steered"])
def test_calibration_chooses_from_the_best(
    name: str, weights: list[float] | None, toy: Dataset, checkpoints: dict[str, LoadedCheckpoint]
) -> None:
    loaded = checkpoints[name]
    asked = None if weights is None else np.array(weights, np.float32)
    gained = 0.0
    for row in range(6):
        person = known_user(toy, toy.users.id(row))
        question = Question(person, 10, person.seen, explain=True, weights=asked, calibrate=0.7)
        found = only(loaded.rank([question])).ranked
        pool = only(loaded.rank([replace(question, n=pool_of(10), calibrate=0.0)])).ranked
        with torch.no_grad():
            held = loaded.model.interests(batch_of(person, None), torch.arange(1)).weights[0].numpy()
        p = wanted_shares(held, asked)
        expected = pool.at(calibrated(pool.scores, pool.shares, p, 10, 0.7))
        for one, other in zip(arrays(found), arrays(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        gained += divergence(p, pool.shares[:10]) - divergence(p, found.shares)
        assert (
            only(loaded.rank([replace(question, calibrate=0.0)])).ranked.columns.tolist() == pool.columns[:10].tolist()
        )
    assert gained > 0


@pytest.mark.parametrize("name", [*NAMES, "constant"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_preview_is_the_difference_of_two_answers(
    name: str, checkpoints: dict[str, LoadedCheckpoint], toy: Dataset, data: st.DataObject
) -> None:
    loaded = checkpoints[name]
    question = replace(data.draw(questions(toy, loaded)), shelves=False)
    if loaded.interests:
        question = replace(question, calibrate=data.draw(st.sampled_from([0.0, 0.8])))
    other = data.draw(questions(toy, loaded))
    other = Question(other.person, question.n, other.excluded)
    answer = only(loaded.rank([replace(question, against=other)]))
    new, old = (only(loaded.rank([one])).ranked.columns.tolist() for one in (question, other))
    assert answer.ranked.columns.tolist() == new
    assert [change.column for change in answer.entered] == [column for column in new if column not in old]
    assert [change.column for change in answer.left] == [column for column in old if column not in new]
    wanted = range(loaded.interests) if loaded.interests else [-1]
    assert all(change.interest in wanted for change in [*answer.entered, *answer.left])


@pytest.mark.parametrize("name", ["plain", "valid"])
def test_what_is_muted_goes_by_its_interest_and_what_is_loud_comes_by_its_own(
    name: str, toy: Dataset, checkpoints: dict[str, LoadedCheckpoint]
) -> None:
    loaded = checkpoints[name]
    for row in range(6):
        person = known_user(toy, toy.users.id(row))
        before = Question(person, 10, person.seen)
        for k in range(K):
            muted, loud = np.ones(K, np.float32), np.ones(K, np.float32)
            muted[k], loud[k] = 0, 4
            without = only(loaded.rank([replace(before, weights=muted, against=before)]))
            assert {change.interest for change in without.left} <= {k}
            assert k not in {change.interest for change in without.entered}
            more = only(loaded.rank([replace(before, weights=loud, against=before)]))
            assert {change.interest for change in more.entered} <= {k}


def test_a_changed_history_is_that_of_a_stranger(checkpoints: dict[str, LoadedCheckpoint], toy: Dataset) -> None:
    person = known_user(toy, "user 5")
    some, other = person.history[:2], np.setdiff1d(np.arange(ITEMS), person.seen)[:3]
    new = changed(person, some, other)
    assert new.user == -1
    assert set(new.history.tolist()) == set(person.history.tolist()) - set(some.tolist()) | set(other.tolist())
    assert set(new.seen.tolist()) == set(person.seen.tolist()) | set(other.tolist())
    assert changed(person, other, some) is person
    assert changed(person, some, some) is person
    nothing = changed(person, person.history, other[:0])
    assert nothing.history.size == 0
    assert len(only(checkpoints["valid"].rank([Question(nothing, 5, nothing.seen, explain=True)])).ranked.columns) == 5


def test_what_is_left_out(toy: Dataset) -> None:
    one, other = np.array([3, 5]), np.array([1, 5, 9])
    assert left_out(12, []).tolist() == []
    assert left_out(12, [one, other[:0]]).tolist() == [3, 5]
    assert left_out(12, [one, other]).tolist() == [1, 3, 5, 9]
    assert left_out(12, [one], candidates=np.array([2, 5, 7])).tolist() == [0, 1, 3, 4, 5, 6, 8, 9, 10, 11]
    allowed = np.arange(12) < 4
    assert left_out(12, [one], None, allowed).tolist() == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert left_out(12, [], np.array([2, 7]), allowed).tolist() == [0, 1, *range(3, 12)]
    assert allowed.tolist() == [True] * 4 + [False] * 8
    assert columns_of(toy, [])[0].dtype == left_out(12, []).dtype == np.int64


def test_short_and_long_lists_are_looked_for_apart(plain: LoadedCheckpoint, toy: Dataset) -> None:
    depths: list[int] = []
    explained = plain.model.explained

    def noted(batch: Histories, n: int, hidden: Histories) -> object:
        depths.append(n)
        return explained(batch, n, hidden)

    plain.model.explained = noted  # type: ignore[method-assign]
    person = known_user(toy, "user 0")
    plain.rank([Question(person, n, person.seen) for n in (5, 1000, 20, 200)])
    assert sorted(depths) == [20, 1000]
    assert answering.SHORT < 200
