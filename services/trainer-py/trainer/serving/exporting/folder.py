"""An export on disk: the lists of some users in each part while it is made, then one file and what proves it.

exports/<export id>/request.json                    fingerprint of the request that the parts belong to
exports/<export id>/part-<000012>.safetensors       each whole or not at all
exports/<export id>/data                            the file
exports/<export id>/manifest.json                   its size, sha256 and rows, and the fingerprint; it ends the parts
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ...errors import ExportGone, InvalidRequest
from ...events import Exported
from ...storage import cache
from ...storage.artifacts import export_key
from ...storage.durable import sha256_of, sync, whole_file
from ..lists import Lists

REQUEST, DATA, MANIFEST = "request.json", "data", "manifest.json"
CHUNK_BYTES = 256 << 10
_PART = re.compile(r"part-([0-9]{6})\.safetensors")
_KEY = re.compile(r"exports/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class ExportFolder:
    """What earlier attempts at the same request have left is kept; anything else is not."""

    def __init__(self, root: Path, export_id: str, fingerprint: str) -> None:
        self.key = export_key(export_id)
        self._root = root
        self._path = root / self.key
        if cache.has(root, self.key, DATA):
            with cache.opened(root, self.key):
                pass  # what another host has finished
        self._fingerprint = fingerprint
        if self._path.exists() and not self._is_ours():
            shutil.rmtree(self._path)
        if not self._path.exists():
            self._path.mkdir(parents=True)
            sync(self._path.parent)
        for path in self._path.iterdir():
            if path.name not in (REQUEST, DATA, MANIFEST) and not _PART.fullmatch(path.name):
                path.unlink()
        if not (self._path / REQUEST).exists():
            self._write(REQUEST, {"fingerprint": fingerprint})

    def finished(self) -> Exported | None:
        """What an earlier attempt has finished, if it is as it was written."""
        manifest = _read(self._path / MANIFEST)
        data = self._path / DATA
        if not manifest or not data.exists() or data.stat().st_size != manifest["bytes"]:
            return None
        if sha256_of(data) != manifest["sha256"]:
            return None
        self._tidy()
        cache.publish(self._root, self.key, [DATA, MANIFEST])  # its maker may have died before it had
        return Exported(**{field.name: manifest[field.name] for field in fields(Exported)})

    def has(self, number: int) -> bool:
        """A part that cannot be read is made again."""
        try:
            with safetensors.safe_open(self._part(number), framework="numpy"):
                return True
        except (FileNotFoundError, SafetensorError):
            return False

    def save(self, number: int, lists: Lists) -> None:
        arrays = {name: values for name, values in vars(lists).items() if isinstance(values, np.ndarray)}
        with whole_file(self._part(number)) as path:
            safetensors.numpy.save_file(arrays, path)

    def load(self, number: int) -> Lists:
        arrays = safetensors.numpy.load_file(self._part(number))
        optional = {"shares": None, "because": None}
        return Lists(**(optional | arrays))  # type: ignore[arg-type]

    def finish(self, write: Callable[[Path], int], users: int, unknown_users: int) -> Exported:
        """`write` makes the file at the path given, and says how many rows it has."""
        with whole_file(self._path / DATA) as path:
            rows = write(path)
        data = self._path / DATA
        exported = Exported(self.key, data.stat().st_size, sha256_of(data), rows, users, unknown_users)
        self._write(MANIFEST, {"fingerprint": self._fingerprint, **asdict(exported)})
        self._tidy()
        cache.publish(self._root, self.key, [DATA, MANIFEST])
        return exported

    def _tidy(self) -> None:
        for path in self._path.iterdir():
            if path.name not in (DATA, MANIFEST):
                path.unlink()

    def _part(self, number: int) -> Path:
        return self._path / f"part-{number:06d}.safetensors"

    def _is_ours(self) -> bool:
        told = _read(self._path / MANIFEST) or _read(self._path / REQUEST)
        return told.get("fingerprint") == self._fingerprint

    def _write(self, name: str, values: dict[str, object]) -> None:
        with whole_file(self._path / name) as path:
            path.write_text(json.dumps(values, indent=1, sort_keys=True))


def read(root: Path, key: str, offset: int) -> Iterator[bytes]:
    """The bytes of a finished export from `offset` on. Raises InvalidRequest, ExportGone."""
    if not _KEY.fullmatch(key):
        raise InvalidRequest("an export key is exports/<uuid>", field="key")
    try:
        with cache.opened(root, key) as folder, (folder / DATA).open("rb") as file:
            manifest = _read(folder / MANIFEST)
            size = file.seek(0, 2)
            if size != manifest.get("bytes"):
                raise ExportGone("the file of the export is not as it was written", field="key")
            if not 0 <= offset <= size:
                raise InvalidRequest(f"offset is from 0 to {size}, not {offset}", field="offset")
            file.seek(offset)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except FileNotFoundError:
        raise ExportGone("the file of the export is not there", field="key") from None


def _read(path: Path) -> dict[str, Any]:
    """What was written whole; nothing where it is not there."""
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return values
