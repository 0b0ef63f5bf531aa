"""The child process that does one piece of work: a training, an evaluation, a comparison, an import, rows for a feed,
or an export.

It writes events as JSON lines to one pipe and errors to another, and ends when its lifeline closes: a dead parent never
leaves a child behind.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from setproctitle import setproctitle

from . import tracing
from .data.importing import (
    Checked,
    FeedRule,
    Finished,
    ImportRule,
    Interactions,
    Items,
    Problem,
    Progress,
    SourceFile,
    import_dataset,
    read_rows,
)
from .errors import WORK, OutOfMemory, StorageFull, StoreUnavailable, UploadMissing, ValenceError
from .evaluation.comparing import CompareRequest
from .event_pipe import EventPipe, LogEvents
from .events import (
    Compared,
    CompareStep,
    Event,
    ExportStep,
    Failed,
    Heartbeat,
    Imported,
    ImportProblem,
    ImportStep,
    InteractionRows,
    ItemRows,
    Log,
    RowsChecked,
)
from .process_group import ALONE, ProcessGroup
from .serving.exporting import ExportRequest, export
from .storage import cache, drafts, object_store
from .storage.durable import READ_ONLY, is_full, is_read_only
from .torchrun import in_processes
from .training.experiment import Refit, RunSpec, evaluate_checkpoint, run
from .training.protocol import Protocol

# What fails for want of another process is no reason: torchrun, which looks ten times a second, sees that one first.
LOST_SECONDS = 1.0
# Mostly all fail alike, the first one tells why, and torchrun ends the others meanwhile. Who is left has failed alone.
TOLD_SECONDS = 10.0
# Of each kind of work: what it stands on may have to be fetched first, for longer than a child may be silent.
_BEGINNINGS: dict[str, Event] = {
    "train": Heartbeat(step=0, epoch=0, epoch_fraction=0.0, peak_memory_bytes=0),
    "evaluate": Heartbeat(step=0, epoch=0, epoch_fraction=0.0, peak_memory_bytes=0),
    "compare": CompareStep(0, 0),
    "import": ImportStep("unpacking", 0, 0.0, 0),
    "read": ImportStep("unpacking", 0, 0.0, 0),
    "export": ExportStep(0, 0),
}


def work(task: dict[str, Any], pipe: EventPipe, group: ProcessGroup) -> Iterator[Event]:
    root = Path(task["artifacts"])
    match task["kind"]:
        case "train":
            yield from run(_run_spec(task["spec"]), root, pipe.alive, group)
        case "evaluate":
            spec = task["spec"]
            yield evaluate_checkpoint(
                root,
                spec["key"],
                spec["sha256"],
                spec["split"],
                _protocol(spec["protocol"]),
                spec["device"],
                lambda done, total: pipe.alive(done, done / max(total, 1)),
                spec["dataset_key"],
                spec["evaluation_id"],
            )
        case "compare":
            yield _compare(task["spec"], root, pipe)
        case "import":
            yield from _import(task["spec"], root, pipe)
        case "read":
            yield from _read(task["spec"], root, pipe)
        case "export":
            yield export(
                ExportRequest.of(task["spec"]), root, lambda done, total: pipe.sign(lambda: ExportStep(done, total))
            )


def _compare(spec: dict[str, Any], root: Path, pipe: EventPipe) -> Event:
    # What it stands on takes a second to load, which the trainer's start need not wait for.
    from .evaluation.comparing.comparison import compare

    def alive(done: int, total: int) -> None:
        pipe.sign(lambda: CompareStep(done, total))

    return Compared(compare(root, CompareRequest.of(spec), alive))


def _import(spec: dict[str, Any], root: Path, pipe: EventPipe) -> Iterator[Event]:
    def alive(progress: Progress) -> None:
        pipe.sign(lambda: ImportStep(**asdict(progress)))

    rule = ImportRule.parse(spec["rule_json"])
    with _files(spec, root) as files:
        for event in import_dataset(files, rule, root, spec["digest"], alive):
            match event:
                case Progress():
                    yield ImportStep(**asdict(event))
                case Problem():
                    yield ImportProblem(**asdict(event))
                case Finished():
                    yield Imported(event.key, event.split_digest, event.statistics)


def _read(spec: dict[str, Any], root: Path, pipe: EventPipe) -> Iterator[Event]:
    def alive(progress: Progress) -> None:
        pipe.sign(lambda: ImportStep(**asdict(progress)))

    rule = FeedRule.parse(spec["rule_json"])
    with _files(spec, root) as files:
        for event in read_rows(files, rule, root, spec["latest_ms"], spec["skip"], alive):
            match event:
                case Progress():
                    yield ImportStep(**asdict(event))
                case Problem():
                    yield ImportProblem(**asdict(event))
                case Checked():
                    yield RowsChecked(**vars(event))
                case Interactions():
                    yield InteractionRows(**vars(event))
                case Items():
                    yield ItemRows(**vars(event))


@contextmanager
def _files(spec: dict[str, Any], root: Path) -> Iterator[list[SourceFile]]:
    """Raises UploadMissing."""
    with ExitStack() as held:
        files = []
        for file in spec["files"]:
            key, _, name = file["path"].rpartition("/")
            path = held.enter_context(cache.opened(root, key)) / name
            if not path.is_file():
                raise UploadMissing("an uploaded file is no longer there; upload it again", field="files.upload_key")
            files.append(SourceFile(file["role"], path, file["display_name"]))
        yield files


def _run_spec(values: dict[str, Any]) -> RunSpec:
    resume = values["resume_from"]
    refit = values["refit"]
    read = {
        "protocol": _protocol(values["protocol"]),
        "resume_from": tuple(resume) if resume else None,
        "refit": Refit(**refit) if refit else None,
    }
    return RunSpec(**{name: value for name, value in values.items() if name != "processes"} | read)


def _protocol(values: dict[str, Any]) -> Protocol:
    return Protocol(values["mask_test"], tuple(values["cutoffs"]), tuple(values["metrics"]))


def failure_of(error: BaseException, kind: str) -> Failed:
    """What a person can act on; anything unexpected becomes `internal` and its traceback goes to the log."""
    known = error
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        name, remedy = WORK[kind]
        known = OutOfMemory(f"the {name} ran out of memory; try {remedy}")
    elif not isinstance(error, ValenceError) and is_full(error):
        known = StorageFull("the disk that holds the artifacts is full")
    elif not isinstance(error, ValenceError) and is_read_only(error):
        known = StoreUnavailable(READ_ONLY)
    if isinstance(known, ValenceError):
        return Failed(known.code, known.message, known.grpc_status, known.field)
    return Failed("internal", f"{type(error).__name__}: {error}"[:500], "INTERNAL")


def main(task: dict[str, Any], events: Connection, errors: Connection, lifeline: Connection) -> None:
    """Ends the process: with status 0, or with 1 when its last event is why it failed."""
    os.setsid()  # a Ctrl-C in the terminal is the server's to handle
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    os.dup2(errors.fileno(), sys.stderr.fileno())
    if writer := task.get("writer"):
        drafts.write_for(writer)
    _begin(task, lifeline)
    processes = task["spec"].get("processes", 1)
    if processes == 1:
        _attempt(task, events, ALONE)
    else:

        def attempt(group: ProcessGroup) -> None:
            _begin(task, lifeline)
            _attempt(task, events, group)

        in_processes(processes, task["spec"]["run_id"], attempt)
    sys.exit(0)


def _begin(task: dict[str, Any], lifeline: Connection) -> None:
    setproctitle(f"trainer.child {task['kind']} of {task['artifacts']}")
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _attempt(task: dict[str, Any], events: Connection, group: ProcessGroup) -> None:
    """Of several processes the first one speaks, and one that has failed alone. Exits with 1 when it has failed."""
    # They share the pipe: a line shorter than PIPE_BUF is written whole.
    with (
        os.fdopen(events.fileno(), "w", encoding="utf-8", closefd=False) as stream,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
    ):
        beginning = _BEGINNINGS[task["kind"]]
        last_words = EventPipe(stream, beginning)
        pipe = last_words if group.is_first else EventPipe(nowhere, beginning)
        traceparent = task.get("traceparent") if group.is_first else None
        if traceparent:
            tracing.start("valence-trainer-child")
            # A collector that is away is no line of the run's log.
            logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        with tracing.span(f"child {task['kind']}", traceparent) as failed:
            failure = _failure(task, pipe, last_words, group)
            if failure is not None:
                failed(failure.code)
        tracing.end()
        if failure is not None:
            sys.exit(1)


def _failure(task: dict[str, Any], pipe: EventPipe, last_words: EventPipe, group: ProcessGroup) -> Failed | None:
    """Does the work; why it failed, where it did: its last event, unless that is for want of another process."""
    logging.basicConfig(level=logging.INFO, handlers=[LogEvents(pipe)])
    logging.captureWarnings(capture=True)
    object_store.tell_progress(pipe.sign_again)
    if threads := _threads(task.get("threads"), group):
        torch.set_num_threads(threads)
    try:
        for event in work(task, pipe, group):
            pipe.send(event)
    except Exception as error:
        failed = failure_of(error, task["kind"])
        if not group.is_first:
            time.sleep(TOLD_SECONDS)
        if failed.code == "internal":
            for line in traceback.format_exc().splitlines()[-20:]:
                last_words.send(Log("error", line))
        if failed.code == "internal" and group.size > 1:
            time.sleep(LOST_SECONDS)
        else:
            last_words.send(failed)
        return failed
    return None


def _threads(asked: int | None, group: ProcessGroup) -> int | None:
    """Of this process; None: as many as PyTorch takes. Several share what one would have."""
    return asked if group.size == 1 else max(1, (asked or torch.get_num_threads()) // group.size)


def _end_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: what can be read is its end
    os.killpg(os.getpgrp(), signal.SIGKILL)  # with every process of the work, also one that is stopped
