"""From the trainer's messages to what they ask for, and from what happened to messages."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from .. import __version__, device, hardware, registry
from ..contract.recommender import Recommender
from ..data.importing import Head, Preview
from ..data.importing.heads import HEAD_BYTES, MOST_OFFSET
from ..errors import InvalidRequest
from ..evaluation.metrics import in_order
from ..events import Checkpoint, Evaluated, Finished, Metric
from ..pb.trainer.v1 import trainer_pb2 as pb
from ..process_group import MOST_PROCESSES
from ..serving.exporting import ExportRequest
from ..storage import artifacts
from ..storage.artifacts import Artifact
from . import erased_people, measures, uploads


def catalogue() -> pb.ListModelsResponse:
    return pb.ListModelsResponse(
        models=[_model(each) for each in registry.catalogue().values()],
        torch_version=torch.__version__,
        device=device.describe(device.choose("auto")),
        code_version=__version__,
    )


def machine(slots: int) -> pb.DescribeMachineResponse:
    return pb.DescribeMachineResponse(
        devices=[pb.Device(**asdict(each)) for each in hardware.devices()],
        memory_bytes=hardware.memory_bytes(),
        slots=slots,
        torch_version=torch.__version__,
        python_version=platform.python_version(),
        code_version=__version__,
    )


def _model(a_model: type[Recommender]) -> pb.Model:
    return pb.Model(
        name=a_model.name,
        title=a_model.title,
        paper=a_model.paper,
        paper_url=a_model.paper_url,
        family=a_model.family,
        summary=a_model.summary,
        capabilities=sorted(a_model.capabilities),
        config_schema_json=registry.config_schema(a_model),
    )


def export_request(message: pb.ExportRequest, root: Path) -> ExportRequest:
    """Raises UploadMissing."""
    live = message.live
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
        live=(str(uploads.path_of(root, live.upload_key)), live.sha256) if message.HasField("live") else None,
        erased=erased_people.hashes(message.erased),
    )


def staged(root: Path, files: Iterable[pb.DatasetFile]) -> list[dict[str, str]]:
    """Of the task of a child. Raises UploadMissing."""
    return [
        {
            "role": file.role,
            "path": str(uploads.path_of(root, file.upload_key)),
            "display_name": file.display_name or file.role,
        }
        for file in files
    ]


def heads(message: pb.PreviewDatasetRequest) -> list[Head]:
    for file in message.files:
        if len(file.head) > HEAD_BYTES:
            raise InvalidRequest(f"a preview takes the first {HEAD_BYTES} bytes of a file", field="files.head")
        if len(file.tail) > HEAD_BYTES:
            raise InvalidRequest(f"a preview takes the last {HEAD_BYTES} bytes of a file", field="files.tail")
        if not 0 <= file.tail_offset <= MOST_OFFSET:
            raise InvalidRequest(f"the end of a file begins at 0 to {MOST_OFFSET}", field="files.tail_offset")
    return [
        Head(file.role, file.display_name or "file", file.head, file.is_whole, file.tail, file.tail_offset)
        for file in message.files
    ]


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
    in_order(message.metrics)  # refuses what is no metric
    return {"mask_test": message.mask_test, "cutoffs": list(message.cutoffs), "metrics": list(message.metrics)}


def processes_of(message: pb.TrainRequest | pb.Configuration) -> int:
    """Raises InvalidRequest for more than a run can have."""
    if not 0 <= message.processes <= MOST_PROCESSES:
        raise InvalidRequest(f"processes is a number from 1 to {MOST_PROCESSES}", field="processes")
    return message.processes or 1


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
        "processes": processes_of(message),
        "allow_other_world_size": message.allow_other_world_size,
    }


def evaluation(message: pb.EvaluateRequest) -> dict[str, Any]:
    """The task of a child."""
    return {
        "key": message.checkpoint.key,
        "sha256": message.checkpoint.sha256,
        "split": message.split,
        "protocol": protocol(message.protocol),
        "device": message.device or "auto",
        "dataset_key": message.dataset_key,
        "evaluation_id": message.evaluation_id,
    }


def checkpoint(checkpoint: Checkpoint) -> pb.Checkpoint:
    return pb.Checkpoint(**vars(checkpoint))


def trained(event: Finished) -> pb.TrainFinished:
    return pb.TrainFinished(**(_measured(event) | {"best": checkpoint(event.best)}))


def evaluated(event: Evaluated) -> pb.EvaluateFinished:
    return pb.EvaluateFinished(**_measured(event))


def _measured(event: Finished | Evaluated) -> dict[str, Any]:
    """Fields of its message."""
    fields = vars(event) | {"metrics": metrics(event.metrics), "groups": measures.groups(event.groups)}
    fields["values"] = measures.values_ref(fields.pop("user_values"))
    return fields


def artifact(one: Artifact) -> pb.Artifact:
    return pb.Artifact(key=one.key, shape=one.shape, bytes=one.bytes, changed_ms=int(one.changed * 1000))


def metrics(metrics: list[Metric]) -> list[pb.Metric]:
    return [pb.Metric(**vars(metric)) for metric in metrics]
