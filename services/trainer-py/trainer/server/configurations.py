"""Questions about configurations that nobody trains yet, from messages and to messages."""

from __future__ import annotations

from collections.abc import Iterable

from .. import registry
from ..contract.footprint import Sizes
from ..errors import BadConfiguration, InvalidRequest, UnknownModel
from ..pb.trainer.v1 import trainer_pb2 as pb
from ..training.estimate import estimate
from .trainer_messages import processes_of


def checked(request: pb.CheckConfigurationsRequest) -> pb.CheckConfigurationsResponse:
    problems = []
    for position, asked in enumerate(request.configurations):
        try:
            model = registry.get(asked.model)
            config = registry.resolve_config(model, asked.config_json)
            if request.users > 0 and request.items > 0:
                model.check_size(config, request.users, request.items)
        except (BadConfiguration, UnknownModel) as error:
            problems.append(pb.ConfigurationProblem(position=position, field=error.field, message=error.message))
    return pb.CheckConfigurationsResponse(problems=problems)


def estimated(request: pb.EstimateRequest) -> pb.EstimateResponse:
    """Raises InvalidRequest for a dataset without users or items and for too many processes, and UnknownModel."""
    sizes = _sizes(request.statistics)
    return pb.EstimateResponse(estimates=[_estimate(asked, sizes) for asked in request.configurations])


def _estimate(asked: pb.Configuration, sizes: Sizes) -> pb.MemoryEstimate:
    model, processes = registry.get(asked.model), processes_of(asked)
    try:
        found = estimate(model, registry.resolve_config(model, asked.config_json), sizes, processes)
    except BadConfiguration:
        return pb.MemoryEstimate()
    return pb.MemoryEstimate(cpu_bytes=found.cpu, gpu_bytes=found.gpu, gpu_host_bytes=found.gpu_host)


def _sizes(of: pb.DatasetStatistics) -> Sizes:
    if of.users < 1 or of.items < 1:
        raise InvalidRequest("an estimate is for a dataset with users and items", field="statistics")
    trained = (of.train / max(of.interactions, 1)) ** 2  # the degrees are of all parts
    return Sizes(
        users=of.users,
        items=of.items,
        interactions=of.interactions,
        train=of.train,
        item_pairs=round(trained * _squares(of.user_degrees)),
        user_pairs=round(trained * _squares(of.item_degrees)),
    )


def _squares(degrees: Iterable[pb.HistogramBin]) -> float:
    """Sum of the squares, where those of a bin lie evenly in it."""
    return sum(some.count * (some.low**2 + some.low * some.high + some.high**2) / 3 for some in degrees)
