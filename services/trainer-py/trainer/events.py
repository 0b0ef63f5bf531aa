"""What a run tells its watchers. They cross the pipe from the training child as JSON lines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, get_args


@dataclass(frozen=True)
class Checkpoint:
    key: str
    sha256: str
    bytes: int
    epoch: int


@dataclass(frozen=True)
class UserValuesRef:
    """The kept values of single users; sha256 is that of their manifest, bytes of all files."""

    key: str
    sha256: str
    bytes: int
    users: int


@dataclass(frozen=True)
class Metric:
    split: str
    name: str
    value: float


@dataclass(frozen=True)
class MetricGroup:
    """What was measured of some users, or by some items. by: activity or popularity; first, last: interactions in
    training; metrics: by name with cut-off, none where nobody is measured."""

    by: str
    group: str
    first: int
    last: int
    users: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Started:
    device: str
    torch_version: str
    code_version: str
    parameters: int
    max_epochs: int
    resumed_epoch: int


@dataclass(frozen=True)
class Epoch:
    """An epoch that is over, with the checkpoint that holds its end."""

    epoch: int
    metrics: list[Metric]
    seconds: float
    seconds_left: float
    checkpoint: Checkpoint
    best_epoch: int
    best_value: float
    """NaN where no validation item measures it; `best_epoch` is the last one then."""
    steps: int
    """Taken since the start of the run: of the optimiser, or sweeps; 1 of a closed form."""


@dataclass(frozen=True)
class Heartbeat:
    """step: signs of progress in this process (batches of training and of validation); it grows while it works."""

    step: int
    epoch: int
    epoch_fraction: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class Log:
    level: str
    message: str


@dataclass(frozen=True)
class Finished:
    best: Checkpoint
    metrics: list[Metric]
    reason: str
    epochs: int
    seconds: float
    peak_memory_bytes: int
    parameters_sha256: str
    user_values: UserValuesRef | None = None
    """None of a refit, and where nobody is measured."""
    groups: list[MetricGroup] = field(default_factory=list)


@dataclass(frozen=True)
class EvaluateStep:
    users_done: int
    users_total: int


@dataclass(frozen=True)
class Evaluated:
    """Of a named dataset only: interactions of the part that the checkpoint has learnt from, and items that it does not
    know. user_values: None where nobody is measured."""

    metrics: list[Metric]
    users: int
    seconds: float
    learnt_from: int = 0
    unknown_items: int = 0
    user_values: UserValuesRef | None = None
    groups: list[MetricGroup] = field(default_factory=list)


@dataclass(frozen=True)
class CompareStep:
    done: int
    total: int


@dataclass(frozen=True)
class Compared:
    """result: the fields of trainer.v1.CompareFinished."""

    result: dict[str, Any]


@dataclass(frozen=True)
class ExportStep:
    users_done: int
    users_total: int


@dataclass(frozen=True)
class Exported:
    """rows: lines of ndjson, one a user; rows of csv and parquet, one a recommendation."""

    key: str
    bytes: int
    sha256: str
    rows: int
    users: int
    unknown_users: int


@dataclass(frozen=True)
class Failed:
    """The last word of a child that could not go on; code and status as in errors.py."""

    code: str
    message: str
    grpc_status: str
    field: str = ""


@dataclass(frozen=True)
class Imported:
    dataset_key: str
    split_digest: str
    statistics: dict[str, Any]


@dataclass(frozen=True)
class ImportStep:
    stage: str
    rows_read: int
    fraction: float
    problems: int


@dataclass(frozen=True)
class ImportProblem:
    code: str
    file: str
    line: int
    column: str
    message: str


@dataclass(frozen=True)
class RowsChecked:
    """Files that go into a feed have been read once and are good. bad: rows that are left out."""

    interactions: int
    items: int
    bad: int
    problems: int


@dataclass(frozen=True)
class InteractionRows:
    """Columns of the same length. at_ms: since 1970 UTC; values: NaN where there is none."""

    users: list[str]
    items: list[str]
    at_ms: list[int]
    values: list[float]


@dataclass(frozen=True)
class ItemRows:
    """Columns of the same length; a title is empty where nothing is said."""

    items: list[str]
    titles: list[str]
    tags: list[list[str]]


Training = Started | Epoch | Heartbeat | Log | Finished
Evaluation = EvaluateStep | Evaluated
Comparison = CompareStep | Compared
Import = ImportStep | ImportProblem | Imported
Export = ExportStep | Exported
Rows = InteractionRows | ItemRows
Event = Training | Evaluation | Comparison | Import | Export | RowsChecked | Rows | Failed

_TYPES: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


def to_line(event: Event) -> str:
    return json.dumps({"type": type(event).__name__, **asdict(event)}, ensure_ascii=True)


def from_line(line: str) -> Event:
    values = json.loads(line)
    kind = _TYPES[values.pop("type")]
    if "metrics" in values:
        values["metrics"] = [Metric(**metric) for metric in values["metrics"]]
    for name in ("checkpoint", "best"):
        if name in values:
            values[name] = Checkpoint(**values[name])
    if values.get("user_values"):
        values["user_values"] = UserValuesRef(**values["user_values"])
    if "groups" in values:
        values["groups"] = [MetricGroup(**group) for group in values["groups"]]
    event: Event = kind(**values)
    return event
