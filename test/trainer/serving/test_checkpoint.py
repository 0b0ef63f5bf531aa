import numpy as np
import pytest
import torch

from trainer.contract.recommender import Histories
from trainer.data.dataset import Dataset
from trainer.errors import CheckpointCorrupt, FoldInUnsupported, NoKnownItems, SimilarUnsupported, UnknownUser
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.person import Person, columns_of, known_user, newcomer
from trainer.serving.question import Question, Ranked, left_out

NOTHING = np.empty(0, dtype=np.int64)


def persons(toy: Dataset) -> list[Person]:
    return [known_user(toy, toy.users.id(row)) for row in range(len(toy.users))]


def columns(items: list[Ranked]) -> list[int]:
    return [item.column for item in items]


def ranked(loaded: LoadedCheckpoint, questions: list[Question]) -> list[list[Ranked]]:
    return [list(answer.ranked.items()) for answer in loaded.rank(questions)]


def brute_force(loaded: LoadedCheckpoint, person: Person, n: int, excluded: set[int]) -> list[int]:
    scores = loaded.model.scores(Histories.of(loaded.dataset.train, np.array([person.user])))[0].tolist()
    allowed = [column for column in range(len(scores)) if column not in excluded]
    return sorted(allowed, key=lambda column: (-scores[column], column))[:n]


def test_the_best_n_that_were_not_seen(plain: LoadedCheckpoint, toy: Dataset) -> None:
    for person in persons(toy):
        [found] = ranked(plain, [Question(person, n=12, excluded=person.seen)])
        assert columns(found) == brute_force(plain, person, 12, set(person.seen.tolist()))
        assert all(np.isfinite(item.score) for item in found)


def test_seen_is_every_part_and_history_the_training_part(toy: Dataset) -> None:
    person = known_user(toy, "user 3")
    whole = (toy.train + toy.valid + toy.test).tocsr()
    assert set(person.seen.tolist()) == set(whole[3].indices.tolist())
    assert set(person.history.tolist()) == set(toy.train[3].indices.tolist())


def test_a_batch_answers_as_one_by_one(plain: LoadedCheckpoint, toy: Dataset) -> None:
    questions = [
        Question(
            person,
            n=1 + 7 * (place % 4),
            excluded=left_out(
                200, [person.seen if place % 2 else NOTHING], np.arange(0, 200, 3) if place % 3 == 0 else None
            ),
            explain=place % 5 == 0,
        )
        for place, person in enumerate(persons(toy))
    ]
    together = ranked(plain, questions)
    for question, found in zip(questions, together, strict=True):
        [alone] = ranked(plain, [question])
        assert columns(found) == columns(alone)
        assert [item.because for item in found] == [item.because for item in alone]
        np.testing.assert_allclose([item.score for item in found], [item.score for item in alone], rtol=1e-5)
        np.testing.assert_allclose([item.shares for item in found], [item.shares for item in alone], rtol=1e-5)


def test_neighbours_that_name_candidates_change_no_digit(plain: LoadedCheckpoint, toy: Dataset) -> None:
    ordinary = [Question(person, n=9, excluded=person.seen) for person in persons(toy)]
    naming = Question(ordinary[0].person, n=2, excluded=left_out(200, [], np.arange(0, 200, 3)))
    alone, [named] = ranked(plain, ordinary), ranked(plain, [naming])
    first, found, *others = ranked(plain, [ordinary[0], naming, *ordinary[1:]])
    assert [first, *others] == alone
    assert columns(found) == columns(named)
    np.testing.assert_allclose([item.score for item in found], [item.score for item in named], rtol=1e-5)


def test_candidates_and_exclusions(plain: LoadedCheckpoint, toy: Dataset) -> None:
    person = known_user(toy, "user 0")
    candidates, excluded = np.array([5, 9, 40, 41, 120]), np.array([9, 41, 77])
    [found] = ranked(plain, [Question(person, n=10, excluded=left_out(200, [excluded], candidates))])
    assert sorted(columns(found)) == [5, 40, 120]
    assert columns(found) == brute_force(plain, person, 3, set(range(200)) - {5, 40, 120})
    [none] = ranked(plain, [Question(person, n=10, excluded=left_out(200, [candidates], candidates))])
    assert none == []


def test_asking_for_more_than_remains_gives_what_remains(plain: LoadedCheckpoint, toy: Dataset) -> None:
    person = known_user(toy, "user 0")
    [found] = ranked(plain, [Question(person, n=1000, excluded=person.seen)])
    assert sorted(columns(found)) == sorted(set(range(200)) - set(person.seen.tolist()))


def test_shares_are_the_interests_part_in_the_score(plain: LoadedCheckpoint, toy: Dataset) -> None:
    person = known_user(toy, "user 7")
    [found] = ranked(plain, [Question(person, n=20, excluded=person.seen)])
    batch = Histories.of(toy.train, np.array([person.user]))
    terms = plain.model.interests(batch, torch.tensor(columns(found))).item_terms[0].T  # type: ignore[attr-defined]
    for item, term in zip(found, terms.tolist(), strict=True):
        assert len(item.shares) == plain.interests == 3
        assert sum(item.shares) == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(item.shares, np.array(term) / sum(term), rtol=1e-5)
        assert item.score == pytest.approx(np.log(sum(term)), rel=1e-5)


def test_a_persons_own_history_folded_in_gives_the_same(plain: LoadedCheckpoint, toy: Dataset) -> None:
    for person in persons(toy):
        ids = [toy.items.id(int(column)) for column in reversed(person.history)]
        stranger, unknown = newcomer(toy, [*ids, ids[0], "no such item"])
        assert unknown == ["no such item"]
        assert stranger.user == -1
        assert stranger.history[stranger.order].tolist() == person.history[::-1].tolist()
        [known] = ranked(plain, [Question(person, n=15, excluded=person.seen, explain=True)])
        [folded] = ranked(plain, [Question(stranger, n=15, excluded=person.seen, explain=True)])
        assert known == folded


def test_because_names_items_of_the_history(plain: LoadedCheckpoint, toy: Dataset) -> None:
    person = known_user(toy, "user 2")
    [found] = ranked(plain, [Question(person, n=10, excluded=NOTHING, explain=True)])
    assert any(item.because for item in found)
    for item in found:
        assert set(item.because) <= set(person.history.tolist()) - {item.column}
    [silent] = ranked(plain, [Question(person, n=10, excluded=NOTHING)])
    assert all(item.because == [] for item in silent)


def test_a_model_without_interests_and_vectors(constant: LoadedCheckpoint, toy: Dataset) -> None:
    before = constant.model.state_dict()["counts"].clone()
    questions = [Question(person, n=5, excluded=person.seen, explain=True) for person in persons(toy)]
    for question, found in zip(questions, ranked(constant, questions), strict=True):
        assert columns(found) == [c for c in range(199, -1, -1) if c not in question.person.seen][:5]
        assert all(item.shares == [] and item.because == [] for item in found)
    # Excluding items for one person must not write into the model.
    assert torch.equal(constant.model.state_dict()["counts"], before)
    assert constant.interests == 0
    described = constant.describe(questions[0].person, 5, NOTHING)
    assert described.interests == []
    assert described.history_shares == [[] for _ in questions[0].person.history]
    with pytest.raises(SimilarUnsupported, match=r"constant cannot compare items; these models can: .*ease.*valid"):
        constant.similar(0, 5)
    with pytest.raises(FoldInUnsupported, match="constant cannot"):
        constant.require_fold_in()


def test_scores_that_are_not_finite_are_refused(plain: LoadedCheckpoint, toy: Dataset) -> None:
    with torch.no_grad():
        plain.model.items[17] = torch.nan  # type: ignore[index,operator]
    with pytest.raises(CheckpointCorrupt, match="not finite"):
        ranked(plain, [Question(known_user(toy, "user 0"), n=5, excluded=NOTHING)])


def test_interests_of_a_person(plain: LoadedCheckpoint, toy: Dataset) -> None:
    person = known_user(toy, "user 4")
    described = plain.describe(person, 6, person.seen)
    batch = Histories.of(toy.train, np.array([person.user]))
    found = plain.model.interests(batch, torch.arange(200))  # type: ignore[attr-defined]
    assert sum(interest.weight for interest in described.interests) == pytest.approx(1)
    everything = [place for interest in described.interests for place in interest.formed_by]
    assert sorted(everything) == list(range(person.history.size))
    for k, interest in enumerate(described.interests):
        terms = found.item_terms[0, k].tolist()
        allowed = set(range(200)) - set(person.seen.tolist())
        assert columns(interest.top) == sorted(allowed, key=lambda c, t=terms: (-t[c], c))[:6]
        assert [item.score for item in interest.top] == pytest.approx([terms[c] for c in columns(interest.top)])
        strengths = [described.history_shares[place] for place in interest.formed_by]
        assert all(max(shares) == shares[k] for shares in strengths)
        assert [shares[k] for shares in strengths] == sorted((shares[k] for shares in strengths), reverse=True)


def test_similar_items_by_cosine(plain: LoadedCheckpoint) -> None:
    vectors = plain.model.item_vectors()
    assert vectors is not None
    cosine = (vectors @ vectors[33]).tolist()
    expected = sorted((c for c in range(200) if c != 33), key=lambda c: (-cosine[c], c))
    found = plain.similar(33, 7)
    assert columns(found) == expected[:7]
    assert len(plain.similar(33, 1000)) == 199


def test_who_is_not_known(toy: Dataset) -> None:
    with pytest.raises(UnknownUser):
        known_user(toy, "nobody")
    with pytest.raises(NoKnownItems):
        newcomer(toy, ["nothing", "nowhere"])
    with pytest.raises(NoKnownItems):
        newcomer(toy, [])
    assert known_user(toy, "Zoë 🦊 <b>").user == 29
    found, unknown = columns_of(toy, ["x", "本/\u202e<img onerror=x>", "x", "item 1", "item 1"])
    assert found.tolist() == [199, 1]
    assert unknown == ["x"]
