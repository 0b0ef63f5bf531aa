"""What columns and rows stand for, some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ..pb.recommender.v1 import recommender_pb2 as pb
from ..serving.checkpoint import LoadedCheckpoint

# With ids of 512 bytes, titles of 1,200 and a hundred tags a message stays below 3 MiB.
AT_ONCE = 1000


def messages_of(loaded: LoadedCheckpoint) -> Iterator[pb.ReadCatalogueResponse]:
    """Its size, then all items, then all users, then those whom training does not know."""
    data = loaded.dataset
    yield pb.ReadCatalogueResponse(
        size=pb.CatalogueSize(
            items=len(data.items),
            users=len(data.users),
            interests=loaded.interests,
            dataset_key=data.key,
            tags=data.tags.names,
        )
    )
    popularity = np.bincount(data.train.indices, minlength=len(data.items))
    for start in range(0, len(data.items), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        ends = data.tags.indptr[start : start + AT_ONCE + 1]
        tags = (data.tags.indices[first:end].tolist() for first, end in pairwise(ends))
        rows = zip(data.items.ids(some), data.titles[some], tags, popularity[some].tolist(), strict=True)
        yield pb.ReadCatalogueResponse(
            items=[
                pb.CatalogueItem(id=an_id, title=title, tags=own, popularity=count) for an_id, title, own, count in rows
            ]
        )
    interactions = np.diff(data.history.indptr)
    for start in range(0, len(data.users), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        pairs = zip(data.users.ids(some), interactions[some].tolist(), strict=True)
        yield pb.ReadCatalogueResponse(users=[pb.CatalogueUser(id=an_id, interactions=count) for an_id, count in pairs])
    if data.cold is None:
        return
    for start in range(0, len(data.cold.users), AT_ONCE):
        yield pb.ReadCatalogueResponse(late_users=data.cold.users[start : start + AT_ONCE].to_pylist())
