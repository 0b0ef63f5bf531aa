"""What both gRPC processes share: options, health, logs as JSON lines, and an orderly end."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NoReturn

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from .. import tracing
from ..errors import StoreUnavailable, ValenceError
from ..settings import Settings
from ..storage import cache
from .status import StatusInterceptor
from .traces import TraceInterceptor

GRACE_SECONDS = 5.0
MESSAGE_BYTES = 4 << 20
_OPTIONS = [
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # Clients ping every 10 s; without these the server answers such pings with GOAWAY.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),  # a second process on the same port is a mistake, not a share of the load
]
_LEVELS = {"trace": logging.DEBUG, "warn": logging.WARNING, "fatal": logging.CRITICAL, "silent": logging.CRITICAL + 1}


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname.lower(), "time": int(record.created * 1000), "name": record.name}
        line["msg"] = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            line["err"] = described(record.exc_info[1])
        return json.dumps(line)


def described(error: BaseException) -> str:
    """Kind and place of an error and of its causes. Not its message: that of a library may quote somebody's data."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        lines += traceback.format_tb(seen.__traceback__)
        told = f": {seen.strerror}" if isinstance(seen, OSError) and seen.strerror else ""
        lines.append(f"{type(seen).__name__}{told}\n")
        seen = seen.__cause__ or seen.__context__
    return "".join(lines)


def log_as_json(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=_LEVELS.get(level, level.upper()), handlers=[handler], force=True)


def unusable(settings: Settings) -> int | None:
    """The exit status where the artifacts' object store or its cache cannot be used, once that is said: 2 for a wrong
    setting, 1 for what may pass."""
    if not settings.store:
        return None
    try:
        cache.begin(settings.artifacts, settings.store, settings.cache_bytes)
    except ValenceError as error:
        logging.getLogger(__name__).error("%s", error.message)
        return 1 if isinstance(error, StoreUnavailable) else 2
    except OSError as error:
        logging.getLogger(__name__).error(
            "VALENCE_CACHE names %s, which cannot be used: %s", settings.artifacts, error.strerror
        )
        return 2
    return None


def serve(
    settings: Settings,
    name: str,
    add: Callable[[grpc.Server], None],
    workers: int,
    stop: Callable[[], None],
    most_received: int = MESSAGE_BYTES,
) -> int:
    """Serves until SIGTERM, SIGINT or, when asked, the end of standard input. Returns the exit status.

    most_received  bytes of one message of a caller.
    """
    log = logging.getLogger(name)
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    options = [*_OPTIONS, ("grpc.max_receive_message_length", most_received)]
    interceptors: list[grpc.ServerInterceptor] = [StatusInterceptor()]
    if settings.traces:
        tracing.start(f"valence-{name}")
        interceptors.insert(0, TraceInterceptor())
    server = grpc.server(pool, interceptors=interceptors, options=options)
    add(server)
    checks = health.HealthServicer()
    # Where calls have taken all threads the process is busy, and not away. The servicer's own setting is Watch's.
    checks.Check.__func__.experimental_thread_pool = ThreadPoolExecutor(1, thread_name_prefix="health")
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    try:
        server.add_insecure_port(settings.listen)
    except RuntimeError:
        log.error(
            "%s cannot listen on %s: the port is taken or the address is not this machine's", name, settings.listen
        )
        return 1
    ended: SimpleQueue[None] = SimpleQueue()  # unlike an Event it may be told by a signal's handler
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.put(None))
    if settings.exit_with_stdin:
        threading.Thread(target=_wait_for_stdin, args=(ended,), daemon=True).start()
    server.start()
    checks.set("", health_pb2.HealthCheckResponse.SERVING)
    log.info("%s listens on %s", name, settings.listen)
    ended.get()
    log.info("%s stops", name)
    checks.enter_graceful_shutdown()
    stop()
    server.stop(GRACE_SECONDS).wait(GRACE_SECONDS)
    # Threads of an unfinished call must not keep a process alive that has said goodbye.
    threading.Thread(target=_force_exit, daemon=True).start()
    pool.shutdown()
    tracing.end()
    return 0


def leave(status: int) -> NoReturn:
    """Ends the process of a server that has stopped and closed everything.

    Not through the interpreter's own end: destructors of native libraries (gRPC's, OpenMP's) then run beside threads
    that still exist, and one of them has been seen to wait for ever.
    """
    try:
        logging.shutdown()
        sys.stderr.flush()
    finally:  # also when nobody reads what is left to say
        os._exit(status)


def _wait_for_stdin(ended: SimpleQueue[None]) -> None:
    # Not through sys.stdin: a thread that waits inside it holds its lock, and the interpreter aborts at the end.
    while os.read(0, 65_536):
        pass
    ended.put(None)


def _force_exit() -> None:
    time.sleep(GRACE_SECONDS)
    os._exit(0)
