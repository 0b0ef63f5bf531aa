"""What no step of a run changes (VALIANT's linear path), written once a run and named by its bytes.

runs/<run id>/constant-<sha256 of the file>/weights.safetensors; the manifests of the run's checkpoints name it.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import CheckpointCorrupt, StorageFull
from . import cache
from .drafts import temporary_name
from .durable import is_full, sha256_of

FILE = "weights.safetensors"
PREFIX = "constant-"


@dataclass(frozen=True)
class Constant:
    """As a manifest has it. sha256 and bytes are those of the file."""

    sha256: str
    bytes: int

    @staticmethod
    def of(manifest: dict[str, Any]) -> Constant | None:
        """None: the checkpoint holds all its weights itself. Raises KeyError or TypeError where it is damaged."""
        found = manifest.get("constant")
        return None if found is None else Constant(found["sha256"], found["bytes"])

    @property
    def folder(self) -> str:
        return f"{PREFIX}{self.sha256}"

    def described(self) -> dict[str, Any]:
        return asdict(self)


def save(root: Path, run: str, tensors: dict[str, Tensor]) -> Constant:
    """Below the key of a run, whole or not at all; the same bytes take the place of what is there. Raises StorageFull,
    StoreUnavailable."""
    draft = root / run / temporary_name(FILE)
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, draft)
        constant = Constant(sha256_of(draft), draft.stat().st_size)
        with cache.written(root, f"{run}/{constant.folder}") as folder:
            draft.rename(folder / FILE)
    except BaseException as error:
        if is_full(error):
            raise StorageFull("the disk that holds the artifacts is full") from error
        raise
    finally:
        draft.unlink(missing_ok=True)
    return constant


def load(root: Path, run: str, constant: Constant) -> dict[str, Tensor]:
    """Raises CheckpointCorrupt when it is not there or not the one that is named, StoreUnavailable."""
    key = f"{run}/{constant.folder}"
    with cache.opened(root, key, proof=constant.sha256) as folder:
        path = folder / FILE
        if not path.is_file() or (path.stat().st_size, sha256_of(path)) != (constant.bytes, constant.sha256):
            raise CheckpointCorrupt(f"{key}/{FILE} differs from its name")
        try:
            return safetensors.torch.load_file(path)
        except SafetensorError:
            raise CheckpointCorrupt(f"{key}/{FILE} is not a safetensors file") from None


def delete_unnamed(root: Path, run: str) -> None:
    """Deletes those of a run that no manifest of its checkpoints names; none while a manifest cannot be read. What is
    newer than all checkpoints stays: the one that will name it is being written. Without any nobody trains.

    In a store, where reading every manifest would cost more than they take, they go with the run's last checkpoint.
    Raises StoreUnavailable."""
    if (store := cache.store_of(root)) is not None:
        below = store.keys_below(run)
        if not any(key.startswith(f"{run}/epoch-") for key in below):
            for key in below:
                if key.startswith(f"{run}/{PREFIX}"):
                    store.delete(key)
                    shutil.rmtree(root / key, ignore_errors=True)
        return
    folder = root / run
    try:
        newest = max((path.stat().st_mtime for path in folder.glob("epoch-*")), default=math.inf)
        manifests = [json.loads(path.read_bytes()) for path in folder.glob("epoch-*/manifest.json")]
        named = {constant.folder for one in manifests if (constant := Constant.of(one))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    for path in folder.glob(f"{PREFIX}*"):
        if path.name not in named and path.stat().st_mtime < newest:
            shutil.rmtree(path)
