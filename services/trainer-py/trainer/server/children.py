"""Child processes of the server: start, relay their events, and make sure that they are gone.

They are forked from a process that has loaded what they need and has no threads: PyTorch and its optimisers take
seconds to load, which each child would spend before it starts to work.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from .. import child as work
from ..errors import WORK, Busy, NoFreeSlot, OutOfMemory, Stopping, TrainerCrashed, TrainerHung, ValenceError
from ..events import Event, Failed, Log, from_line

TERMINATE_SECONDS = 2.0
# A child that is done or cancelled needs a moment to end: the run after it should not be sent away for that.
SLOT_SECONDS = TERMINATE_SECONDS + 1
# Longer than any legal step, an import's merge or a kernel's first compilation included.
HANG_SECONDS = 120.0
POLL_SECONDS = 0.25
PREPARED_SECONDS = 10.0
# What forks them, killed and started again.
FORK_SECONDS = 30.0
_STOPPING = "the trainer is being stopped"
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([work.__name__, "torch._dynamo"])  # the latter is what the first optimiser loads
# The end of a process can be read once, and every start reads those of all that have ended.
_ONE_AT_A_TIME = threading.Lock()


def prepare() -> None:
    """Starts the process that children are forked from in a moment, unless the first child does so before."""
    # Not at once: whoever waits for this process to answer would wait for that one, too.
    prepared = threading.Timer(PREPARED_SECONDS, forkserver.ensure_running)
    prepared.daemon = True
    prepared.start()


@dataclass(frozen=True)
class _Child:
    kind: str
    process: ForkServerProcess
    heard: queue.SimpleQueue[Event | None]
    stderr_reader: threading.Thread
    oom_kills: int  # of the control group, before it started


class Children:
    """Runs at most `slots` pieces of work of one kind at a time."""

    def __init__(self, slots: int, artifacts: Path, threads: int | None, hang_seconds: float) -> None:
        self._free = threading.BoundedSemaphore(slots)
        self._artifacts = artifacts
        self._threads = threads
        self._hang_seconds = hang_seconds
        # Every child, and the key of the artifact that it makes or reads.
        self._running: dict[ForkServerProcess, str] = {}
        self._is_stopping = False

    def events(self, kind: str, key: str, spec: dict[str, Any], is_wanted: Callable[[], bool]) -> Iterator[Event]:
        """The child's events until it ends; the child is gone when this generator is. `key`: of the artifact at work.

        Raises NoFreeSlot when all are taken and none becomes free in a moment, Stopping when the server ends, and the
        child's own error at its end: out of memory, crashed and hung children included.
        """
        if not self._free.acquire(timeout=SLOT_SECONDS):
            raise NoFreeSlot(f"every {kind} slot of this trainer is taken")
        try:
            if self._is_stopping:
                raise Stopping(_STOPPING)
            yield from self._relay(kind, key, spec, is_wanted)
        finally:
            self._free.release()

    def stop(self) -> None:
        """Ends every child because the server ends: their callers hear Stopping, not that something crashed."""
        self._is_stopping = True
        for child in list(self._running):
            _end(child)

    def wait_for(self, keys: list[str]) -> None:
        """Returns once no child works on these artifacts. Raises Busy when one does for longer than an end takes."""
        deadline = time.monotonic() + SLOT_SECONDS
        while not set(self._running.copy().values()).isdisjoint(keys):
            if time.monotonic() > deadline:
                raise Busy("work on this artifact is under way")
            time.sleep(POLL_SECONDS / 5)

    def _relay(self, kind: str, key: str, spec: dict[str, Any], is_wanted: Callable[[], bool]) -> Iterator[Event]:
        task = {"kind": kind, "artifacts": str(self._artifacts), "threads": self._threads, "spec": spec}
        kills = _oom_kills()
        (told, tells), (errors, error), (life, lifeline) = (_FORKED.Pipe(duplex=False) for _ in range(3))
        with tells, error, life:  # the child's ends are its own
            process = _forked(task, tells, error, life)
        self._running[process] = key
        try:
            heard: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
            threading.Thread(target=_read_events, args=(told, heard), daemon=True).start()
            stderr_reader = threading.Thread(target=_read_stderr, args=(errors, heard), daemon=True)
            stderr_reader.start()
            yield from self._until_the_end(_Child(kind, process, heard, stderr_reader, kills), is_wanted)
        finally:
            _end(process)
            self._running.pop(process, None)
            lifeline.close()

    def _until_the_end(self, child: _Child, is_wanted: Callable[[], bool]) -> Iterator[Event]:
        last_sign = time.monotonic()
        failed: Failed | None = None
        while is_wanted():
            try:
                event = child.heard.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if time.monotonic() - last_sign > self._hang_seconds:
                    raise TrainerHung(f"no progress for {self._hang_seconds:.0f} s; the process was killed") from None
                continue
            if event is None:  # the pipe is closed
                yield from _last_words(child)
                self._raise_end(child, failed)
                return
            if isinstance(event, Failed):
                failed = event
                continue
            if not isinstance(event, Log):
                last_sign = time.monotonic()
            yield event

    def _raise_end(self, child: _Child, failed: Failed | None) -> None:
        if failed is not None:
            error = ValenceError(failed.message, field=failed.field, code=failed.code)
            error.grpc_status = failed.grpc_status
            raise error
        status = _status(child.process, 30)
        if status == 0:
            return
        if self._is_stopping:
            raise Stopping(_STOPPING)
        name, remedy = WORK[child.kind]
        if status is None:
            raise TrainerHung("it closed its pipe and did not end; the process was killed")
        if status == -signal.SIGKILL and _oom_kills() > child.oom_kills:
            raise OutOfMemory(f"the system ended the {name} for want of memory; try {remedy}")
        end = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        raise TrainerCrashed(f"the process of the {name} ended with {end}")


def _last_words(child: _Child) -> Iterator[Event]:
    """What a dying process still writes on stderr once its event pipe is closed: there stands why it died."""
    child.stderr_reader.join(TERMINATE_SECONDS)
    while not child.heard.empty():
        event = child.heard.get()
        if event is not None:
            yield event


def _forked(*given: Any) -> ForkServerProcess:
    deadline = time.monotonic() + FORK_SECONDS
    while time.monotonic() < deadline:
        with _ONE_AT_A_TIME, suppress(EOFError, ConnectionError):  # what forks has died; the next start finds that out
            process = _FORKED.Process(target=work.main, args=given)
            process.start()
            return process
        time.sleep(POLL_SECONDS)
    raise TrainerCrashed("the process that starts the work is killed again and again")


def _status(process: ForkServerProcess, seconds: float) -> int | None:
    """The exit status, a signal below 0; None when it has not ended in time."""
    connection.wait([process.sentinel], seconds)
    with _ONE_AT_A_TIME:
        return process.exitcode


def _end(process: ForkServerProcess) -> None:
    """SIGTERM first; SIGKILL also takes a process that is stopped or stuck."""
    if _status(process, 0) is None:
        process.terminate()
        if _status(process, TERMINATE_SECONDS) is None:
            process.kill()
            while _status(process, TERMINATE_SECONDS) is None:
                pass


def _read_events(told: Connection, heard: queue.SimpleQueue[Event | None]) -> None:
    with told, os.fdopen(told.fileno(), encoding="utf-8", closefd=False) as stream:
        for line in stream:
            heard.put(from_line(line))
    heard.put(None)


def _read_stderr(errors: Connection, heard: queue.SimpleQueue[Event | None]) -> None:
    with errors, os.fdopen(errors.fileno(), "rb", closefd=False) as stream:
        for line in stream:
            heard.put(Log("warning", line.decode(errors="replace").rstrip()[:2000]))


def _oom_kills() -> int:
    """Processes of our control group that the kernel has killed for want of memory, as far as it can be read."""
    for path in ("/sys/fs/cgroup/memory.events", "/proc/vmstat"):
        try:
            for line in Path(path).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        except OSError:
            continue
    return 0
