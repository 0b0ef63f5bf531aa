"""From the trainer's messages to what they ask for, and from what happened to messages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..data.importing import Head, Preview
from ..data.importing.preview import HEAD_BYTES
from ..errors import InvalidRequest
from ..events import Checkpoint, Metric
from ..pb.trainer.v1 import trainer_pb2 as pb
from ..serving.exporting import ExportRequest
from ..storage import artifacts
from ..storage.artifacts import Artifact


def export_request(message: pb.ExportRequest) -> ExportRequest:
    return ExportRequest(
        export_id=message.export_id,
        key=message.checkpoint.key,
        sha256=message.checkpoint.sha256,
        n=message.n,
        format=message.format,
        explain=message.explain,
        users=tuple(message.users),
        hidden=tuple(message.hidden),
        device=message.device or "auto",
    )


def heads(message: pb.PreviewDatasetRequest) -> list[Head]:
    if any(len(file.head) > HEAD_BYTES for file in message.files):
        raise InvalidRequest(f"a preview takes the first {HEAD_BYTES} bytes of a file", field="files.head")
    return [Head(file.role, file.display_name or "file", file.head, file.is_whole) for file in message.files]


def previewed(preview: Preview) -> pb.PreviewDatasetResponse:
    tables = [
        pb.PreviewedTable(
            **{
                **vars(table),
                "columns": [pb.PreviewedColumn(**asdict(column)) for column in table.columns],
                "rows": [pb.PreviewedRow(cells=row) for row in table.rows],
            }
        )
        for table in preview.tables
    ]
    problems, warnings = (
        [pb.ImportProblem(**asdict(one)) for one in told] for told in (preview.problems, preview.warnings)
    )
    return pb.PreviewDatasetResponse(tables=tables, problems=problems, warnings=warnings)


def protocol(message: pb.Protocol) -> dict[str, object]:
    if not message.cutoffs:
        raise InvalidRequest("protocol.cutoffs is empty", field="protocol.cutoffs")
    return {"mask_test": message.mask_test, "cutoffs": list(message.cutoffs)}


def training(message: pb.TrainRequest) -> dict[str, Any]:
    """The task of a child; what it can refuse only by the dataset or the model is left to it."""
    artifacts.checkpoint_key(message.run_id, 0)  # refuses what is no run id
    if message.seed < 0:
        raise InvalidRequest(f"seed must be 0 or more, not {message.seed}", field="seed")
    resume, refit = message.resume_from, message.refit
    return {
        "run_id": message.run_id,
        "model": message.model,
        "config_json": message.config_json,
        "dataset_key": message.dataset_key,
        "seed": message.seed,
        "protocol": protocol(message.protocol),
        "resume_from": [resume.key, resume.sha256] if message.HasField("resume_from") else None,
        "device": message.device or "auto",
        "refit": {"of": refit.of, "epoch": refit.epoch, "steps": refit.steps} if message.HasField("refit") else None,
    }


def checkpoint(checkpoint: Checkpoint) -> pb.Checkpoint:
    return pb.Checkpoint(**vars(checkpoint))


def artifact(one: Artifact) -> pb.Artifact:
    return pb.Artifact(key=one.key, shape=one.shape, bytes=one.bytes, changed_ms=int(one.changed * 1000))


def metrics(metrics: list[Metric]) -> list[pb.Metric]:
    return [pb.Metric(**vars(metric)) for metric in metrics]
