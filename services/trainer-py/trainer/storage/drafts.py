"""What is being written: its name, whose it is, and how it goes when who wrote it is gone.

.tmp-<writer>-<process>-<random>-<name>. A writer is a trainer with its children, or any other process that writes; on a
volume of several hosts no process tells by its number alone whose a draft is. A trainer holds the lock of its name in
`.writers/` while it lives: drafts of a writer whose lock is free are nobody's. Others have none, and an age.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY = ".tmp-"
WRITERS = ".writers"
# Of what no lock tells: longer than anything is written.
OLD_SECONDS = 86_400.0
_NAME = re.compile(rf"{re.escape(TEMPORARY)}([0-9a-f]{{16}})-([0-9]+)-[0-9a-f]{{32}}-(.+)", re.DOTALL)
_writer = [uuid.uuid4().hex[:16]]
_child: list[int] = []  # of a trainer: the process that this one is, or is one of several of
_held: dict[Path, int] = {}  # descriptors of locks
_one_at_a_time = threading.Lock()


def writer() -> str:
    """Of this process."""
    return _writer[0]


def write_for(name: str) -> None:
    """From now on this process, and those forked from it, are a part of that writer, as a child of its trainer's."""
    _writer[0] = name
    _child[:] = [os.getpid()]


def temporary_name(name: str) -> str:
    return f"{TEMPORARY}{writer()}-{_child[0] if _child else os.getpid()}-{uuid.uuid4().hex}-{name}"


def temporary_of(target: Path) -> list[Path]:
    """Drafts of `target`, whose ever they are."""
    named = [(path, _NAME.fullmatch(path.name)) for path in target.parent.glob(f"{TEMPORARY}*")]
    return [path for path, parts in named if parts is not None and parts[3] == target.name]


def live(root: Path) -> None:
    """Holds this writer's lock until the process ends, once it can be had: meanwhile (a disk that takes nothing, a file
    system without locks) its drafts go by their age."""
    path = root / WRITERS / writer()
    with _one_at_a_time, suppress(OSError):
        if path in _held:
            return
        path.parent.mkdir(exist_ok=True)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError:
                os.close(descriptor)
                path.unlink(missing_ok=True)  # free for good, it would say that nobody is there
                raise
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                _held[path] = descriptor
                return
            os.close(descriptor)  # a start elsewhere took it for one that was left


def sweep(root: Path) -> int:
    """Removes the drafts of writers that are gone, and old ones of which nobody knows; how many folders and files."""
    with _gone(root) as gone:
        swept = 0
        for path in list(root.rglob(f"{TEMPORARY}*")):
            named = _NAME.fullmatch(path.name)
            if (named is not None and named[1] in gone) or time.time() - _changed(path) > OLD_SECONDS:
                _remove(path)
                swept += 1
        for name in gone:
            (root / WRITERS / name).unlink(missing_ok=True)
    return swept


def sweep_after(root: Path, pid: int) -> int:
    """Removes the drafts of a process of this writer that has ended; how many."""
    left = list(root.rglob(f"{TEMPORARY}{writer()}-{pid}-*"))
    for path in left:
        _remove(path)
    return len(left)


@contextmanager
def _gone(root: Path) -> Iterator[set[str]]:
    """Writers whose lock is free, which is held meanwhile."""
    held: dict[str, int] = {}
    try:
        for path in (root / WRITERS).glob("*"):
            with suppress(FileNotFoundError):  # by another start
                descriptor = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    held[path.name] = descriptor
                except OSError:  # it lives, or nobody can tell
                    os.close(descriptor)
        yield set(held)
    finally:
        for descriptor in held.values():
            os.close(descriptor)


def _changed(path: Path) -> float:
    """Unix seconds; now where it has gone meanwhile."""
    try:
        inside = list(path.iterdir()) if path.is_dir() else []
        return max([one.stat().st_mtime for one in [path, *inside]])
    except FileNotFoundError:
        return time.time()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
