"""Requests for recommendations as questions, and answers as responses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InvalidRequest
from ..pb.recommender.v1 import recommender_pb2 as pb
from ..serving.checkpoint import LoadedCheckpoint
from ..serving.explanation import left_by_path
from ..serving.person import (
    Columns,
    Person,
    changed,
    columns_of,
    newcomer,
    since,
)
from ..serving.question import Answer, Question, Ranked, RankedList, left_out
from . import recommender_request as checked
from .packing import packed

MOST_RECOMMENDED = 1000


@dataclass(frozen=True)
class Asked:
    """A question, and what of the request is to be told with the answer."""

    question: Question
    weights: list[float]
    unknown_items: list[str]
    unknown_tags: list[str]
    packed: bool


def check(request: pb.RecommendRequest) -> None:
    """What can be said about it before the checkpoint is loaded. Raises InvalidRequest."""
    checked.count(request.n, MOST_RECOMMENDED)
    check_who(request)
    for field in ("exclude", "candidates", "without", "with"):
        checked.many_ids(getattr(request, field), field)
    for field in ("any", "all", "none"):
        checked.many_ids(getattr(request.filter, field), f"filter.{field}", checked.MOST_TAGS)
    checked.strength(request.calibrate)


def asked_of(loaded: LoadedCheckpoint, request: pb.RecommendRequest) -> Asked:
    """`request` has been checked. Raises what `person_of` raises, SteeringUnsupported, InvalidRequest."""
    data = loaded.dataset
    weights = _weights(loaded, request)
    known, unknown = person_of(loaded, request)
    person, without = _what_if(loaded, request, known)
    exclude, unknown_exclude = columns_of(data, request.exclude)
    exclude = np.sort(exclude)
    candidates, unknown_candidates = columns_of(data, request.candidates)
    hidden = checked.hidden(np.array(request.hidden, dtype=np.int64), len(data.items))
    allowed, unknown_tags = None, list[str]()
    if request.HasField("filter"):
        allowed, unknown_tags = data.tags.matching(request.filter.any, request.filter.all, request.filter.none)

    def excluded(whose: Person) -> Columns:
        parts = (seen(whose, request.exclude_seen), exclude, hidden)
        return left_out(len(data.items), parts, candidates if request.candidates else None, allowed)

    question = Question(
        person,
        request.n,
        excluded(person),
        request.explain,
        np.array(weights, dtype=np.float32) if weights else None,
        request.calibrate,
        request.shelves,
        Question(known, request.n, excluded(known)) if request.preview else None,
    )
    unknown_items = dict.fromkeys([*unknown, *unknown_exclude, *unknown_candidates, *without])
    return Asked(question, weights, list(unknown_items), unknown_tags, request.packed)


def response_of(loaded: LoadedCheckpoint, asked: Asked, answer: Answer) -> pb.RecommendResponse:
    return pb.RecommendResponse(
        items=[] if asked.packed else [recommended(loaded, item) for item in answer.ranked.items()],
        list=_packed(answer.ranked) if asked.packed else None,
        shelves=[pb.Shelf(interest=interest, list=_packed(ranked)) for interest, ranked in answer.shelves],
        entered=[pb.Change(item=change.column, interest=change.interest) for change in answer.entered],
        left=[pb.Change(item=change.column, interest=change.interest) for change in answer.left],
        unknown_items=asked.unknown_items,
        unknown_tags=asked.unknown_tags,
        interests=loaded.interests,
        compute_seconds=answer.seconds,
        weights=asked.weights,
    )


def check_who(request: pb.RecommendRequest | pb.DescribeInterestsRequest) -> None:
    match request.WhichOneof("who"):
        case "user":
            checked.one_id(request.user, "user")
            checked.many_ids(request.live, "live")
            checked.times(request.live_at_ms, len(request.live), "live_at_ms")
        case "history":
            checked.many_ids(request.history.items, "history.items")
        case _:
            raise InvalidRequest("either user or history must be given", field="user")


def person_of(
    loaded: LoadedCheckpoint, request: pb.RecommendRequest | pb.DescribeInterestsRequest
) -> tuple[Person, list[str]]:
    """And the ids of the history that are not known. Raises UnknownUser, NoKnownItems, FoldInUnsupported."""
    if request.WhichOneof("who") == "user":
        return _user(loaded, request), []
    loaded.require_fold_in()
    return newcomer(loaded.dataset, request.history.items)


def _user(loaded: LoadedCheckpoint, request: pb.RecommendRequest | pb.DescribeInterestsRequest) -> Person:
    row = None if request.erased else loaded.dataset.row_of(request.user)
    return loaded.person(row, since(loaded.dataset, request.live, request.live_at_ms), request.whole)


def seen(person: Person, exclude_seen: bool) -> Columns:
    return person.seen if exclude_seen else np.empty(0, dtype=np.int64)


def recommended(loaded: LoadedCheckpoint, item: Ranked) -> pb.RecommendedItem:
    ids = loaded.dataset.items
    return pb.RecommendedItem(
        id=ids.id(item.column),
        title=loaded.dataset.titles[item.column],
        score=item.score,
        interest_shares=item.shares,
        because=[ids.id(column) for column in item.because],
        linear_share=item.linear,
    )


def _weights(loaded: LoadedCheckpoint, request: pb.RecommendRequest) -> list[float]:
    only = request.only if request.HasField("only") else None
    for field, given in (("steer", len(request.steer) > 0), ("only", only is not None)):
        if given:
            loaded.require_interests(field)
    if request.calibrate > 0:
        loaded.require_interests("calibrate")
    if request.shelves:
        loaded.require_interests("shelves")
        checked.length_of_shelves(request.n, loaded.interests)
    return checked.weights([(one.interest, one.weight) for one in request.steer], only, loaded.interests)


def _what_if(loaded: LoadedCheckpoint, request: pb.RecommendRequest, person: Person) -> tuple[Person, list[str]]:
    """The person with their history changed, and what of the change the dataset or the history does not know."""
    joining = getattr(request, "with")
    for field, given in (("without", request.without), ("with", joining)):
        if given:
            loaded.require_fold_in(field)
    if not request.without and not joining:
        return person, []
    ids = loaded.dataset.items
    leaving, unknown = columns_of(loaded.dataset, request.without)
    added, unknown_added = columns_of(loaded.dataset, joining)
    elsewhere = [ids.id(column) for column in leaving[~np.isin(leaving, person.history)].tolist()]
    asked = changed(person, leaving, added)
    if asked.history.size == 0 and person.user < 0:
        raise InvalidRequest("without leaves nothing of the history", field="without")
    return asked, [*unknown, *elsewhere, *unknown_added]


def _packed(ranked: RankedList) -> pb.PackedList:
    shares = left_by_path(ranked.shares, ranked.linear)
    return packed(ranked.columns, ranked.scores, shares, ranked.because, ranked.linear)
