"""The environment of trainer and recommender, read once; a bad value stops the process and is named."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.\-]+):([0-9]{1,5})")
_STORE = re.compile(r"(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?")
# The mark of a restore under way or killed, as backup/unfinished.ts of the supervisor puts it there.
_UNFINISHED = (".restore", "restore.json")
# What makes a folder the cache of an object store (storage/cache.py).
CACHE_MARK = ".store.json"
_TRACE_PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
LOG_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal", "silent")


class BadSetting(ValueError):
    """A variable of the environment has a value that cannot be used."""


@dataclass(frozen=True)
class Settings:
    artifacts: Path
    listen: str
    slots: int
    threads: int | None
    cache: int
    most_upload_bytes: int
    exit_with_stdin: bool
    log_level: str
    timing_scale: float
    traces: bool
    # Where artifacts are in an object store: its address, and what the folder `artifacts`, its cache then, may hold.
    store: str = ""
    cache_bytes: int = 10 << 30


def read(listen_variable: str, default_listen: str, environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises BadSetting naming the first variable that is wrong."""
    artifacts = environment.get("VALENCE_ARTIFACTS", "")
    if not artifacts:
        raise BadSetting("VALENCE_ARTIFACTS must name the artifacts folder, or an object store as s3://bucket/prefix")
    store = artifacts if "://" in artifacts else ""
    if not store and Path(artifacts, CACHE_MARK).exists():
        raise BadSetting(f"VALENCE_ARTIFACTS names {artifacts}, which is the cache of an object store")
    if store:
        artifacts = cache_of(store, environment.get("VALENCE_CACHE", ""))
    _need_folder("VALENCE_CACHE" if store else "VALENCE_ARTIFACTS", Path(artifacts))
    if Path(artifacts, *_UNFINISHED).exists():
        raise BadSetting(
            f"VALENCE_ARTIFACTS names {artifacts}, which holds the beginning of a restore that did not finish; "
            "run npx valence restore again with the same file and database"
        )
    listen = environment.get(listen_variable) or default_listen
    if not (match := _ADDRESS.fullmatch(listen)) or int(match[2]) > 65535:
        raise BadSetting(f"{listen_variable} must be host:port, not {listen!r}")
    level = environment.get("LOG_LEVEL") or "info"
    if level not in LOG_LEVELS:
        raise BadSetting(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {level!r}")
    traces = wants_traces(environment)
    for name in _TRACE_PROTOCOLS:
        if traces and (protocol := environment.get(name) or "http/protobuf") != "http/protobuf":
            raise BadSetting(f"{name} must be http/protobuf, not {protocol!r}")
    return Settings(
        artifacts=Path(artifacts).resolve(),
        listen=listen,
        slots=_whole(environment, "TRAINER_SLOTS", 1, 1, 64),
        threads=_whole(environment, "TRAINER_THREADS", 0, 0, 1024) or None,
        cache=_whole(environment, "RECOMMENDER_CACHE", 4, 1, 1000),
        most_upload_bytes=_whole(environment, "MAX_UPLOAD_BYTES", 10 << 30, 1, 1 << 50),
        exit_with_stdin=_flag(environment, "EXIT_WITH_STDIN"),
        log_level=level,
        timing_scale=_number(environment, "TIMING_SCALE", 1.0, 0.1, 1000.0),
        store=store,
        cache_bytes=_whole(environment, "VALENCE_CACHE_BYTES", 10 << 30, 1 << 20, 1 << 50),
        traces=traces,
    )


def cache_of(store: str, folder: str) -> str:
    """The folder, for copies of what is in the store. Raises BadSetting."""
    # What is wrong with it is not quoted: it may hold credentials, which belong elsewhere.
    if not _STORE.fullmatch(store) or ".." in store:
        raise BadSetting(
            "VALENCE_ARTIFACTS must be a folder, or an object store as s3://bucket/prefix, gs://bucket/prefix or "
            "az://container/prefix, the prefix of letters, digits and . _ - /; credentials go into AWS_*, GOOGLE_* or "
            "AZURE_*"
        )
    if not folder or "://" in folder:
        raise BadSetting(f"VALENCE_CACHE must name a folder of this machine for copies of {store}, not {folder!r}")
    return folder


def _need_folder(variable: str, path: Path) -> None:
    """Raises BadSetting where no folder is or can be made, for something else is in its place or above it."""
    there = next(one for one in (path.absolute(), *path.absolute().parents) if os.path.lexists(one))
    if not there.is_dir():
        raise BadSetting(f"{variable} must name a folder, and {there} is none")


def wants_traces(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether traces are sent, as OpenTelemetry's own variables say; where to, it reads itself."""
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not is_off and any(environment.get(name) for name in endpoints)


def _whole(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = environment.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,18}", value) or not low <= int(value) <= high:
        raise BadSetting(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return int(value)


def _number(environment: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    value = environment.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) or not low <= float(value) <= high:
        raise BadSetting(f"{name} must be a number from {low} to {high}, not {value!r}")
    return float(value)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name) or "0"
    if value not in ("0", "1"):
        raise BadSetting(f"{name} must be 0 or 1, not {value!r}")
    return value == "1"
