"""Child processes of the server: start, relay their events, and make sure that they are gone."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WORK, Busy, NoFreeSlot, OutOfMemory, Stopping, TrainerCrashed, TrainerHung, ValenceError
from ..events import Event, Failed, Log, from_line

TERMINATE_SECONDS = 2.0
# A child that is done or cancelled needs a moment to end: the run after it should not be sent away for that.
SLOT_SECONDS = TERMINATE_SECONDS + 1
# Longer than any legal step, an import's merge or a kernel's first compilation included.
HANG_SECONDS = 120.0
POLL_SECONDS = 0.25
_STOPPING = "the trainer is being stopped"


@dataclass(frozen=True)
class _Child:
    kind: str
    process: subprocess.Popen[bytes]
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
        self._running: dict[subprocess.Popen[bytes], str] = {}
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
        read, write = os.pipe()
        kills = _oom_kills()
        with subprocess.Popen(
            [sys.executable, "-m", "trainer.child", str(write)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[write],
            cwd=Path(__file__).parents[2],
            start_new_session=True,  # a Ctrl-C in the terminal is the server's to handle
        ) as child:
            os.close(write)
            self._running[child] = key
            heard: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
            try:
                task = {"kind": kind, "artifacts": str(self._artifacts), "threads": self._threads, "spec": spec}
                assert child.stdin is not None  # noqa: S101 - asked for above
                child.stdin.write(json.dumps(task).encode() + b"\n")
                child.stdin.flush()
                threading.Thread(target=_read_events, args=(read, heard), daemon=True).start()
                stderr_reader = threading.Thread(target=_read_stderr, args=(child, heard), daemon=True)
                stderr_reader.start()
                yield from self._until_the_end(_Child(kind, child, heard, stderr_reader, kills), is_wanted)
            finally:
                _end(child)
                self._running.pop(child, None)

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
        status = child.process.wait(timeout=30)
        if status == 0:
            return
        if self._is_stopping:
            raise Stopping(_STOPPING)
        name, remedy = WORK[child.kind]
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


def _end(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM first; SIGKILL also takes a process that is stopped or stuck."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _read_events(descriptor: int, heard: queue.SimpleQueue[Event | None]) -> None:
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        for line in stream:
            heard.put(from_line(line))
    heard.put(None)


def _read_stderr(child: subprocess.Popen[bytes], heard: queue.SimpleQueue[Event | None]) -> None:
    assert child.stderr is not None  # noqa: S101 - asked for above
    for line in child.stderr:
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
