"""Reading a backup: checked to its last byte, then written where its artifacts belong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from ...errors import BadArchive, InvalidRequest, StorageFull
from ..durable import is_full, sync
from ..object_store import ObjectStore
from .format import CHUNK, FIRST, FORMAT, MANIFEST, TABLES, Progress, check_name, trailer

_MOST_MANIFEST = 1 << 30


def check(source: Path, progress: Progress) -> dict[str, Any]:
    """Reads the whole file and returns its manifest. Raises BadArchive when a single byte is not as it was written."""
    size = source.stat().st_size
    seen: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] = {}
    with source.open("rb") as file, _refusing(source):
        _drop_cache(file)
        stream = _Hashing(file, size - len(trailer("")), progress)
        for member, content in _members(source, stream):
            if member.name == MANIFEST:
                manifest = _manifest_of(content, member)
                break
            if member.name in seen:
                raise BadArchive(f"{source} holds {member.name[:200]!r} twice")
            digest = hashlib.sha256()
            for chunk in _chunks(content):
                digest.update(chunk)
            seen[member.name] = {"bytes": member.size, "sha256": digest.hexdigest()}
        stream.drain()
        file.seek(max(0, size - len(trailer(""))))
        if file.read() != trailer(stream.digest.hexdigest()):
            raise BadArchive(f"{source} is damaged or cut off: its bytes are not those that were written")
    if manifest.get("members") != seen:
        raise BadArchive(f"{source} holds other members than its manifest names")
    for name in seen:
        check_name(name)
    return manifest


def unpack(source: Path, root: Path, tables: Path, progress: Progress, store: ObjectStore | None = None) -> None:
    """Writes the artifacts below `root` and the dumped tables into `tables`, synced. Call `check` first. With a store
    each artifact goes there as soon as it is whole, and nothing of it stays below `root`.

    Raises BadArchive when a member is not the one that the manifest names, StorageFull when there is no room,
    InvalidRequest where the store holds something else, StoreUnavailable.
    """
    members = _read_manifest(source)["members"]
    keys = {name.rpartition("/")[0] for name in members} - {TABLES}
    if store is not None:
        _refuse_others(store, keys)
    done, last = 0, TABLES
    folders: set[Path] = {root}
    try:
        with source.open("rb") as file, _refusing(source):
            for member, content in _members(source, file):
                folder, _, name = member.name.rpartition("/")
                if store is not None and folder != last and last != TABLES:
                    _publish(store, root, last)
                last = folder
                if member.name == MANIFEST:
                    break
                check_name(member.name)
                proof = members.get(member.name)
                if proof is None or proof["bytes"] != member.size:
                    raise BadArchive(f"{source}: {member.name} is not the one that the manifest names")
                target = (tables if folder == TABLES else root / folder) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as out:
                    digest = hashlib.sha256()
                    for chunk in _chunks(content):
                        digest.update(chunk)
                        out.write(chunk)
                        progress(done := done + len(chunk))
                    out.flush()
                    os.fsync(out.fileno())
                if digest.hexdigest() != proof["sha256"]:
                    raise BadArchive(f"{source}: {member.name} is damaged")
                if folder != TABLES and store is None:
                    folders |= {root / parent for parent in Path(member.name).parents}
        for path in sorted(folders, reverse=True):
            sync(path)
    except OSError as error:
        if is_full(error):
            raise StorageFull("the disk that holds the artifacts is full") from error
        raise


def _refuse_others(store: ObjectStore, keys: set[str]) -> None:
    """What an earlier attempt has put there may stay: it is the same, or is beside what is put now."""
    others = sorted(stored.key for stored in store.listing() if stored.key not in keys)
    if others:
        raise InvalidRequest(
            f"the object store is not empty: it holds {len(others):,} artifacts that the backup does not, for example "
            f"{', '.join(others[:3])}; nothing was changed. Name an empty bucket, or another prefix"
        )


def _publish(store: ObjectStore, root: Path, key: str) -> None:
    store.publish(key, root / key, sorted(path.name for path in (root / key).iterdir()))
    shutil.rmtree(root / key)


class _Hashing:
    """A file that is read in order; sha256 of its first `limit` bytes."""

    def __init__(self, file: BinaryIO, limit: int, progress: Progress) -> None:
        self._file, self._left, self._progress, self._done = file, limit, progress, 0
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk[: max(0, self._left)])
        self._left -= len(chunk)
        self._done += len(chunk)
        self._progress(self._done)
        return chunk

    def drain(self) -> None:
        while self.read(CHUNK):
            pass


@contextmanager
def _refusing(source: Path) -> Iterator[None]:
    """What tarfile says of a file that is damaged or none of ours becomes BadArchive."""
    try:
        yield
    except (tarfile.TarError, UnicodeError, ValueError, EOFError) as error:
        raise BadArchive(f"{source} is no backup of Valence, or damaged or cut off: {error}") from None


def _members(source: Path, stream: Any) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """The members in order, each a plain file, after the first has told the format. Raises BadArchive."""
    is_known = False
    with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.type == tarfile.REGTYPE else None
            if content is None or member.sparse is not None:
                raise BadArchive(f"{source}: {member.name[:200]!r} is not a plain file")
            if is_known:
                yield member, content
            else:
                _check_format(source, member, content)
                is_known = True
    if not is_known:
        raise BadArchive(f"{source} is no backup of Valence: it is empty")


def _check_format(source: Path, member: tarfile.TarInfo, content: IO[bytes]) -> None:
    if member.name != FIRST or member.size > 16:
        raise BadArchive(f"{source} is no backup of Valence")
    text = content.read().decode("ascii", "replace").strip()
    if text != str(FORMAT):
        raise BadArchive(f"{source} has format {text}; this version of Valence reads format {FORMAT}")


def _read_manifest(source: Path) -> dict[str, Any]:
    try:
        with tarfile.open(source, mode="r:") as tar:
            member = tar.getmember(MANIFEST)
            content = tar.extractfile(member)
            if content is not None:
                return _manifest_of(content, member)
    except (tarfile.TarError, KeyError):
        pass
    raise BadArchive(f"{source} is no backup of Valence, or damaged or cut off")


def _manifest_of(content: IO[bytes], member: tarfile.TarInfo) -> dict[str, Any]:
    if member.size > _MOST_MANIFEST:
        raise BadArchive("the manifest is too large")
    try:
        manifest = json.loads(content.read())
    except ValueError:
        raise BadArchive("the manifest is damaged") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("members"), dict):
        raise BadArchive("the manifest is damaged")
    return manifest


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk


def _drop_cache(file: BinaryIO) -> None:
    """What has just been written is read back from the disk, where the system lets us ask for that."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
