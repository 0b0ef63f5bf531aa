"""Checks every field of a recommender request; a wrong one raises InvalidRequest that names it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import InvalidRequest
from ..serving.checkpoints import CheckpointRef

MOST_ITEMS = 10_000
MOST_ID_BYTES = 512

_SHA256 = re.compile(r"[0-9a-f]{64}")


def checkpoint(key: str, sha256: str) -> CheckpointRef:
    if not key:
        raise InvalidRequest("checkpoint.key is missing", field="checkpoint.key")
    if not _SHA256.fullmatch(sha256):
        raise InvalidRequest("checkpoint.sha256 must be 64 lower-case hexadecimal digits", field="checkpoint.sha256")
    return CheckpointRef(key, sha256)


def count(n: int, most: int) -> int:
    if not 1 <= n <= most:
        raise InvalidRequest(f"n must be from 1 to {most}, not {n}", field="n")
    return n


def one_id(value: str, field: str) -> str:
    if not value:
        raise InvalidRequest(f"{field} is empty", field=field)
    if len(value.encode()) > MOST_ID_BYTES:
        raise InvalidRequest(f"{field} is longer than {MOST_ID_BYTES} bytes", field=field)
    return value


def many_ids(values: Sequence[str], field: str) -> Sequence[str]:
    if len(values) > MOST_ITEMS:
        raise InvalidRequest(f"{field} has {len(values)} ids, more than {MOST_ITEMS}", field=field)
    for place, value in enumerate(values):
        one_id(value, f"{field}[{place}]")
    return values
