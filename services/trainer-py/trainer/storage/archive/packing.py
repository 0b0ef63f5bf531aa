"""Writing a backup: tables and artifacts into one file, each proved while it is copied."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from ...errors import StorageFull
from ..cache import opened
from ..durable import is_full
from .format import (
    CHUNK,
    CONSTANT,
    FILES,
    FIRST,
    FORMAT,
    MANIFEST,
    OPTIONAL,
    TABLES,
    Progress,
    header,
    padding,
    trailer,
)

# A dataset that is imported again is replaced while somebody may read it: what looks damaged is looked at again.
_LOOKS, _PAUSE = 3, 0.5


@dataclass(frozen=True)
class Wanted:
    """An artifact that a row names; `sha256` is that of its manifest, or of an upload's bytes."""

    key: str
    sha256: str | None = None
    is_required: bool = True


class _Damaged(Exception):
    """A file of an artifact is not what its row or its manifest says."""


def pack(
    target: Path, head: dict[str, Any], tables: Path, wanted: list[Wanted], root: Path, progress: Progress
) -> dict[str, Any]:
    """Writes the archive, synced; returns its manifest: `head` and what is in the file. `target` must not be there.

    An artifact that is missing or damaged is left out and listed. Raises StorageFull, StoreUnavailable; a file that is
    not finished stays for the caller to remove. tables  folder of `*.copy.gz`; root  artifacts folder, or the cache of
    an object store.
    """
    members: dict[str, dict[str, Any]] = {}
    missing: list[dict[str, str]] = []
    try:
        with target.open("xb") as file:
            target.chmod(0o600)
            writer = _Writer(file, progress)
            writer.add_bytes(FIRST, f"{FORMAT}\n".encode())
            for path in sorted(tables.iterdir()):
                members[f"{TABLES}/{path.name}"] = writer.add_file(f"{TABLES}/{path.name}", path)
            for one in wanted:
                found, problem = _add_artifact(writer, root, one, members)
                members |= found
                if problem and one.is_required:
                    missing.append({"key": one.key, "problem": problem})
            manifest = {"format": FORMAT, **head, "missing": missing, "members": members}
            writer.add_bytes(MANIFEST, json.dumps(manifest, indent=1).encode())
            file.write(trailer(writer.digest.hexdigest()))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"the disk that holds {target.parent} is full") from error
        raise
    return manifest


class _Writer:
    """Appends members to a file and takes back what turns out to be damaged."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self.digest = hashlib.sha256()

    def add_bytes(self, name: str, content: bytes) -> None:
        self._write(header(name, len(content)) + content + padding(len(content)))

    def add_file(self, name: str, path: Path) -> dict[str, Any]:
        """Raises _Damaged when the file is cut off while it is read."""
        size = path.stat().st_size
        self._write(header(name, size))
        digest = hashlib.sha256()
        with path.open("rb") as source:
            for chunk in _exactly(source, size):
                digest.update(chunk)
                self._write(chunk)
        self._write(padding(size))
        return {"bytes": size, "sha256": digest.hexdigest()}

    def mark(self) -> tuple[int, Any]:
        return self._file.tell(), self.digest.copy()

    def back_to(self, mark: tuple[int, Any]) -> None:
        position, self.digest = mark
        self._file.seek(position)
        self._file.truncate()

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self.digest.update(content)
        self._progress(self._file.tell())


def _add_artifact(
    writer: _Writer, root: Path, wanted: Wanted, members: dict[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], str | None]:
    """The members of the artifact beside `members`, and what is wrong with it when there are none."""
    files = next((names for shape, names in FILES.items() if shape.fullmatch(wanted.key)), None)
    if files is None:
        return {}, "its key is none of an artifact"
    problem = ""
    for look in range(_LOOKS if wanted.key.startswith("datasets/") else 1):
        time.sleep(_PAUSE if look > 0 else 0)
        mark = writer.mark()
        try:
            with opened(root, wanted.key, files, wanted.sha256) as folder:
                if not folder.is_dir():
                    raise _Damaged("it is not there")
                there = [name for name in files if name not in OPTIONAL or (folder / name).exists()]
                found = {name: writer.add_file(f"{wanted.key}/{name}", folder / name) for name in there}
                described = _prove(folder, wanted, found)
            own = {f"{wanted.key}/{name}": proof for name, proof in found.items()}
            return own | _add_constant(writer, root, wanted, described, members), None
        except FileNotFoundError as error:
            problem = f"{Path(error.filename).name} is missing"
        except _Damaged as error:
            problem = str(error)
        except OSError as error:
            if is_full(error) or error.filename is None:
                raise
            problem = f"{Path(error.filename).name} cannot be read: {error.strerror}"
        writer.back_to(mark)
    return {}, problem


def _add_constant(
    writer: _Writer, root: Path, wanted: Wanted, described: dict[str, Any], members: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What a checkpoint has in common with others of its run, unless one of them has brought it along."""
    proof = described.get("constant")
    if proof is None:
        return {}
    key = f"{wanted.key.rpartition('/')[0]}/constant-{proof['sha256']}"
    name = f"{key}/{CONSTANT}"
    if name in members:
        return {}
    with opened(root, key, [CONSTANT]) as folder:
        if not (folder / CONSTANT).is_file():
            raise _Damaged(f"{name} is missing")
        found = writer.add_file(name, folder / CONSTANT)
    if found != proof:
        raise _Damaged(f"{name} differs from its name")
    return {name: found}


def _prove(folder: Path, wanted: Wanted, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The artifact's own manifest. Raises _Damaged unless the copied files are those of the row and of it."""
    first = "manifest.json" if "manifest.json" in found else "data"
    if wanted.sha256 is not None and found[first]["sha256"] != wanted.sha256:
        raise _Damaged(f"{first} is not the one that was committed")
    if first == "data":
        return {}
    text = (folder / first).read_bytes()
    try:
        manifest: dict[str, Any] = json.loads(text)
        described = manifest["files"]
        proofs = {name: described[name] for name in {*found, *described} - {first}}
    except (ValueError, KeyError, TypeError):
        raise _Damaged(f"{first} does not describe it") from None
    if hashlib.sha256(text).hexdigest() != found[first]["sha256"]:
        raise _Damaged(f"{first} was replaced while it was copied")
    for name, proof in proofs.items():
        if name not in found:
            raise _Damaged(f"{name} is missing")
        if proof != found[name]:
            raise _Damaged(f"{name} differs from its manifest")
    return manifest


def _exactly(source: IO[bytes], size: int) -> Iterator[bytes]:
    """So many bytes, or _Damaged."""
    left = size
    while left > 0:
        chunk = source.read(min(CHUNK, left))
        if not chunk:
            raise _Damaged("it was cut off while it was copied")
        left -= len(chunk)
        yield chunk
