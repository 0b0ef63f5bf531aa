"""The recommender process: gRPC in front of the loaded checkpoints."""

from __future__ import annotations

import sys
import time

import grpc
import numpy as np
import torch

from .. import device
from ..errors import InvalidRequest, UnknownItem
from ..pb.recommender.v1 import recommender_pb2 as pb
from ..pb.recommender.v1 import recommender_pb2_grpc
from ..serving.checkpoint import LARGEST_BATCH, MOST_HISTORY, LoadedCheckpoint, Question, Ranked
from ..serving.checkpoints import CheckpointRef, Checkpoints
from ..serving.person import Columns, Person, columns_of, known_user, newcomer
from ..settings import BadSetting, read
from . import recommender_request as checked
from .process import log_as_json, serve

MOST_RECOMMENDED = 1000
MOST_TOP_ITEMS = 100


class RecommenderServicer(recommender_pb2_grpc.RecommenderServiceServicer):
    """Messages in, messages out; `serving` does the work."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    def Warm(self, request: pb.WarmRequest, context: grpc.ServicerContext) -> pb.WarmResponse:
        started = time.perf_counter()
        with self._checkpoints.use(_checkpoint(request.checkpoint)) as served:
            served.warm()
            loaded = served.loaded
            return pb.WarmResponse(
                model=loaded.model.name,
                capabilities=sorted(loaded.model.capabilities),
                users=len(loaded.dataset.users),
                items=len(loaded.dataset.items),
                seconds=time.perf_counter() - started,
            )

    def Recommend(self, request: pb.RecommendRequest, context: grpc.ServicerContext) -> pb.RecommendResponse:
        ref = _checkpoint(request.checkpoint)
        n = checked.count(request.n, MOST_RECOMMENDED)
        _check_who(request)
        exclude = checked.many_ids(request.exclude, "exclude")
        candidates = checked.many_ids(request.candidates, "candidates")
        with self._checkpoints.use(ref) as served:
            loaded = served.loaded
            person, unknown = _person(loaded, request)
            excluded, unknown_excluded = columns_of(loaded.dataset, exclude)
            ranked_only, unknown_candidates = columns_of(loaded.dataset, candidates)
            question = Question(
                person=person,
                n=n,
                excluded=np.concatenate([excluded, _seen(person, request)]),
                candidates=ranked_only if candidates else None,
                explain=request.explain,
            )
            ranked = served.recommend(question, context.is_active, context.time_remaining())
            return pb.RecommendResponse(
                items=[_recommended(loaded, item) for item in ranked],
                unknown_items=dict.fromkeys([*unknown, *unknown_excluded, *unknown_candidates]),
                interests=loaded.interests,
            )

    def DescribeInterests(
        self, request: pb.DescribeInterestsRequest, context: grpc.ServicerContext
    ) -> pb.DescribeInterestsResponse:
        ref = _checkpoint(request.checkpoint)
        n = checked.count(request.n, MOST_TOP_ITEMS)
        _check_who(request)
        with self._checkpoints.use(ref) as served:
            loaded = served.loaded
            person, _ = _person(loaded, request)
            described = loaded.describe(person, n, _seen(person, request))
            history = [
                pb.HistoryItem(
                    id=loaded.dataset.items.id(int(column)),
                    title=loaded.dataset.titles[column],
                    interest_shares=shares,
                )
                for column, shares in zip(person.history, described.history_shares, strict=True)
            ]
            return pb.DescribeInterestsResponse(
                interests=[
                    pb.Interest(
                        index=index,
                        weight=interest.weight,
                        top_items=[_recommended(loaded, item) for item in interest.top],
                        formed_by=[history[place] for place in interest.formed_by],
                    )
                    for index, interest in enumerate(described.interests)
                ],
                # The newest stand last, so where there are too many the last ones are shown.
                history=[history[place] for place in person.order[-MOST_HISTORY:]],
                history_total=len(history),
            )

    def SimilarItems(self, request: pb.SimilarItemsRequest, context: grpc.ServicerContext) -> pb.SimilarItemsResponse:
        ref = _checkpoint(request.checkpoint)
        n = checked.count(request.n, MOST_RECOMMENDED)
        item = checked.one_id(request.item, "item")
        with self._checkpoints.use(ref) as served:
            loaded = served.loaded
            column = loaded.dataset.items.index(item)
            if column is None:
                raise UnknownItem("the dataset of this checkpoint has no such item", field="item")
            return pb.SimilarItemsResponse(items=[_recommended(loaded, found) for found in loaded.similar(column, n)])


def _checkpoint(message: pb.Checkpoint) -> CheckpointRef:
    return checked.checkpoint(message.key, message.sha256)


def _check_who(request: pb.RecommendRequest | pb.DescribeInterestsRequest) -> None:
    match request.WhichOneof("who"):
        case "user":
            checked.one_id(request.user, "user")
        case "history":
            checked.many_ids(request.history.items, "history.items")
        case _:
            raise InvalidRequest("either user or history must be given", field="user")


def _person(
    loaded: LoadedCheckpoint, request: pb.RecommendRequest | pb.DescribeInterestsRequest
) -> tuple[Person, list[str]]:
    if request.WhichOneof("who") == "user":
        return known_user(loaded.dataset, request.user), []
    loaded.require_fold_in()
    return newcomer(loaded.dataset, request.history.items)


def _seen(person: Person, request: pb.RecommendRequest | pb.DescribeInterestsRequest) -> Columns:
    return person.seen if request.exclude_seen else np.empty(0, dtype=np.int64)


def _recommended(loaded: LoadedCheckpoint, item: Ranked) -> pb.RecommendedItem:
    ids = loaded.dataset.items
    return pb.RecommendedItem(
        id=ids.id(item.column),
        title=loaded.dataset.titles[item.column],
        score=item.score,
        interest_shares=item.shares,
        because=[ids.id(column) for column in item.because],
    )


def main() -> int:
    """Entry point of `python -m trainer serve-recommender`."""
    try:
        settings = read("RECOMMENDER_LISTEN", "127.0.0.1:50052")
    except BadSetting as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    log_as_json(settings.log_level)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    checkpoints = Checkpoints(settings.artifacts, settings.cache, device.choose("auto"))

    def add(server: grpc.Server) -> None:
        recommender_pb2_grpc.add_RecommenderServiceServicer_to_server(RecommenderServicer(checkpoints), server)

    # A request waits in a thread for its batch, so there are as many threads as the largest batch has places.
    status = serve(settings, "recommender", add, LARGEST_BATCH, stop=lambda: None)
    checkpoints.close()
    return status
