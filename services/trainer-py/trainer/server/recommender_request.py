"""Checks every field of a recommender request; a wrong one raises InvalidRequest that names it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

import numpy as np

from ..errors import AllMuted, InvalidRequest
from ..evaluation.evaluate import MaskRule
from ..serving.checkpoints import CheckpointRef
from ..serving.person import Columns

MOST_ITEMS = 10_000
MOST_TAGS = 100
MOST_ID_BYTES = 512
MOST_WEIGHT = 4.0
MOST_SHELF_BYTES = 3 << 20

_MASK_RULES: dict[str, MaskRule] = {rule: rule for rule in get_args(MaskRule)}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def checkpoint(key: str, sha256: str) -> CheckpointRef:
    if not key:
        raise InvalidRequest("checkpoint.key is missing", field="checkpoint.key")
    if not _SHA256.fullmatch(sha256):
        raise InvalidRequest("checkpoint.sha256 must be 64 lower-case hexadecimal digits", field="checkpoint.sha256")
    return CheckpointRef(key, sha256)


def count(n: int, most: int, field: str = "n") -> int:
    if not 1 <= n <= most:
        raise InvalidRequest(f"{field} must be from 1 to {most}, not {n}", field=field)
    return n


def start(value: int) -> int:
    if value < 0:
        raise InvalidRequest(f"start must be 0 or more, not {value}", field="start")
    return value


def rows(asked: np.ndarray, users: int) -> np.ndarray:
    """`asked` [B], each the row of one of so many users."""
    wrong = np.flatnonzero(asked >= users)
    if wrong.size:
        place = f"rows[{wrong[0]}]"
        raise InvalidRequest(f"{place} is {asked[wrong[0]]}, but the last user has row {users - 1}", field=place)
    return asked


def one_id(value: str, field: str) -> str:
    if not value:
        raise InvalidRequest(f"{field} is empty", field=field)
    if len(value.encode()) > MOST_ID_BYTES:
        raise InvalidRequest(f"{field} is longer than {MOST_ID_BYTES} bytes", field=field)
    return value


def many_ids(values: Sequence[str], field: str, most: int = MOST_ITEMS) -> Sequence[str]:
    if len(values) > most:
        raise InvalidRequest(f"{field} has {len(values)} entries, more than {most}", field=field)
    if not all(values) or 4 * max(map(len, values), default=0) > MOST_ID_BYTES:  # else none of them can be wrong
        for place, value in enumerate(values):
            one_id(value, f"{field}[{place}]")
    return values


def times(values: Sequence[int], items: int, field: str) -> Sequence[int]:
    """`values`, one of each of so many items, or none."""
    if values and len(values) != items:
        raise InvalidRequest(f"{field} has {len(values)} entries, but there are {items} items", field=field)
    return values


def hidden(columns: Columns, items: int) -> Columns:
    """`columns` ascending, of so many items."""
    if columns.size and columns[-1] >= items:
        raise InvalidRequest(f"hidden names column {columns[-1]}, but the last item has {items - 1}", field="hidden")
    if np.any(np.diff(columns) <= 0):
        raise InvalidRequest("hidden must be ascending columns", field="hidden")
    return columns


def length_of_shelves(n: int, interests: int) -> int:
    """`n`, with which so many shelves and the list beside them fit a message."""
    most = MOST_SHELF_BYTES // ((interests + 1) * (20 + 4 * interests))
    if n > most:
        raise InvalidRequest(f"with {interests} shelves n must be at most {most}, not {n}", field="n")
    return n


def mask_rule(value: str) -> MaskRule:
    rule = _MASK_RULES.get(value)
    if rule is None:
        raise InvalidRequest(f"mask_test must be {' or '.join(_MASK_RULES)}, not {value!r}", field="mask_test")
    return rule


def strength(calibrate: float) -> float:
    if not 0 <= calibrate <= 1:
        raise InvalidRequest(f"calibrate must be from 0 to 1, not {calibrate:g}", field="calibrate")
    return calibrate


def weights(steer: Sequence[tuple[int, float]], only: int | None, interests: int) -> list[float]:
    """Of each interest; none where nothing is steered. Raises AllMuted."""
    given: dict[int, float] = {}
    for place, (interest, weight) in enumerate(steer):
        _interest(interest, interests, f"steer[{place}].interest")
        if interest in given:
            raise InvalidRequest(f"interest {interest} is steered twice", field=f"steer[{place}].interest")
        if not 0 <= weight <= MOST_WEIGHT:
            raise InvalidRequest(
                f"a weight must be from 0 to {MOST_WEIGHT:g}, not {weight:g}", field=f"steer[{place}].weight"
            )
        given[interest] = weight
    if only is not None:
        _interest(only, interests, "only")
        given = {**dict.fromkeys(range(interests), 0.0), only: given.get(only, 1.0)}
    if not given:
        return []
    found = [given.get(interest, 1.0) for interest in range(interests)]
    if not np.array(found, dtype=np.float32).any():
        raise AllMuted("every interest is muted, so that nothing can be recommended", field="steer")
    return found


def _interest(interest: int, interests: int, field: str) -> None:
    if not 0 <= interest < interests:
        raise InvalidRequest(f"the model has interests 0 to {interests - 1}, not {interest}", field=field)
