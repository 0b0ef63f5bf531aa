"""The trainer process: gRPC in front of child processes. It never trains in its own process."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import grpc

from ..data import dataset
from ..data.importing import ImportRule, preview_files
from ..errors import InvalidRequest, StaleLease
from ..events import (
    Epoch,
    Evaluated,
    Exported,
    ExportStep,
    Finished,
    Heartbeat,
    Imported,
    ImportProblem,
    ImportStep,
    Log,
    Started,
)
from ..pb.trainer.v1 import comparing_pb2 as cs
from ..pb.trainer.v1 import measures_pb2 as ms
from ..pb.trainer.v1 import searching_pb2 as se
from ..pb.trainer.v1 import trainer_pb2 as pb
from ..pb.trainer.v1 import trainer_pb2_grpc
from ..serving import exporting
from ..settings import BadSetting, Settings, read
from ..storage import artifacts, drafts
from . import comparing, configurations, measures, reading_rows, searching, uploads
from . import trainer_messages as messages
from .children import HANG_SECONDS, Children
from .owners import Owners
from .process import log_as_json, serve, unusable
from .slots import Slots

# Calls that take a moment (uploads, catalogue, deletes) beside the streams, each of which holds a thread.
SPARE_THREADS = 16
# An upload or a download holds its thread for as long as the client likes; the others are for who waits for an answer.
UPLOAD_SLOTS = 8
DOWNLOAD_SLOTS = 8
# These work in this process, and leave threads to everybody else.
PREVIEW_SLOTS = 4
SAMPLE_SLOTS = 2
IMPORT_SLOTS = 2
READING_SLOTS = 2
EVALUATION_SLOTS = 1
COMPARISON_SLOTS = 1
EXPORT_SLOTS = 1
# An export may name 100,000 users by ids of 512 bytes.
MOST_RECEIVED = 64 << 20
# Of one message: far below what a message may hold, and often enough that a broken call ends soon.
ARTIFACTS_AT_ONCE = 500


class TrainerServicer(trainer_pb2_grpc.TrainerServiceServicer):
    """Messages in, messages out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root: Path = settings.artifacts
        hang = HANG_SECONDS / settings.timing_scale
        self._trainings = Children(settings.slots, self._root, settings.threads, hang)
        self._imports = Children(IMPORT_SLOTS, self._root, settings.threads, hang)
        self._readings = Children(READING_SLOTS, self._root, settings.threads, hang)
        self._evaluations = Children(EVALUATION_SLOTS, self._root, settings.threads, hang)
        self._comparisons = Children(COMPARISON_SLOTS, self._root, settings.threads, hang)
        self._exports = Children(EXPORT_SLOTS, self._root, settings.threads, hang)
        full = "are under way, which is as many as this trainer"
        self._downloads = Slots(DOWNLOAD_SLOTS, f"{DOWNLOAD_SLOTS} downloads {full} gives")
        self._uploads = Slots(UPLOAD_SLOTS, f"{UPLOAD_SLOTS} uploads {full} takes")
        self._previews = Slots(PREVIEW_SLOTS, f"{PREVIEW_SLOTS} previews {full} makes")
        self._samples = Slots(SAMPLE_SLOTS, f"{SAMPLE_SLOTS} samples {full} makes")
        self._owners = Owners()

    def stop(self) -> None:
        measuring = (self._trainings, self._evaluations, self._comparisons)
        for children in (*measuring, self._imports, self._readings, self._exports):
            children.stop()

    def ListModels(self, request: pb.ListModelsRequest, context: grpc.ServicerContext) -> pb.ListModelsResponse:
        return messages.catalogue()

    def DescribeMachine(
        self, request: pb.DescribeMachineRequest, context: grpc.ServicerContext
    ) -> pb.DescribeMachineResponse:
        return messages.machine(self._settings.slots)

    def CheckConfigurations(
        self, request: pb.CheckConfigurationsRequest, context: grpc.ServicerContext
    ) -> pb.CheckConfigurationsResponse:
        return configurations.checked(request)

    def Estimate(self, request: pb.EstimateRequest, context: grpc.ServicerContext) -> pb.EstimateResponse:
        return configurations.estimated(request)

    def UploadFile(
        self, request_iterator: Iterator[pb.UploadFileRequest], context: grpc.ServicerContext
    ) -> pb.UploadFileResponse:
        with self._uploads.one():
            staged = uploads.stage(self._root, _whole(request_iterator), self._settings.most_upload_bytes)
        return pb.UploadFileResponse(upload_key=staged.key, bytes=staged.bytes, sha256=staged.sha256)

    def StageSample(self, request: pb.StageSampleRequest, context: grpc.ServicerContext) -> pb.StageSampleResponse:
        with self._samples.one():
            staged = uploads.stage_sample(self._root)
        return pb.StageSampleResponse(
            files=[
                pb.SampleFile(role=role, display_name=name, upload_key=one.key, bytes=one.bytes, sha256=one.sha256)
                for role, name, one in staged
            ]
        )

    def PreviewDataset(
        self, request: pb.PreviewDatasetRequest, context: grpc.ServicerContext
    ) -> pb.PreviewDatasetResponse:
        rule = ImportRule.parse(request.rule_json)
        with self._previews.one():
            return messages.previewed(preview_files(messages.heads(request), rule))

    def ImportDataset(
        self, request: pb.ImportDatasetRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ImportDatasetResponse]:
        files = messages.staged(self._root, request.files)
        spec = {"files": files, "rule_json": request.rule_json, "digest": request.digest}
        for event in self._imports.events("import", dataset.key_of(request.digest), spec, context.is_active):
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

    def ReadRows(self, request: pb.ReadRowsRequest, context: grpc.ServicerContext) -> Iterator[pb.ReadRowsResponse]:
        yield from reading_rows.rows(self._readings, self._root, request, context)

    def CheckDataset(self, request: pb.CheckDatasetRequest, context: grpc.ServicerContext) -> pb.CheckDatasetResponse:
        return pb.CheckDatasetResponse(is_whole=dataset.is_whole(self._root, request.dataset_key))

    def CheckUploads(self, request: pb.CheckUploadsRequest, context: grpc.ServicerContext) -> pb.CheckUploadsResponse:
        return pb.CheckUploadsResponse(missing_keys=uploads.missing(self._root, request.upload_keys))

    def Train(self, request: pb.TrainRequest, context: grpc.ServicerContext) -> Iterator[pb.TrainResponse]:
        spec = messages.training(request)
        with self._owners.own(request.run_id, request.lease) as is_owner:
            wanted = lambda: context.is_active() and is_owner()  # noqa: E731
            for event in self._trainings.events("train", f"runs/{request.run_id}", spec, wanted):
                match event:
                    case Started():
                        yield pb.TrainResponse(started=pb.TrainStarted(**vars(event)))
                    case Epoch():
                        values = vars(event) | {
                            "metrics": messages.metrics(event.metrics),
                            "checkpoint": messages.checkpoint(event.checkpoint),
                        }
                        yield pb.TrainResponse(epoch=pb.TrainEpoch(**values))
                    case Heartbeat():
                        yield pb.TrainResponse(heartbeat=pb.TrainHeartbeat(**vars(event)))
                    case Log():
                        yield pb.TrainResponse(log=pb.LogLine(**vars(event)))
                    case Finished():
                        yield pb.TrainResponse(finished=messages.trained(event))
            if not is_owner():
                raise StaleLease("another worker has taken this run over", field="lease")

    def Evaluate(self, request: pb.EvaluateRequest, context: grpc.ServicerContext) -> Iterator[pb.EvaluateResponse]:
        spec = messages.evaluation(request)
        key = artifacts.values_key(request.evaluation_id)
        for event in self._evaluations.events("evaluate", key, spec, context.is_active):
            if isinstance(event, Heartbeat):
                total = round(event.epoch / max(event.epoch_fraction, 1e-9))
                yield pb.EvaluateResponse(progress=pb.EvaluateProgress(users_done=event.epoch, users_total=total))
            if isinstance(event, Evaluated):
                yield pb.EvaluateResponse(finished=messages.evaluated(event))

    def ListMetrics(self, request: ms.ListMetricsRequest, context: grpc.ServicerContext) -> ms.ListMetricsResponse:
        return measures.catalogue()

    def ReadUserValues(
        self, request: pb.ReadUserValuesRequest, context: grpc.ServicerContext
    ) -> ms.ReadUserValuesResponse:
        return measures.page(self._root, request)

    def DownloadUserValues(
        self, request: pb.DownloadUserValuesRequest, context: grpc.ServicerContext
    ) -> Iterator[ms.DownloadUserValuesResponse]:
        with self._downloads.one():
            yield from measures.download(self._root, request)

    def Compare(self, request: cs.CompareRequest, context: grpc.ServicerContext) -> Iterator[cs.CompareResponse]:
        yield from comparing.comparison(self._comparisons, request, context)

    def ProposeTrial(self, request: se.ProposeTrialRequest, context: grpc.ServicerContext) -> se.ProposeTrialResponse:
        return searching.proposal(request)

    def JudgeTrial(self, request: se.JudgeTrialRequest, context: grpc.ServicerContext) -> se.JudgeTrialResponse:
        return searching.judgement(request)

    def WeighFields(self, request: se.WeighFieldsRequest, context: grpc.ServicerContext) -> se.WeighFieldsResponse:
        return searching.weights(request)

    def Export(self, request: pb.ExportRequest, context: grpc.ServicerContext) -> Iterator[pb.ExportResponse]:
        spec = asdict(messages.export_request(request, self._root))
        key = artifacts.export_key(request.export_id)
        with self._owners.own(request.export_id, request.lease) as is_owner:
            wanted = lambda: context.is_active() and is_owner()  # noqa: E731
            for event in self._exports.events("export", key, spec, wanted):
                match event:
                    case ExportStep() if event.users_total:  # it is not known before all has been fetched
                        yield pb.ExportResponse(progress=pb.ExportProgress(**vars(event)))
                    case Exported():
                        yield pb.ExportResponse(finished=pb.ExportFinished(**vars(event)))
            if not is_owner():
                raise StaleLease("another worker has taken this export over", field="lease")

    def ReadExport(
        self, request: pb.ReadExportRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadExportResponse]:
        with self._downloads.one():
            for chunk in exporting.read(self._root, request.key, request.offset):
                yield pb.ReadExportResponse(chunk=chunk)

    def PruneCheckpoints(
        self, request: pb.PruneCheckpointsRequest, context: grpc.ServicerContext
    ) -> pb.PruneCheckpointsResponse:
        # A worker of an earlier version may ask during an upgrade. Nothing goes by its word: a backup may hold it.
        return pb.PruneCheckpointsResponse(deleted=0)

    def DeleteArtifacts(
        self, request: pb.DeleteArtifactsRequest, context: grpc.ServicerContext
    ) -> pb.DeleteArtifactsResponse:
        keys = list(request.keys)
        # Work that was cancelled a moment ago may still write what is to be gone, a training also values of its run.
        written_by = [*keys, *(key.replace("values/", "runs/") for key in keys if artifacts.is_values_key(key))]
        for children in (self._imports, self._trainings, self._evaluations, self._exports):
            children.wait_for(written_by)
        return pb.DeleteArtifactsResponse(deleted=artifacts.delete(self._root, keys, context.is_active))

    def ListArtifacts(
        self, request: pb.ListArtifactsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ListArtifactsResponse]:
        usage = shutil.disk_usage(self._root)
        yield pb.ListArtifactsResponse(disk=pb.Disk(free_bytes=usage.free, total_bytes=usage.total))
        listing = artifacts.listing(self._root)
        while some := list(itertools.islice(listing, ARTIFACTS_AT_ONCE)):
            yield pb.ListArtifactsResponse(artifacts=[messages.artifact(one) for one in some])


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
    if (refused := unusable(settings)) is not None:
        return refused
    settings.artifacts.mkdir(parents=True, exist_ok=True)
    drafts.sweep(settings.artifacts)
    drafts.live(settings.artifacts)
    uploads.sweep(settings.artifacts)
    servicer = TrainerServicer(settings)
    streams = settings.slots + IMPORT_SLOTS + READING_SLOTS + DOWNLOAD_SLOTS
    streams += EVALUATION_SLOTS + COMPARISON_SLOTS + EXPORT_SLOTS
    add = lambda server: trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)  # noqa: E731
    return serve(settings, "trainer", add, streams + SPARE_THREADS, servicer.stop, MOST_RECEIVED)
