"""The recommender process: gRPC in front of the loaded checkpoints."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import grpc
import numpy as np
import torch

from .. import device
from ..data.dataset import NO_TIME
from ..errors import InvalidRequest, UnknownItem
from ..pb.recommender.v1 import recommender_pb2 as pb
from ..pb.recommender.v1 import recommender_pb2_grpc
from ..serving.checkpoint import LARGEST_BATCH, MOST_HISTORY
from ..serving.checkpoints import CheckpointRef, Checkpoints
from ..serving.everybody import by_activity, lists_of
from ..serving.person import held_among, interactions_of, masked, met_unknown, unknown_user
from ..settings import BadSetting, read
from . import recommender_request as checked
from .catalogue import messages_of
from .packing import packed
from .process import log_as_json, serve, unusable
from .recommending import MOST_RECOMMENDED, asked_of, check, check_who, person_of, recommended, response_of, seen

MOST_TOP_ITEMS = 100
MOST_AMONG = 4_000


class RecommenderServicer(recommender_pb2_grpc.RecommenderServiceServicer):
    """Messages in, messages out; `serving` does the work."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    def Warm(self, request: pb.WarmRequest, context: grpc.ServicerContext) -> pb.WarmResponse:
        started = time.perf_counter()
        with self._checkpoints.use(_checkpoint(request.checkpoint)) as served:
            served.warm()
            loaded = served.loaded
            interactions, items = loaded.dataset.left_out()
            return pb.WarmResponse(
                model=loaded.model.name,
                capabilities=sorted(loaded.model.capabilities),
                users=len(loaded.dataset.users),
                items=len(loaded.dataset.items),
                seconds=time.perf_counter() - started,
                left_out_interactions=interactions,
                left_out_items=items,
            )

    def Recommend(self, request: pb.RecommendRequest, context: grpc.ServicerContext) -> pb.RecommendResponse:
        ref = _checkpoint(request.checkpoint)
        check(request)
        with self._checkpoints.use(ref) as served:
            asked = asked_of(served.loaded, request)
            answer = served.recommend(asked.question, context.is_active, context.time_remaining())
            return response_of(served.loaded, asked, answer)

    def DescribeInterests(
        self, request: pb.DescribeInterestsRequest, context: grpc.ServicerContext
    ) -> pb.DescribeInterestsResponse:
        ref = _checkpoint(request.checkpoint)
        n = checked.count(request.n, MOST_TOP_ITEMS)
        check_who(request)
        rule = checked.mask_rule(request.mask_test) if request.HasField("mask_test") else None
        if rule is not None and request.WhichOneof("who") != "user":
            raise InvalidRequest("mask_test is for users of the dataset alone", field="mask_test")
        with self._checkpoints.use(ref) as served:
            loaded = served.loaded
            person, _ = person_of(loaded, request)
            excluded = seen(person, request.exclude_seen)
            if rule is not None:
                excluded = masked(loaded.dataset, request.user, rule)
            described = loaded.describe(person, n, excluded)
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
                        top_items=[recommended(loaded, item) for item in interest.top],
                        formed_by=[history[place] for place in interest.formed_by],
                    )
                    for index, interest in enumerate(described.interests)
                ],
                # The newest stand last, so where there are too many the last ones are shown.
                history=[history[place] for place in person.order[-MOST_HISTORY:]],
                history_total=len(history),
                met_unknown=[] if request.erased else met_unknown(loaded.dataset, request.user),
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
            return pb.SimilarItemsResponse(items=[recommended(loaded, found) for found in loaded.similar(column, n)])

    def ReadHistory(self, request: pb.ReadHistoryRequest, context: grpc.ServicerContext) -> pb.ReadHistoryResponse:
        ref = _checkpoint(request.checkpoint)
        n = checked.count(request.n, MOST_HISTORY)
        user = checked.one_id(request.user, "user")
        start = checked.start(request.start)
        among = checked.many_ids([one.id for one in request.among], "among", MOST_AMONG)
        with self._checkpoints.use(ref) as served:
            data = served.loaded.dataset
            if request.erased:
                raise unknown_user()
            found = interactions_of(data, user)
            told = [
                pb.Interaction(id=an_id, title=title, part=one.part, at_ms=None if one.at == NO_TIME else one.at)
                for one in found[start : start + n]
                for an_id, title in [data.item(one.column)]
            ]
            asked = [(item, one.at_ms) for item, one in zip(among, request.among, strict=True)]
            held = held_among(data, found, asked) if asked else []
            return pb.ReadHistoryResponse(interactions=told, total=len(found), held=held)

    def ReadCatalogue(
        self, request: pb.ReadCatalogueRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadCatalogueResponse]:
        with self._checkpoints.use(_checkpoint(request.checkpoint)) as served:
            yield from messages_of(served.loaded)

    def RankLists(self, request: pb.RankListsRequest, context: grpc.ServicerContext) -> Iterator[pb.RankListsResponse]:
        ref = _checkpoint(request.checkpoint)
        depth = checked.count(request.depth, MOST_RECOMMENDED, "depth")
        with self._checkpoints.use(ref) as served:
            loaded = served.loaded
            rows = checked.rows(np.array(request.rows, dtype=np.int64), len(loaded.dataset.users))
            asked = rows if rows.size else by_activity(loaded.dataset)
            for lists in lists_of(loaded, asked, depth, request.explain, request.whole):
                yield pb.RankListsResponse(
                    rows=lists.rows.tolist(),
                    counts=lists.counts.tolist(),
                    lists=packed(lists.columns, lists.scores, lists.shares, lists.because, lists.linear),
                )
                if not context.is_active():
                    return


def _checkpoint(message: pb.Checkpoint) -> CheckpointRef:
    return checked.checkpoint(message.key, message.sha256)


def main() -> int:
    """Entry point of `python -m trainer serve-recommender`."""
    try:
        settings = read("RECOMMENDER_LISTEN", "127.0.0.1:50052")
    except BadSetting as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    log_as_json(settings.log_level)
    if (refused := unusable(settings)) is not None:
        return refused
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    checkpoints = Checkpoints(settings.artifacts, settings.cache, device.choose("auto"))

    def add(server: grpc.Server) -> None:
        recommender_pb2_grpc.add_RecommenderServiceServicer_to_server(RecommenderServicer(checkpoints), server)

    # A request waits in a thread for its batch, so there are as many threads as the largest batch has places.
    status = serve(settings, "recommender", add, LARGEST_BATCH, stop=lambda: None)
    checkpoints.close()
    return status
