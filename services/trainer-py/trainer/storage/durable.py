"""Writing files and folders so that they are there whole or not at all, and reading them so that damage is seen."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageFull
from .drafts import temporary_name

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place when the block ends well: files and folder are synced
    before the rename, the parent after it. An existing target is replaced only then. Raises StorageFull."""
    temporary = target.parent / temporary_name(target.name)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for path in temporary.iterdir():
            sync(path)
        sync(temporary)
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
        sync(target.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if is_full(error):
            raise StorageFull("the disk that holds the artifacts is full") from error
        raise


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """The same for a file in a folder that is there."""
    temporary = target.parent / temporary_name(target.name)
    try:
        yield temporary
        sync(temporary)
        temporary.rename(target)
        sync(target.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if is_full(error):
            raise StorageFull("the disk that holds the artifacts is full") from error
        raise


def is_full(error: BaseException) -> bool:
    """Whether a write failed for want of room. The errors of safetensors and of numba's cache (the first compilation
    on a machine) hold the number in their text only."""
    return _has_number(error, _NO_ROOM)


def is_read_only(error: BaseException) -> bool:
    """Whether a write failed because the disk takes none: a kernel that has seen an error of it mounts it so."""
    return _has_number(error, (errno.EROFS,))


READ_ONLY = "the disk that holds the artifacts takes no writes"


def _has_number(error: BaseException, numbers: tuple[int, ...]) -> bool:
    text = str(error)
    return getattr(error, "errno", None) in numbers or any(
        f"(os error {one})" in text or f"[Errno {one}]" in text for one in numbers
    )


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
