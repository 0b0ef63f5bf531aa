"""Child processes of the server: start, relay their events, and make sure that they are gone.

They are forked from a process that has loaded what they need and has no threads: PyTorch and its optimisers take
seconds to load, which each child would spend before it starts to work. That process is itself forked from the trainer,
before the trainer has threads: PyTorch is loaded once for all of them.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import queue
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, forkserver, util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NoReturn

from setproctitle import setproctitle

from .. import child as work
from .. import tracing
from ..errors import WORK, Busy, NoFreeSlot, OutOfMemory, Stopping, TrainerCrashed, TrainerHung, ValenceError
from ..events import Event, Failed, Log, Rows, from_line
from ..settings import wants_traces
from ..storage import drafts

TERMINATE_SECONDS = 2.0
# A child that is done or cancelled needs a moment to end: the run after it should not be sent away for that.
SLOT_SECONDS = TERMINATE_SECONDS + 1
# Longer than any legal step, an import's merge or a kernel's first compilation included.
HANG_SECONDS = 120.0
POLL_SECONDS = 0.25
PREPARED_SECONDS = 10.0
# What forks them, killed and started again.
FORK_SECONDS = 30.0
# Messages of rows that wait for whoever takes them; a child with more of them waits.
MOST_WAITING = 8
_PIPEFUL = 2_000  # more messages of rows than a pipe of 64 KiB holds
_STOPPING = "the trainer is being stopped"
# What the first optimiser loads, and the first computation of VALID; where there is no numba, it is left out.
PRELOADED = [work.__name__, "torch._dynamo", "trainer.kernels.fused"]
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(PRELOADED)
# The end of a process can be read once, and every start reads those of all that have ended.
_ONE_AT_A_TIME = threading.Lock()


def prepare() -> None:
    """Forks the process that children are forked from. This process must not have threads yet, or anything of gRPC.

    Without it, or when that process dies, the standard library starts a new interpreter for the next child.
    """
    if wants_traces():
        tracing.load()
    with socket.socket(socket.AF_UNIX) as listener:
        address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
        listener.bind(address)
        if not util.is_abstract_socket_namespace(address):
            Path(address).chmod(0o600)
        listener.listen()
        ends, alive = os.pipe()
        gc.freeze()  # collecting what is loaded would copy the memory that the two share
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            _fork_children(listener.detach(), ends)
        os.close(ends)
    # As its own way of starting one leaves it; it has no public door for a process that is there already.
    vars(forkserver._forkserver).update(_forkserver_address=address, _forkserver_alive_fd=alive, _forkserver_pid=pid)


def _fork_children(listener: int, ends: int) -> NoReturn:
    """Until the trainer is gone, which `ends` tells."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is the trainer's to handle
        setproctitle("trainer forkserver")
        ready, _, _ = select.select([listener, ends], [], [], PREPARED_SECONDS)
        if ends not in ready:
            forkserver.main(listener, ends, PRELOADED)
    finally:
        os._exit(0)


def end() -> None:
    """Ends what children are forked from, so that nothing is left once this process is gone."""
    if (pid := vars(forkserver._forkserver)["_forkserver_pid"]) is not None:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


@dataclass(frozen=True)
class _Child:
    kind: str
    process: ForkServerProcess
    heard: queue.SimpleQueue[Event | None]
    room: threading.Semaphore  # for rows that nobody has taken yet
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
        task |= {"writer": drafts.writer(), "traceparent": tracing.traceparent()}
        drafts.live(self._artifacts)  # a disk that took nothing when the trainer started may do so by now
        kills = _oom_kills()
        (told, tells), (errors, error), (life, lifeline) = (FORKED.Pipe(duplex=False) for _ in range(3))
        with tells, error, life:  # the child's ends are its own
            process = _forked(task, tells, error, life)
        self._running[process] = key
        room = threading.Semaphore(MOST_WAITING)
        try:
            heard: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
            threading.Thread(target=_read_events, args=(told, heard, room), daemon=True).start()
            stderr_reader = threading.Thread(target=_read_stderr, args=(errors, heard), daemon=True)
            stderr_reader.start()
            yield from self._until_the_end(_Child(kind, process, heard, room, stderr_reader, kills), is_wanted)
        finally:
            _end(process)
            self._running.pop(process, None)
            if _status(process, 0) != 0 and not self._is_stopping:  # killed in the middle of a write, perhaps
                threading.Thread(target=drafts.sweep_after, args=(self._artifacts, process.pid), daemon=True).start()
            lifeline.close()
            room.release(_PIPEFUL)  # what is left in the pipe is read to its end

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
            yield event
            if not isinstance(event, Log):
                last_sign = time.monotonic()  # afterwards: a child that waits for who takes its rows does not hang
            if isinstance(event, Rows):
                child.room.release()

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
            process = FORKED.Process(target=work.main, args=given)
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
    """SIGTERM first; SIGKILL also takes a process that is stopped or stuck, and those of a training that are left."""
    if _status(process, 0) is None:
        process.terminate()
        if _status(process, TERMINATE_SECONDS) is None:
            process.kill()
            while _status(process, TERMINATE_SECONDS) is None:
                pass
    assert process.pid is not None  # noqa: S101 - it has been started
    with suppress(ProcessLookupError, PermissionError):  # a child leads a group of its own; mostly it is empty by now
        os.killpg(process.pid, signal.SIGKILL)


def _read_events(told: Connection, heard: queue.SimpleQueue[Event | None], room: threading.Semaphore) -> None:
    with told, os.fdopen(told.fileno(), encoding="utf-8", closefd=False) as stream:
        for line in stream:
            event = from_line(line)
            if isinstance(event, Rows):
                room.acquire()
            heard.put(event)
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
