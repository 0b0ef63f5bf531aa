"""What was measured of every user, kept for comparisons: one Parquet file and the manifest that proves it.

values/<run id or evaluation id>/{manifest.json, users.parquet}; their sha256 is that of the manifest, which holds that
of the file. The same values are the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from ..errors import InvalidRequest, ValuesCorrupt, ValuesMissing
from ..events import UserValuesRef
from ..storage import cache
from ..storage.artifacts import is_values_key, values_key
from ..storage.durable import sha256_of

FORMAT = 1
USERS, MANIFEST = "users.parquet", "manifest.json"
FILES = (USERS, MANIFEST)
# What a user has beside the metrics, and what these are never called.
USER, HISTORY, ITEMS, TOP = "user", "history", "items", "top"
# Of the first ranks, which are kept to compare lists.
MOST_TOP = 50


@dataclass(frozen=True)
class UserValues:
    """Of U users with an item in the measured part, in the order of the dataset's rows.

    users    [U] int32        rows of the dataset, ascending
    history  [U] int32        interactions that the model was given of each
    items    [U] int32        in the measured part
    columns  {"recall@20": [U] float64, ...}   a metric at a cut-off each
    top      [U, P] int32     item columns of the dataset at the first P = min(largest cut-off, 50) ranks; -1 where
                              there is none, or one that the dataset does not know; [U, 0] where it was not read

    and under which protocol, which has to be the same wherever they are compared:

    dataset_key, split_digest   what was measured on
    split, mask_rule            valid or test, and what was hidden: train or train+valid
    metrics, cutoffs            of the protocol; metrics of all lists together have no column
    """

    users: np.ndarray
    history: np.ndarray
    items: np.ndarray
    columns: dict[str, np.ndarray]
    top: np.ndarray
    dataset_key: str
    split_digest: str
    split: str
    mask_rule: str
    metrics: tuple[str, ...]
    cutoffs: tuple[int, ...]


def save(root: Path, owner_id: str, values: UserValues) -> UserValuesRef:
    """Of a run or an evaluation, whole or not at all; what an earlier attempt left is replaced. Raises StorageFull."""
    key = values_key(owner_id)
    with cache.written(root, key) as folder:
        path = folder / USERS
        pa.parquet.write_table(_table(values), path, compression="zstd")
        size = path.stat().st_size
        manifest = {
            "format": FORMAT,
            "dataset_key": values.dataset_key,
            "split_digest": values.split_digest,
            "split": values.split,
            "mask_rule": values.mask_rule,
            "metrics": list(values.metrics),
            "cutoffs": list(values.cutoffs),
            "columns": list(values.columns),
            "rows": len(values.users),
            "depth": values.top.shape[1],
            "files": {USERS: {"sha256": sha256_of(path), "bytes": size}},
        }
        text = json.dumps(manifest, indent=1, sort_keys=True).encode()
        (folder / MANIFEST).write_bytes(text)
    return UserValuesRef(key, hashlib.sha256(text).hexdigest(), len(text) + size, len(values.users))


def load(root: Path, key: str, sha256: str, *, with_top: bool = True) -> UserValues:
    """Raises ValuesMissing, or ValuesCorrupt naming the file that differs from what was committed."""
    if not is_values_key(key):
        raise InvalidRequest("a key of values is values/<uuid>", field="values.key")
    with cache.opened(root, key, proof=sha256) as folder:
        return _loaded(folder, key, sha256, with_top=with_top)


def _loaded(folder: Path, key: str, sha256: str, *, with_top: bool) -> UserValues:
    manifest = _proven_manifest(folder, key, sha256)
    try:
        names = [USER, HISTORY, ITEMS, *manifest["columns"], *([TOP] if with_top else [])]
        table = pa.parquet.read_table(folder / USERS, columns=names)
        top = table[TOP].combine_chunks().flatten().to_numpy() if with_top else np.empty(0, np.int32)
        return UserValues(
            users=table[USER].to_numpy(),
            history=table[HISTORY].to_numpy(),
            items=table[ITEMS].to_numpy(),
            columns={name: table[name].to_numpy() for name in manifest["columns"]},
            top=top.reshape(manifest["rows"], manifest["depth"] if with_top else 0),
            dataset_key=manifest["dataset_key"],
            split_digest=manifest["split_digest"],
            split=manifest["split"],
            mask_rule=manifest["mask_rule"],
            metrics=tuple(manifest["metrics"]),
            cutoffs=tuple(manifest["cutoffs"]),
        )
    except (pa.ArrowException, KeyError, ValueError, TypeError):
        raise ValuesCorrupt(f"{key} holds other values than its manifest says") from None


def _proven_manifest(folder: Path, key: str, sha256: str) -> dict[str, Any]:
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError:
        if folder.exists():
            raise ValuesCorrupt(f"{key}/{MANIFEST} is missing") from None
        raise ValuesMissing(f"there are no values {key}", field="values.key") from None
    if hashlib.sha256(text).hexdigest() != sha256:
        raise ValuesCorrupt(f"{key}/{MANIFEST} is not the one that was committed")
    try:
        manifest: dict[str, Any] = json.loads(text)
        if manifest["format"] != FORMAT:
            raise ValuesCorrupt(f"{key} has format {manifest['format']}, this version reads format {FORMAT}")
        proof = (manifest["files"][USERS]["bytes"], manifest["files"][USERS]["sha256"])
    except (ValueError, KeyError, TypeError):
        raise ValuesCorrupt(f"{key}/{MANIFEST} does not describe values of users") from None
    path = folder / USERS
    if not path.is_file() or (path.stat().st_size, sha256_of(path)) != proof:
        raise ValuesCorrupt(f"{key}/{USERS} differs from its manifest")
    return manifest


def _table(values: UserValues) -> pa.Table:
    users, depth = values.top.shape
    columns: dict[str, pa.Array] = {
        USER: pa.array(values.users, pa.int32()),
        HISTORY: pa.array(values.history, pa.int32()),
        ITEMS: pa.array(values.items, pa.int32()),
        **{name: pa.array(column, pa.float64()) for name, column in values.columns.items()},
        TOP: pa.FixedSizeListArray.from_arrays(pa.array(values.top.reshape(users * depth), pa.int32()), depth),
    }
    return pa.table(columns)
