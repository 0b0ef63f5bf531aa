"""From staged files to messages of rows for a feed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc

from ..errors import InvalidRequest
from ..events import ImportProblem, ImportStep, InteractionRows, ItemRows, RowsChecked
from ..pb.trainer.v1 import trainer_pb2 as pb
from . import trainer_messages as messages
from .children import Children


def rows(
    children: Children, root: Path, request: pb.ReadRowsRequest, context: grpc.ServicerContext
) -> Iterator[pb.ReadRowsResponse]:
    """Raises InvalidRequest, UploadMissing, and what a child ends with."""
    if request.skip < 0:
        raise InvalidRequest(f"skip must be 0 or more, not {request.skip}", field="skip")
    spec = {
        "files": messages.staged(root, request.files),
        "rule_json": request.rule_json,
        "latest_ms": request.latest_ms,
        "skip": request.skip,
    }
    for event in children.events("read", f"feed-imports/{request.import_id}", spec, context.is_active):
        match event:
            case ImportStep():
                yield pb.ReadRowsResponse(progress=pb.ImportProgress(**vars(event)))
            case ImportProblem():
                yield pb.ReadRowsResponse(problem=pb.ImportProblem(**vars(event)))
            case RowsChecked():
                yield pb.ReadRowsResponse(checked=pb.RowsChecked(**vars(event)))
            case InteractionRows():
                yield pb.ReadRowsResponse(interactions=pb.InteractionRows(**vars(event)))
            case ItemRows():
                columns = zip(event.items, event.titles, event.tags, strict=True)
                some = [pb.ItemRow(item=item, title=title, tags=tags) for item, title, tags in columns]
                yield pb.ReadRowsResponse(items=pb.ItemRows(rows=some))
