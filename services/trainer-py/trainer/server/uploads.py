"""Staged files: bytes as they came, under keys made here, until an import has used them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..data.sample import FILES, write_sample
from ..errors import InvalidRequest, StorageFull, UploadMissing, UploadTooLarge
from ..storage import cache
from ..storage.durable import is_full, sync

# Another process may take an upload at this moment: it writes as it comes.
CUT_OFF_SECONDS = 3600
DATA = "data"
_KEY = re.compile(r"uploads/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Staged:
    key: str
    bytes: int
    sha256: str


def stage(root: Path, chunks: Iterable[bytes], most_bytes: int) -> Staged:
    """Raises UploadTooLarge, StorageFull or StoreUnavailable; a broken or refused upload leaves nothing."""
    key = f"uploads/{uuid.uuid4()}"
    folder = root / key
    digest, size = hashlib.sha256(), 0
    try:
        folder.mkdir(parents=True)
        with cache.working(root, key):
            with (folder / "data.part").open("wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if size > most_bytes:
                        raise UploadTooLarge(f"the file is larger than {most_bytes} bytes", field="file")
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            (folder / "data.part").rename(folder / DATA)
            sync(folder)
            cache.publish(root, key, [DATA])
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if is_full(error):
            raise StorageFull("the disk that holds the artifacts is full", field="file") from error
        raise
    return Staged(key, size, digest.hexdigest())


def stage_sample(root: Path) -> list[tuple[str, str, Staged]]:
    """The files of the built-in sample, each with its role and name."""
    with tempfile.TemporaryDirectory() as made:
        write_sample(Path(made))
        return [
            (role, name, stage(root, [(Path(made) / name).read_bytes()], sys.maxsize)) for role, name in FILES.items()
        ]


def path_of(root: Path, key: str) -> Path:
    """Path of a staged file below the root, for who opens its key. Raises UploadMissing, StoreUnavailable."""
    if not _KEY.fullmatch(key):
        raise InvalidRequest("an upload key is uploads/<uuid>", field="files.upload_key")
    if not cache.has(root, key, DATA):
        raise UploadMissing("an uploaded file is no longer there; upload it again", field="files.upload_key")
    return Path(key) / DATA


def missing(root: Path, keys: Iterable[str]) -> list[str]:
    """Those whose file is no longer there. Raises InvalidRequest for what is no key."""
    gone = []
    for key in keys:
        try:
            path_of(root, key)
        except UploadMissing:
            gone.append(key)
    return gone


def sweep(root: Path) -> None:
    """Removes uploads that were cut off by the end of an earlier process.

    A whole one may be named by an import that still waits, however old it is: only the service knows, and deletes it.
    """
    for folder in (root / "uploads").glob("*"):
        part = folder / "data.part"
        last = max(path.stat().st_mtime for path in (folder, part) if path.exists())
        if not (folder / DATA).exists() and time.time() - last > CUT_OFF_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
