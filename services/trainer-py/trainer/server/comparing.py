"""From a request to a comparison, and what comes of it as messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import grpc

from ..evaluation.comparing import ComparedGroup, ComparedRun, CompareRequest
from ..events import Compared, CompareStep
from ..pb.trainer.v1 import comparing_pb2 as pb
from .children import Children


def comparison(
    children: Children, request: pb.CompareRequest, context: grpc.ServicerContext
) -> Iterator[pb.CompareResponse]:
    """Raises InvalidRequest, and what a child ends with."""
    spec = asdict(_request(request))
    for event in children.events("compare", f"comparisons/{request.comparison_id}", spec, context.is_active):
        match event:
            case CompareStep() if event.total:  # it is not known before all has been fetched
                yield pb.CompareResponse(progress=pb.CompareProgress(**vars(event)))
            case Compared():
                yield pb.CompareResponse(finished=pb.CompareFinished(**event.result))


def _request(message: pb.CompareRequest) -> CompareRequest:
    return CompareRequest(
        dataset_key=message.dataset_key,
        groups=tuple(
            ComparedGroup(
                group.name,
                tuple(ComparedRun(run.run_id, run.seed, run.values.key, run.values.sha256) for run in group.runs),
                group.closed_form,
            )
            for group in message.groups
        ),
        baseline=message.baseline,
        metrics=tuple(message.metrics),
        draws=message.draws,
        seed=message.seed,
    )
