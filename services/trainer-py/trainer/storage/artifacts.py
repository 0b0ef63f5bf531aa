"""Artifacts on disk: the shapes of their keys, what there is, and checkpoints: safetensors, a JSON manifest, sha256 of
everything. No pickle, keys made here only.

runs/<run id>/epoch-<00042>/{manifest.json, weights.safetensors, optimizer.safetensors}; a checkpoint's sha256 is that
of its manifest, which holds those of the two files, and of the part of the weights that is the run's (`constants`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import CheckpointCorrupt, CheckpointMissing, InvalidRequest, StorageFull
from ..events import Checkpoint
from . import cache, constants
from .constants import Constant
from .drafts import TEMPORARY, WRITERS, temporary_of
from .durable import sha256_of

# 2: with a constant part beside it. What has none stays 1, which earlier versions read.
FORMATS = (1, 2)
WEIGHTS, OPTIMIZER, MANIFEST = "weights.safetensors", "optimizer.safetensors", "manifest.json"
FILES = (WEIGHTS, OPTIMIZER)
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_RUN_ID = re.compile(_UUID)
_CHECKPOINT_KEY = re.compile(rf"runs/({_UUID})/epoch-([0-9]{{5}})")
Shape = Literal["dataset", "run", "checkpoint", "constant", "values", "upload", "export", "temporary", "unknown"]
# What may be deleted by its key; nothing else below the root is ours by its name.
_SHAPES: dict[Shape, re.Pattern[str]] = {
    "dataset": re.compile(r"datasets/[0-9a-f]{64}"),
    "run": re.compile(rf"runs/{_UUID}"),
    "checkpoint": _CHECKPOINT_KEY,
    "constant": re.compile(rf"runs/{_UUID}/{constants.PREFIX}[0-9a-f]{{64}}"),
    "values": re.compile(rf"values/{_UUID}"),
    "upload": re.compile(rf"uploads/{_UUID}"),
    "export": re.compile(rf"exports/{_UUID}"),
}
_FOLDERS = ("datasets", "runs", "values", "uploads", "exports")

# What must be free beyond the checkpoints themselves, so that the disk is never filled to the last byte by us.
SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Artifact:
    """What lies under a key. changed: unix seconds of the newest change of its folder or files."""

    key: str
    shape: Shape
    bytes: int
    changed: float


@dataclass(frozen=True)
class Loaded:
    """manifest holds model, config, seed, protocol, dataset_key and the state of the loop; weights are all of them,
    `constant` says which file of the run has a part."""

    checkpoint: Checkpoint
    manifest: dict[str, Any]
    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    constant: Constant | None


def is_run_id(text: str) -> bool:
    return _RUN_ID.fullmatch(text) is not None


def checkpoint_key(run_id: str, epoch: int) -> str:
    if not is_run_id(run_id):
        raise InvalidRequest("a run id is a lower-case uuid", field="run_id")
    return f"runs/{run_id}/epoch-{epoch:05d}"


def values_key(owner_id: str) -> str:
    """Of the values of single users that a run or an evaluation has measured."""
    if not re.fullmatch(_UUID, owner_id):
        raise InvalidRequest(
            "values belong to a run or an evaluation, named by a lower-case uuid", field="evaluation_id"
        )
    return f"values/{owner_id}"


def is_values_key(key: str) -> bool:
    return _shape_of(key) == "values"


def export_key(export_id: str) -> str:
    if not re.fullmatch(_UUID, export_id):
        raise InvalidRequest("an export id is a lower-case uuid", field="export_id")
    return f"exports/{export_id}"


def save_checkpoint(
    root: Path,
    run_id: str,
    epoch: int,
    weights: dict[str, Tensor],
    optimizer: dict[str, Tensor],
    manifest: dict[str, Any],
    constant: Constant | None = None,
) -> Checkpoint:
    """Whole or not at all; constant: what `save_constant` gave for the other weights. Raises StorageFull when the disk
    has no room, StoreUnavailable."""
    key = checkpoint_key(run_id, epoch)
    with cache.written(root, key) as folder:
        files = {}
        for name, tensors in zip(FILES, (weights, optimizer), strict=True):
            safetensors.torch.save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, folder / name)
            files[name] = {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size}
        described = {"format": 1, **manifest, "epoch": epoch, "files": files}
        if constant is not None:
            described |= {"format": 2, "constant": constant.described()}
        text = json.dumps(described, indent=1, sort_keys=True).encode()
        (folder / MANIFEST).write_bytes(text)
    return _checkpoint(key, text, described)


def save_constant(root: Path, run_id: str, tensors: dict[str, Tensor]) -> Constant:
    """What no step changes, once for all checkpoints of a run. Raises StorageFull, StoreUnavailable."""
    return constants.save(root, f"runs/{run_of(checkpoint_key(run_id, 0))}", tensors)


def load_checkpoint(root: Path, key: str, sha256: str, *, with_optimizer: bool = True) -> Loaded:
    """Raises CheckpointMissing, or CheckpointCorrupt naming the file that differs from what was committed."""
    run_of(key)
    names = None if with_optimizer else (MANIFEST, WEIGHTS)
    with cache.opened(root, key, names, proof=sha256) as folder:
        return _loaded(root, folder, key, sha256, FILES if with_optimizer else (WEIGHTS,))


def _loaded(root: Path, folder: Path, key: str, sha256: str, names: tuple[str, ...]) -> Loaded:
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError:
        if folder.exists():
            raise CheckpointCorrupt(f"{key}/{MANIFEST} is missing") from None
        raise CheckpointMissing(f"there is no checkpoint {key}", field="checkpoint.key") from None
    if hashlib.sha256(text).hexdigest() != sha256:
        raise CheckpointCorrupt(f"{key}/{MANIFEST} is not the one that was committed")
    try:
        manifest = json.loads(text)
        if manifest["format"] not in FORMATS:
            known = f"formats {FORMATS[0]} to {FORMATS[-1]}"
            raise CheckpointCorrupt(f"{key} has format {manifest['format']}, this version reads {known}")
        described = _checkpoint(key, text, manifest)
        proofs = {name: (manifest["files"][name]["bytes"], manifest["files"][name]["sha256"]) for name in FILES}
        constant = Constant.of(manifest)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointCorrupt(f"{key}/{MANIFEST} does not describe a checkpoint") from None
    tensors: dict[str, dict[str, Tensor]] = {name: {} for name in FILES}
    for name in names:
        path = folder / name
        if not path.is_file() or (path.stat().st_size, sha256_of(path)) != proofs[name]:
            raise CheckpointCorrupt(f"{key}/{name} differs from its manifest")
        try:
            tensors[name] = safetensors.torch.load_file(path)
        except SafetensorError:
            raise CheckpointCorrupt(f"{key}/{name} is not a safetensors file") from None
    rest = {} if constant is None else constants.load(root, f"runs/{run_of(key)}", constant)
    return Loaded(described, manifest, tensors[WEIGHTS] | rest, tensors[OPTIMIZER], constant)


def run_of(key: str) -> str:
    """Id of the run that a checkpoint belongs to. Raises InvalidRequest for what is no key."""
    match = _CHECKPOINT_KEY.fullmatch(key)
    if match is None:
        raise InvalidRequest("a checkpoint key is runs/<uuid>/epoch-<number>", field="checkpoint.key")
    return match[1]


def _checkpoint(key: str, text: bytes, manifest: dict[str, Any]) -> Checkpoint:
    size = len(text) + sum(file["bytes"] for file in manifest["files"].values())
    return Checkpoint(key, hashlib.sha256(text).hexdigest(), size, manifest["epoch"])


def prune(root: Path, run_id: str, last_epoch: int, best_epoch: int) -> int:
    """Deletes checkpoints older than the committed last one, except the best; how many."""
    folder = (root / checkpoint_key(run_id, last_epoch)).parent
    deleted = 0
    for path in folder.glob("epoch-" + "[0-9]" * 5):
        epoch = int(path.name.removeprefix("epoch-"))
        if epoch < last_epoch and epoch != best_epoch:
            shutil.rmtree(path, ignore_errors=True)
            deleted += 1
    constants.delete_unnamed(root, f"runs/{run_id}")
    return deleted


def delete(root: Path, keys: list[str], is_wanted: Callable[[], bool] = lambda: True) -> int:
    """Deletes artifacts of known shapes, with what was left half-written of them; how many were there.

    Nothing is deleted when one key is none; what is left when it is no longer wanted stays.
    """
    if any(_shape_of(key) is None for key in keys):
        raise InvalidRequest("not a key of an artifact", field="keys")
    store = cache.store_of(root)
    deleted = 0
    of_checkpoints = set()
    for key in keys:
        if not is_wanted():
            break
        was_there = (root / key).exists()
        if store is not None:
            was_there |= store.delete(key)
        for path in (*temporary_of(root / key), root / key):
            # A copy may be fetched at this moment, by who will not find the rest of it.
            shutil.rmtree(path, ignore_errors=store is not None or not path.exists())
        deleted += was_there
        if _CHECKPOINT_KEY.fullmatch(key):
            of_checkpoints.add(f"runs/{run_of(key)}")
    for run in of_checkpoints:
        constants.delete_unnamed(root, run)
        with suppress(OSError):  # the run has others
            (root / run).rmdir()
    return deleted


def listing(root: Path) -> Iterator[Artifact]:
    """Everything below the root, or in the store that it is the cache of, an artifact at a time. What vanishes while it
    is looked at is left out; symbolic links are named and not followed, so that nothing outside the root is counted."""
    if (store := cache.store_of(root)) is not None:
        for stored in store.listing():
            yield Artifact(stored.key, _shape_of(stored.key) or "unknown", stored.bytes, stored.changed)
        return
    for top in (entry for entry in _entries(root) if entry.name != WRITERS):
        if top.name not in _FOLDERS or not top.is_dir(follow_symlinks=False):
            yield from _artifact(top, top.name)
            continue
        for entry in _entries(top):
            key = f"{top.name}/{entry.name}"
            is_run = _shape_of(key) == "run" and entry.is_dir(follow_symlinks=False)
            inside = _entries(entry) if is_run else []
            for one in inside:
                yield from _artifact(one, f"{key}/{one.name}")
            if not inside:
                yield from _artifact(entry, key)


def _shape_of(key: str) -> Shape | None:
    return next((shape for shape, pattern in _SHAPES.items() if pattern.fullmatch(key)), None)


def _artifact(entry: os.DirEntry[str], key: str) -> Iterator[Artifact]:
    """One, or none when it has gone."""
    is_folder = entry.is_dir(follow_symlinks=False)
    shape = (_shape_of(key) if is_folder else None) or ("temporary" if entry.name.startswith(TEMPORARY) else "unknown")
    with suppress(FileNotFoundError):
        own = entry.stat(follow_symlinks=False)
        size, changed = _measure(entry) if is_folder else (own.st_size, 0.0)
        yield Artifact(os.fsencode(key).decode(errors="backslashreplace"), shape, size, max(changed, own.st_mtime))


def _measure(folder: os.DirEntry[str]) -> tuple[int, float]:
    """Bytes of the files in a folder, and the newest change of what is in it."""
    total, newest = 0, 0.0
    for entry in _entries(folder):
        with suppress(FileNotFoundError):
            own = entry.stat(follow_symlinks=False)
            newest = max(newest, own.st_mtime)
            if entry.is_dir(follow_symlinks=False):
                size, changed = _measure(entry)
                total, newest = total + size, max(newest, changed)
            else:
                total += own.st_size
    return total, newest


def _entries(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing when it has gone or may not be read (lost+found on a disk of its own)."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def require_space(root: Path, needed: int) -> None:
    """Raises StorageFull before a run starts that could not write its checkpoints."""
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < needed + SPARE_BYTES:
        raise StorageFull(f"{free >> 20} MiB are free for artifacts, {(needed + SPARE_BYTES) >> 20} MiB are needed")
