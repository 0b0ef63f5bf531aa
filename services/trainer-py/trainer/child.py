"""The child process that does one piece of work: a training, an evaluation, an import or an export.

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
from collections.abc import Callable, Iterator
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

import torch
from setproctitle import setproctitle

from . import device
from .data.importing import Finished, ImportRule, Problem, Progress, SourceFile, import_dataset
from .errors import WORK, OutOfMemory, StorageFull, ValenceError
from .events import Event, ExportStep, Failed, Heartbeat, Imported, ImportProblem, ImportStep, Log, to_line
from .serving.exporting import ExportRequest, export
from .storage.durable import is_full
from .training.experiment import Protocol, Refit, RunSpec, evaluate_checkpoint, run

HEARTBEAT_SECONDS = 1.0


class EventPipe:
    """Writes events, from any thread; heartbeats only while there is progress, so that a hang can be seen."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._last_sign = 0.0
        self._step = 0

    def send(self, event: Event) -> None:
        with self._lock:
            self._stream.write(to_line(event) + "\n")
            self._stream.flush()

    def alive(self, epoch: int, fraction: float) -> None:
        self._step += 1
        self.sign(lambda: Heartbeat(self._step, epoch, fraction, device.peak_memory_bytes()))

    def sign(self, made: Callable[[], Event]) -> None:
        """Sends what is made, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._last_sign >= HEARTBEAT_SECONDS:
            self._last_sign = now
            self.send(made())


class _LogEvents(logging.Handler):
    def __init__(self, pipe: EventPipe) -> None:
        super().__init__(logging.INFO)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        self._pipe.send(Log(record.levelname.lower(), record.getMessage()))


def work(task: dict[str, Any], pipe: EventPipe) -> Iterator[Event]:
    root = Path(task["artifacts"])
    match task["kind"]:
        case "train":
            yield from run(_run_spec(task["spec"]), root, pipe.alive)
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
            )
        case "import":
            yield from _import(task["spec"], root, pipe)
        case "export":
            yield export(
                ExportRequest.of(task["spec"]), root, lambda done, total: pipe.sign(lambda: ExportStep(done, total))
            )


def _import(spec: dict[str, Any], root: Path, pipe: EventPipe) -> Iterator[Event]:
    def alive(progress: Progress) -> None:
        pipe.sign(lambda: ImportStep(**asdict(progress)))

    files = [SourceFile(file["role"], root / file["path"], file["display_name"]) for file in spec["files"]]
    for event in import_dataset(files, ImportRule.parse(spec["rule_json"]), root, spec["digest"], alive):
        match event:
            case Progress():
                yield ImportStep(**asdict(event))
            case Problem():
                yield ImportProblem(**asdict(event))
            case Finished():
                yield Imported(event.dataset.key, event.dataset.split_digest, event.statistics)


def _run_spec(values: dict[str, Any]) -> RunSpec:
    resume = values["resume_from"]
    refit = values["refit"]
    read = {
        "protocol": _protocol(values["protocol"]),
        "resume_from": tuple(resume) if resume else None,
        "refit": Refit(**refit) if refit else None,
    }
    return RunSpec(**{**values, **read})


def _protocol(values: dict[str, Any]) -> Protocol:
    return Protocol(values["mask_test"], tuple(values["cutoffs"]))


def failure_of(error: BaseException, kind: str) -> Failed:
    """What a person can act on; anything unexpected becomes `internal` and its traceback goes to the log."""
    known = error
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        name, remedy = WORK[kind]
        known = OutOfMemory(f"the {name} ran out of memory; try {remedy}")
    elif not isinstance(error, ValenceError) and is_full(error):
        known = StorageFull("the disk that holds the artifacts is full")
    if isinstance(known, ValenceError):
        return Failed(known.code, known.message, known.grpc_status, known.field)
    return Failed("internal", f"{type(error).__name__}: {error}"[:500], "INTERNAL")


def main(task: dict[str, Any], events: Connection, errors: Connection, lifeline: Connection) -> None:
    """Ends the process: with status 0, or with 1 when its last event is why it failed."""
    os.setsid()  # a Ctrl-C in the terminal is the server's to handle
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    os.dup2(errors.fileno(), sys.stderr.fileno())
    setproctitle(f"trainer.child {task['kind']} of {task['artifacts']}")
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    with os.fdopen(events.fileno(), "w", encoding="utf-8", closefd=False) as stream:
        sys.exit(_said(task, EventPipe(stream)))


def _said(task: dict[str, Any], pipe: EventPipe) -> int:
    logging.basicConfig(level=logging.INFO, handlers=[_LogEvents(pipe)])
    logging.captureWarnings(capture=True)
    if task.get("threads"):
        torch.set_num_threads(task["threads"])
    try:
        for event in work(task, pipe):
            pipe.send(event)
    except Exception as error:
        failed = failure_of(error, task["kind"])
        if failed.code == "internal":
            for line in traceback.format_exc().splitlines()[-20:]:
                pipe.send(Log("error", line))
        pipe.send(failed)
        return 1
    return 0


def _end_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: what can be read is its end
    os.kill(os.getpid(), signal.SIGKILL)
