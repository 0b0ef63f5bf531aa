"""The trainer process: gRPC in front of child processes. It never trains in its own process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import torch

from .. import __version__, artifacts, dataset, device, registry
from ..durable import sweep_temporary
from ..errors import BadConfiguration, Busy, InvalidRequest, StaleLease, UnknownModel
from ..events import (
    Checkpoint,
    Epoch,
    Evaluated,
    Finished,
    Heartbeat,
    Imported,
    ImportProblem,
    ImportStep,
    Log,
    Metric,
    Started,
)
from ..pb.trainer.v1 import trainer_pb2 as pb
from ..pb.trainer.v1 import trainer_pb2_grpc
from ..settings import BadSetting, Settings, read
from . import uploads
from .children import HANG_SECONDS, Children
from .process import log_as_json, serve

# Calls that take a moment (uploads, catalogue, deletes) beside the streams, each of which holds a thread.
SPARE_THREADS = 16
# An upload holds its thread for as long as the client likes; the others are for calls that somebody waits for.
UPLOAD_SLOTS = 8
IMPORT_SLOTS = 2
EVALUATION_SLOTS = 1


class TrainerServicer(trainer_pb2_grpc.TrainerServiceServicer):
    """Messages in, messages out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root: Path = settings.artifacts
        hang = HANG_SECONDS / settings.timing_scale
        self._trainings = Children(settings.slots, self._root, settings.threads, hang)
        self._imports = Children(IMPORT_SLOTS, self._root, settings.threads, hang)
        self._evaluations = Children(EVALUATION_SLOTS, self._root, settings.threads, hang)
        self._uploads = threading.BoundedSemaphore(UPLOAD_SLOTS)
        self._owners = Owners()

    def stop(self) -> None:
        for children in (self._trainings, self._imports, self._evaluations):
            children.stop()

    def ListModels(self, request: pb.ListModelsRequest, context: grpc.ServicerContext) -> pb.ListModelsResponse:
        return pb.ListModelsResponse(
            models=[
                pb.Model(
                    name=model.name,
                    title=model.title,
                    paper=model.paper,
                    paper_url=model.paper_url,
                    family=model.family,
                    summary=model.summary,
                    capabilities=sorted(model.capabilities),
                    config_schema_json=registry.config_schema(model),
                )
                for model in registry.catalogue().values()
            ],
            torch_version=torch.__version__,
            device=device.describe(device.choose("auto")),
            code_version=__version__,
        )

    def CheckConfigurations(
        self, request: pb.CheckConfigurationsRequest, context: grpc.ServicerContext
    ) -> pb.CheckConfigurationsResponse:
        problems = []
        for position, asked in enumerate(request.configurations):
            try:
                registry.resolve_config(registry.get(asked.model), asked.config_json)
            except (BadConfiguration, UnknownModel) as error:
                problems.append(pb.ConfigurationProblem(position=position, field=error.field, message=error.message))
        return pb.CheckConfigurationsResponse(problems=problems)

    def UploadFile(
        self, request_iterator: Iterator[pb.UploadFileRequest], context: grpc.ServicerContext
    ) -> pb.UploadFileResponse:
        if not self._uploads.acquire(blocking=False):
            raise Busy(f"{UPLOAD_SLOTS} uploads are under way, which is as many as this trainer takes")
        try:
            staged = uploads.stage(self._root, _whole(request_iterator), self._settings.most_upload_bytes)
        finally:
            self._uploads.release()
        return pb.UploadFileResponse(upload_key=staged.key, bytes=staged.bytes, sha256=staged.sha256)

    def ImportDataset(
        self, request: pb.ImportDatasetRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ImportDatasetResponse]:
        files = [
            {
                "role": file.role,
                "path": str(uploads.path_of(self._root, file.upload_key)),
                "display_name": file.display_name or file.role,
            }
            for file in request.files
        ]
        spec = {"files": files, "rule_json": request.rule_json, "digest": request.digest}
        for event in self._imports.events("import", spec, context.is_active):
            match event:
                case ImportStep():
                    yield pb.ImportDatasetResponse(progress=pb.ImportProgress(**vars(event)))
                case ImportProblem():
                    yield pb.ImportDatasetResponse(problem=pb.ImportProblem(**vars(event)))
                case Imported():
                    finished = pb.ImportFinished(
                        dataset_key=event.dataset_key,
                        split_digest=event.split_digest,
                        statistics=pb.DatasetStatistics(**event.statistics),
                    )
                    yield pb.ImportDatasetResponse(finished=finished)

    def CheckDataset(self, request: pb.CheckDatasetRequest, context: grpc.ServicerContext) -> pb.CheckDatasetResponse:
        return pb.CheckDatasetResponse(is_whole=dataset.is_whole(self._root, request.dataset_key))

    def Train(self, request: pb.TrainRequest, context: grpc.ServicerContext) -> Iterator[pb.TrainResponse]:
        artifacts.checkpoint_key(request.run_id, 0)  # refuses what is no run id
        if request.seed < 0:
            raise InvalidRequest(f"seed must be 0 or more, not {request.seed}", field="seed")
        resume = request.resume_from
        spec = {
            "run_id": request.run_id,
            "model": request.model,
            "config_json": request.config_json,
            "dataset_key": request.dataset_key,
            "seed": request.seed,
            "protocol": _protocol(request.protocol),
            "resume_from": [resume.key, resume.sha256] if request.HasField("resume_from") else None,
            "device": request.device or "auto",
        }
        with self._owners.own(request.run_id, request.lease) as is_owner:
            wanted = lambda: context.is_active() and is_owner()  # noqa: E731
            for event in self._trainings.events("train", spec, wanted):
                match event:
                    case Started():
                        yield pb.TrainResponse(started=pb.TrainStarted(**vars(event)))
                    case Epoch():
                        values = vars(event) | {
                            "metrics": _metrics(event.metrics),
                            "checkpoint": _checkpoint(event.checkpoint),
                        }
                        yield pb.TrainResponse(epoch=pb.TrainEpoch(**values))
                    case Heartbeat():
                        yield pb.TrainResponse(heartbeat=pb.TrainHeartbeat(**vars(event)))
                    case Log():
                        yield pb.TrainResponse(log=pb.LogLine(**vars(event)))
                    case Finished():
                        values = vars(event) | {"metrics": _metrics(event.metrics), "best": _checkpoint(event.best)}
                        yield pb.TrainResponse(finished=pb.TrainFinished(**values))
            if not is_owner():
                raise StaleLease("another worker has taken this run over", field="lease")

    def Evaluate(self, request: pb.EvaluateRequest, context: grpc.ServicerContext) -> Iterator[pb.EvaluateResponse]:
        spec = {
            "key": request.checkpoint.key,
            "sha256": request.checkpoint.sha256,
            "split": request.split,
            "protocol": _protocol(request.protocol),
            "device": request.device or "auto",
        }
        for event in self._evaluations.events("evaluate", spec, context.is_active):
            if isinstance(event, Heartbeat):
                total = round(event.epoch / max(event.epoch_fraction, 1e-9))
                yield pb.EvaluateResponse(progress=pb.EvaluateProgress(users_done=event.epoch, users_total=total))
            if isinstance(event, Evaluated):
                finished = pb.EvaluateFinished(
                    metrics=_metrics(event.metrics), users=event.users, seconds=event.seconds
                )
                yield pb.EvaluateResponse(finished=finished)

    def PruneCheckpoints(
        self, request: pb.PruneCheckpointsRequest, context: grpc.ServicerContext
    ) -> pb.PruneCheckpointsResponse:
        deleted = artifacts.prune(self._root, request.run_id, request.last_epoch, request.best_epoch)
        return pb.PruneCheckpointsResponse(deleted=deleted)

    def DeleteArtifacts(
        self, request: pb.DeleteArtifactsRequest, context: grpc.ServicerContext
    ) -> pb.DeleteArtifactsResponse:
        return pb.DeleteArtifactsResponse(deleted=artifacts.delete(self._root, list(request.keys)))


class Owners:
    """The highest lease seen of each run under way: a newer call ends an older one, an older one is refused."""

    def __init__(self) -> None:
        self._leases: dict[str, int] = {}
        self._changed = threading.Condition()
        self._active: set[str] = set()

    def own(self, run_id: str, lease: int) -> Ownership:
        return Ownership(self, run_id, lease)

    def enter(self, run_id: str, lease: int) -> None:
        with self._changed:
            if self._leases.get(run_id, -1) >= lease and run_id in self._active:
                raise StaleLease("a call with this lease or a newer one is under way", field="lease")
            if self._leases.get(run_id, -1) > lease:
                raise StaleLease("a newer owner of this run has called already", field="lease")
            self._leases[run_id] = lease
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: run_id not in self._active, timeout=10):
                raise StaleLease("the former training of this run has not ended yet", field="lease")
            if self._leases[run_id] != lease:
                raise StaleLease("a newer owner of this run has called already", field="lease")
            self._active.add(run_id)

    def leave(self, run_id: str) -> None:
        with self._changed:
            self._active.discard(run_id)
            self._changed.notify_all()

    def is_current(self, run_id: str, lease: int) -> bool:
        return self._leases.get(run_id) == lease


class Ownership:
    """Context of one Train call; its value tells whether the call still speaks for the run."""

    def __init__(self, owners: Owners, run_id: str, lease: int) -> None:
        self._owners, self._run_id, self._lease = owners, run_id, lease

    def __enter__(self) -> Ownership:
        self._owners.enter(self._run_id, self._lease)
        return self

    def __exit__(self, *_: object) -> None:
        self._owners.leave(self._run_id)

    def __call__(self) -> bool:
        return self._owners.is_current(self._run_id, self._lease)


def _whole(requests: Iterator[pb.UploadFileRequest]) -> Iterator[bytes]:
    """The chunks up to the final message. Raises InvalidRequest when the stream ends before it."""
    for request in requests:
        yield request.chunk
        if request.last:
            return
    raise InvalidRequest("the upload ended before its final message", field="last")


def main() -> int:
    """Entry point of `python -m trainer serve`."""
    try:
        settings = read("TRAINER_LISTEN", "127.0.0.1:50051")
    except BadSetting as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    log_as_json(settings.log_level)
    settings.artifacts.mkdir(parents=True, exist_ok=True)
    sweep_temporary(settings.artifacts)
    uploads.sweep(settings.artifacts)
    servicer = TrainerServicer(settings)
    threads = settings.slots + IMPORT_SLOTS + EVALUATION_SLOTS + SPARE_THREADS
    add = lambda server: trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)  # noqa: E731
    return serve(settings, "trainer", add, threads, servicer.stop)


def _protocol(message: pb.Protocol) -> dict[str, object]:
    if not message.cutoffs:
        raise InvalidRequest("protocol.cutoffs is empty", field="protocol.cutoffs")
    return {"mask_test": message.mask_test, "cutoffs": list(message.cutoffs)}


def _checkpoint(checkpoint: Checkpoint) -> pb.Checkpoint:
    return pb.Checkpoint(**vars(checkpoint))


def _metrics(metrics: list[Metric]) -> list[pb.Metric]:
    return [pb.Metric(**vars(metric)) for metric in metrics]
