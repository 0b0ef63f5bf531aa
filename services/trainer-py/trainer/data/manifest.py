"""The manifest of a dataset: what is in its folder, with the bytes and sha256 of each file, and of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import DatasetCorrupt, DatasetMissing, InvalidRequest
from ..storage.durable import sha256_of

# Of 1 the manifest does not prove itself.
FORMAT, _UNPROVEN = 2, 1
IDS, MANIFEST = "ids.arrow", "manifest.json"
FILES = ("interactions.safetensors", IDS)
# Only there, and in the manifest, when an item has a tag, an interaction has a time, and one is cold.
TAGS, TIMES, COLD = "tags.arrow", "times.safetensors", "cold.arrow"
_KEYS = {"digest", "split_digest", "users", "items", "statistics", "files"}
_KEY = re.compile(r"datasets/[0-9a-f]{64}")
# Of the text without it. Nothing within a value looks like that: line breaks are escaped there.
_OWN = '\n "sha256": "{}"'


def key_of(digest: str) -> str:
    return f"datasets/{digest}"


def checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidRequest("a dataset key is datasets/<sha256>", field="dataset_key")
    return key


def write_manifest(folder: Path, names: Iterable[str], described: Mapping[str, object]) -> None:
    """`names`: the files that are there, last of all."""
    files = {name: {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size} for name in names}
    manifest = {**described, "format": FORMAT, "files": files, "sha256": ""}
    text = json.dumps(manifest, indent=1, sort_keys=True)
    own = _OWN.format(sha256(text.encode()).hexdigest())
    (folder / MANIFEST).write_text(text.replace(_OWN.format(""), own))


def proven_manifest(folder: Path, key: str, only: str | None = None) -> dict[str, Any]:
    """The manifest, once every file, or that one, has been found to be the one it describes.

    Raises DatasetMissing when there is none, DatasetCorrupt when a byte of it or of a file is another.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
        manifest: dict[str, Any] = json.loads(text)
        if not manifest.keys() >= _KEYS or key != key_of(manifest["digest"]):
            raise DatasetCorrupt(f"{key}/manifest.json does not describe this dataset")
        if manifest["format"] != _UNPROVEN and not _is_as_written(text, manifest):
            raise DatasetCorrupt(f"{key}/manifest.json is not as it was written")
        files = manifest["files"]
        proven = (*FILES, *(name for name in (TAGS, TIMES, COLD) if name in files))
        proofs = {name: (files[name]["bytes"], files[name]["sha256"]) for name in proven}
    except FileNotFoundError:
        raise DatasetMissing(f"there is no dataset {key}", field="dataset_key") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DatasetCorrupt(f"{key}/manifest.json is damaged") from None
    for name, proof in proofs.items() if only is None else [(only, proofs[only])]:
        path = folder / name
        if not path.is_file() or (path.stat().st_size, sha256_of(path)) != proof:
            raise DatasetCorrupt(f"{key}/{name} differs from its manifest")
    return manifest


def _is_as_written(text: bytes, manifest: Mapping[str, Any]) -> bool:
    digest = str(manifest["sha256"])
    without = text.replace(_OWN.format(digest).encode(), _OWN.format("").encode())
    return manifest["format"] == FORMAT and sha256(without).hexdigest() == digest
