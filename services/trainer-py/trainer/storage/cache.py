"""The artifacts folder as a cache of an object store: what is written is published, what is read is fetched.

All code reads and writes a folder. Where it holds the mark `.store.json` it is a cache, and what is here does the rest;
in any other folder it does nothing. Several processes may use one cache: files appear by renames, and whoever reads or
writes an artifact holds a shared lock of its folder, beside which nothing is evicted.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, StorageFull
from ..settings import CACHE_MARK
from .drafts import TEMPORARY, temporary_name
from .durable import is_full, whole_file, whole_folder
from .object_store import FileProof, ObjectStore

_ARTIFACTS = ("datasets/*", "values/*", "uploads/*", "exports/*", "runs/*/epoch-*", "runs/*/constant-*")
# Evicted until this part of the bound is left; a process looks again once it has added the rest's fifth. So up to five
# that add at once stay within the bound.
_LEFT, _ADDED = 3 / 4, 1 / 20


def begin(root: Path, url: str, most_bytes: int) -> None:
    """Makes `root` the cache of a store. Raises InvalidRequest where it holds something else, StoreUnavailable where
    the store does not answer."""
    _require_own(root, url)
    ObjectStore(url).check()
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # another process may begin at this moment, for another store
        _require_own(root, url)
        with whole_file(root / CACHE_MARK) as path:
            path.write_text(json.dumps({"url": url, "most_bytes": most_bytes}))
    finally:
        os.close(descriptor)


def _require_own(root: Path, url: str) -> None:
    """What a start left that was killed is nobody's. Raises InvalidRequest."""
    is_used = root.exists() and any(not path.name.startswith(TEMPORARY) for path in root.iterdir())
    marked = _mark(root)  # read after the look: whoever begins meanwhile puts the mark there first
    if marked is None and is_used:
        raise InvalidRequest(f"VALENCE_CACHE names {root}, which is neither empty nor a cache: name another folder")
    if marked is not None and marked["url"] != url:
        raise InvalidRequest(
            f"VALENCE_CACHE names {root}, which holds copies of {marked['url']}: name another folder, or delete it"
        )


@contextmanager
def opened(root: Path, key: str, names: Collection[str] | None = None, proof: str | None = None) -> Iterator[Path]:
    """The folder of an artifact with these files, or all, as the store has them; what is missing or damaged there is
    not in it. proof: sha256 of one of its files, should there be several of the key. Raises StoreUnavailable."""
    cache = _of(root)
    if cache is None:
        yield root / key
        return
    with cache.opened(key, names, proof) as folder:
        yield folder


@contextmanager
def written(root: Path, key: str) -> Iterator[Path]:
    """A temporary folder that takes its place when the block ends well, as of `whole_folder`, and is published then.
    Raises StorageFull, StoreUnavailable."""
    cache = _of(root)
    with ExitStack() as held:
        with whole_folder(root / key) as folder:
            if cache is not None:
                held.enter_context(_pinned(folder))  # itself, by whatever name
            yield folder
        if cache is not None:
            cache.publish(key)
    if cache is not None:
        cache.trim()


@contextmanager
def working(root: Path, key: str) -> Iterator[None]:
    """While the block runs, the folder, which is there, is not evicted."""
    with nullcontext() if _of(root) is None else _pinned(root / key):
        yield


def publish(root: Path, key: str, names: list[str]) -> None:
    """Of what was not written through `written`. Raises StoreUnavailable."""
    if (cache := _of(root)) is not None:
        cache.publish(key, names)
        cache.trim()


def has(root: Path, key: str, name: str) -> bool:
    """Whether there is an artifact with this file; nothing is fetched. Raises StoreUnavailable."""
    cache = _of(root)
    if cache is None:
        return (root / key / name).is_file()
    return name in (cache.store.inventory(key) or {})


def store_of(root: Path) -> ObjectStore | None:
    cache = _of(root)
    return None if cache is None else cache.store


class _Cache:
    def __init__(self, root: Path, url: str, most_bytes: int) -> None:
        self.store = ObjectStore(url)
        self._root = root
        self._most_bytes = most_bytes
        self._added: float = most_bytes  # the first look is due at once

    @contextmanager
    def opened(self, key: str, names: Collection[str] | None, proof: str | None) -> Iterator[Path]:
        folder = self._root / key
        try:
            with ExitStack() as held:
                if not self._fetched(folder, key, names, proof, held):
                    _evict(folder)  # what was deleted elsewhere; not what is being published at the moment
                yield folder
        finally:
            self.trim()

    def _fetched(
        self, folder: Path, key: str, names: Collection[str] | None, proof: str | None, held: ExitStack
    ) -> bool:
        """Fetches what is not there of an artifact, whose folder stays until `held` ends; False where there is none."""
        while (inventory := self.store.inventory(key, proof)) is not None:
            with ExitStack() as trying:
                descriptor = trying.enter_context(_pinned(folder))
                try:
                    wanted = {name: file for name, file in inventory.items() if names is None or name in names}
                    lacking = {name: file for name, file in wanted.items() if not file.fits(folder / name)}
                    found = [self._fetch(key, folder / name, file, descriptor) for name, file in lacking.items()]
                    os.utime(folder)  # the time of its last use
                except FileNotFoundError:  # the folder was deleted meanwhile, with its artifact or for a newer copy
                    continue
                is_current = all(found) or self.store.inventory(key, proof) == inventory
                if is_current and _is_at(descriptor, folder):
                    held.enter_context(trying.pop_all())
                    return True
        return False

    def publish(self, key: str, names: list[str] | None = None) -> None:
        folder = self._root / key
        if names is None:
            names = sorted(path.name for path in folder.iterdir())
        self.store.publish(key, folder, names)
        self._added += sum((folder / name).stat().st_size for name in names)

    def trim(self) -> None:
        """Evicts what was used longest ago, once the bound may be near."""
        if self._added < self._most_bytes * _ADDED:
            return
        self._added = 0
        found = []
        for path in (path for pattern in _ARTIFACTS for path in self._root.glob(pattern)):
            with suppress(FileNotFoundError, NotADirectoryError):
                if not path.name.startswith("."):
                    size = sum(file.stat().st_size for file in path.iterdir())
                    found.append((path.stat().st_mtime, size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._most_bytes * _LEFT:
                break
            if _evict(path):
                total -= size

    def _fetch(self, key: str, target: Path, file: FileProof, folder: int) -> bool:
        """Into its place, or nothing there; whether the store has it. folder: a descriptor. Raises FileNotFoundError
        where another one has taken its place, whose files are not these."""
        temporary = target.parent / temporary_name(target.name)
        try:
            is_whole = self.store.fetch(key, file, temporary)
            if not _is_at(folder, target.parent):
                raise FileNotFoundError(target.parent)
            if is_whole:
                temporary.rename(target)
                self._added += file.bytes
            else:
                target.unlink(missing_ok=True)
        except OSError as error:
            if is_full(error):
                raise StorageFull("the disk that holds the cache of artifacts is full") from error
            raise
        finally:
            temporary.unlink(missing_ok=True)
        return is_whole


def _of(root: Path) -> _Cache | None:
    marked = _mark(root)
    return None if marked is None else _cache(root, marked["url"], marked["most_bytes"])


@lru_cache(1)
def _cache(root: Path, url: str, most_bytes: int) -> _Cache:
    return _Cache(root, url, most_bytes)


def _mark(root: Path) -> dict[str, Any] | None:
    try:
        marked: dict[str, Any] = json.loads((root / CACHE_MARK).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return marked


@contextmanager
def _pinned(folder: Path) -> Iterator[int]:
    """A descriptor of the folder, made where it is not there, with the shared lock that keeps it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # evicted this moment
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_at(descriptor, folder):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _evict(folder: Path) -> bool:
    """Deletes a folder that nobody uses; whether it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(descriptor, folder):
            return False
        gone = folder.parent / temporary_name(folder.name)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(descriptor)
    return True


def _is_at(descriptor: int, folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    return False
