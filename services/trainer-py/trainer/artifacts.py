"""Checkpoints on disk: safetensors, a JSON manifest, sha256 of everything. No pickle, keys made here only.

runs/<run id>/epoch-<00042>/{manifest.json, weights.safetensors, optimizer.safetensors}; a checkpoint's sha256 is that
of its manifest, which holds those of the two files.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from .durable import sha256_of, whole_folder
from .errors import CheckpointCorrupt, CheckpointMissing, InvalidRequest, StorageFull
from .events import Checkpoint

FORMAT = 1
WEIGHTS, OPTIMIZER, MANIFEST = "weights.safetensors", "optimizer.safetensors", "manifest.json"
FILES = (WEIGHTS, OPTIMIZER)
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_RUN_ID = re.compile(_UUID)
_CHECKPOINT_KEY = re.compile(rf"runs/({_UUID})/epoch-(\d{{5}})")
_DELETABLE = re.compile(rf"runs/{_UUID}(?:/epoch-\d{{5}})?|uploads/{_UUID}|datasets/[0-9a-f]{{64}}")

# What must be free beyond the checkpoints themselves, so that the disk is never filled to the last byte by us.
SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Loaded:
    """manifest holds model, config, seed, protocol, dataset_key and the state of the loop."""

    checkpoint: Checkpoint
    manifest: dict[str, Any]
    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def checkpoint_key(run_id: str, epoch: int) -> str:
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidRequest("a run id is a lower-case uuid", field="run_id")
    return f"runs/{run_id}/epoch-{epoch:05d}"


def save_checkpoint(
    root: Path,
    run_id: str,
    epoch: int,
    weights: dict[str, Tensor],
    optimizer: dict[str, Tensor],
    manifest: dict[str, Any],
) -> Checkpoint:
    """Whole or not at all. Raises StorageFull when the disk has no room."""
    key = checkpoint_key(run_id, epoch)
    with whole_folder(root / key) as folder:
        files = {}
        for name, tensors in zip(FILES, (weights, optimizer), strict=True):
            safetensors.torch.save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, folder / name)
            files[name] = {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size}
        described = {"format": FORMAT, **manifest, "epoch": epoch, "files": files}
        text = json.dumps(described, indent=1, sort_keys=True).encode()
        (folder / MANIFEST).write_bytes(text)
    return _checkpoint(key, text, described)


def load_checkpoint(root: Path, key: str, sha256: str, *, with_optimizer: bool = True) -> Loaded:
    """Raises CheckpointMissing, or CheckpointCorrupt naming the file that differs from what was committed."""
    run_of(key)
    folder = root / key
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
        if manifest["format"] != FORMAT:
            raise CheckpointCorrupt(f"{key} has format {manifest['format']}, this version reads format {FORMAT}")
        described = _checkpoint(key, text, manifest)
        proofs = {name: (manifest["files"][name]["bytes"], manifest["files"][name]["sha256"]) for name in FILES}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointCorrupt(f"{key}/{MANIFEST} does not describe a checkpoint") from None
    tensors: dict[str, dict[str, Tensor]] = {name: {} for name in FILES}
    for name in FILES if with_optimizer else (WEIGHTS,):
        path = folder / name
        if not path.is_file() or (path.stat().st_size, sha256_of(path)) != proofs[name]:
            raise CheckpointCorrupt(f"{key}/{name} differs from its manifest")
        try:
            tensors[name] = safetensors.torch.load_file(path)
        except SafetensorError:
            raise CheckpointCorrupt(f"{key}/{name} is not a safetensors file") from None
    return Loaded(described, manifest, tensors[WEIGHTS], tensors[OPTIMIZER])


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
    return deleted


def delete(root: Path, keys: list[str]) -> int:
    """Deletes artifacts of known shapes; how many were there. Nothing is deleted when one key is none."""
    if not all(_DELETABLE.fullmatch(key) for key in keys):
        raise InvalidRequest("not a key of an artifact", field="keys")
    deleted = 0
    for key in keys:
        if (root / key).exists():
            shutil.rmtree(root / key)
            deleted += 1
    return deleted


def require_space(root: Path, needed: int) -> None:
    """Raises StorageFull before a run starts that could not write its checkpoints."""
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < needed + SPARE_BYTES:
        raise StorageFull(f"{free >> 20} MiB are free for artifacts, {(needed + SPARE_BYTES) >> 20} MiB are needed")
