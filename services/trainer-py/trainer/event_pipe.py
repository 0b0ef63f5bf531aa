"""What a child says: events, as JSON lines in a pipe."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TextIO

from . import device
from .events import Event, Heartbeat, Log, to_line

HEARTBEAT_SECONDS = 1.0


class EventPipe:
    """Writes events, from any thread; heartbeats only while there is progress, so that a hang can be seen."""

    def __init__(self, stream: TextIO, beginning: Event) -> None:
        """beginning: the sign of life before there is another."""
        self._stream = stream
        self._lock = threading.Lock()
        self._last_sign = 0.0
        self._step = 0
        self._made: Callable[[], Event] = lambda: beginning

    def send(self, event: Event) -> None:
        with self._lock:
            self._stream.write(to_line(event) + "\n")
            self._stream.flush()

    def alive(self, epoch: int, fraction: float) -> None:
        self._step += 1
        self.sign(lambda: Heartbeat(self._step, epoch, fraction, device.peak_memory_bytes()))

    def sign(self, made: Callable[[], Event]) -> None:
        """Sends what is made, unless that was done a moment ago."""
        self._made = made
        self.sign_again()

    def sign_again(self) -> None:
        """While bytes of an artifact travel there is progress, but none that has a number."""
        now = time.monotonic()
        if now - self._last_sign >= HEARTBEAT_SECONDS:
            self._last_sign = now
            self.send(self._made())


class LogEvents(logging.Handler):
    def __init__(self, pipe: EventPipe) -> None:
        super().__init__(logging.INFO)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        self._pipe.send(Log(record.levelname.lower(), record.getMessage()))
