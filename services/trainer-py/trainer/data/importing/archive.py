"""Archives: which tables lie in a zip or a tar, and what their names say they are."""

from __future__ import annotations

import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ...errors import BadDataset
from . import kinds
from .unpacking import BLOCK_BYTES, MOST_RATIO, Scratch, head_of

MOST_MEMBERS = 2000
_PREFIX_BYTES = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_TABLE = re.compile(
    r"(?i)\.(csv|tsv|tab|txt|dat|json|jsonl|ndjson|parquet|pq|inter|item|data|base|test|zip|tar|tgz)(\.(gz|zst))?$|\.(gz|zst)$"
)
_IGNORED = re.compile(
    r"(?i)(^|/)(__macosx/|\.[^./]|readme|licen[cs]e|copying|changelog|about|terms|.*agreement)|\.(pdf|md|html?|docx?|png|jpe?g|pl|py|sh)$"
)


@dataclass(frozen=True)
class Member:
    """One file of an archive, unpacked; `name` is as the archive has it."""

    name: str
    path: Path


def is_archive(path: Path) -> bool:
    head = head_of(path)
    return head.startswith(kinds.ZIP) or kinds.is_tar(head)


def is_table_name(name: str) -> bool:
    return bool(_TABLE.search(name)) and not is_about_tables(name)


def is_about_tables(name: str) -> bool:
    return bool(_IGNORED.search(name))


def _is_wanted(name: str, wanted: frozenset[str] | None) -> bool:
    return is_table_name(name) if wanted is None else name in wanted


def tables_of(path: Path, name: str, scratch: Scratch, wanted: frozenset[str] | None = None) -> list[Member]:
    """Unpacks the members whose names look like tables, or those in `wanted`. Names are never used as paths.

    Raises BadDataset: bad_zip, unsupported_format, too_large, missing_file."""
    if kinds.is_tar(head_of(path)):
        return _of_tar(path, name, scratch, wanted)
    if not scratch.is_prefix:
        return _of_zip(path, name, scratch, wanted)
    gap = scratch.gap_of(path)
    first = list(_of_zip_prefix(path, name, scratch, gap, wanted))
    if wanted is None or gap is None:
        return first
    known = {member.name for member in first}
    return first + _of_zip(path, name, scratch, frozenset(wanted - known), gap[1])


def names_at_the_end(path: Path, name: str, scratch: Scratch) -> list[str] | None:
    """Those of a zip whose directory is here; None where it is not."""
    if scratch.gap_of(path) is None or kinds.is_tar(head_of(path)):
        return None
    try:
        with zipfile.ZipFile(path):
            pass
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error):
        return None
    return names_of(path, name)


def names_of(path: Path, name: str) -> list[str]:
    """The names of the tables in a whole archive; where none looks like one, of whatever may be one by its bytes."""
    if kinds.is_tar(head_of(path)):
        try:
            with tarfile.open(path, "r:") as archive:
                names = [info.name for info in _members(archive, name) if info.isreg()]
        except tarfile.TarError:
            raise BadDataset(f"{name} is a damaged tar archive", code="bad_zip") from None
    else:
        with _opened(path, name) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return list(filter(is_table_name, names)) or [one for one in names if not _IGNORED.search(one)]


def _members(archive: tarfile.TarFile, name: str) -> Iterator[tarfile.TarInfo]:
    for count, info in enumerate(archive):
        if count >= MOST_MEMBERS:
            raise BadDataset(f"{name} holds more than {MOST_MEMBERS} files", code="too_large")
        yield info


def _opened(path: Path, name: str) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadDataset(f"{name} is a damaged zip file, or only a part of one", code="bad_zip") from None
    members = [info.filename for info in archive.infolist()]
    try:
        kinds.refuse_office(members, name)
        if len(members) > MOST_MEMBERS:
            raise BadDataset(f"{name} holds {len(members)} files; an archive may hold {MOST_MEMBERS}", code="too_large")
    except BadDataset:
        archive.close()
        raise
    return archive


def _of_zip(path: Path, name: str, scratch: Scratch, wanted: frozenset[str] | None, begins: int = 0) -> list[Member]:
    """Of members that begin there or later."""
    members = []
    with _opened(path, name) as archive:
        for info in archive.infolist():
            if info.is_dir() or not _is_wanted(info.filename, wanted) or info.header_offset < begins:
                continue
            shown = f"{name}: {info.filename}"
            if info.flag_bits & 1:
                raise BadDataset(f"{shown} is locked with a password; unpack it first", code="bad_zip")
            if info.compress_type not in _METHODS:
                way_out = "is packed by a method that is not read; pack it again"
                raise BadDataset(f"{shown} {way_out}", code="unsupported_format")
            if info.file_size > max(MOST_RATIO * max(info.compress_size, 1), BLOCK_BYTES):
                raise BadDataset(f"{shown} unpacks to more than {MOST_RATIO} times its size", code="too_large")
            try:
                with archive.open(info) as file:
                    members.append(Member(info.filename, scratch.unpack(_blocks(file, info.file_size), shown)))
            except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise BadDataset(
                    f"{name} is a damaged zip file: {info.filename} cannot be unpacked", code="bad_zip"
                ) from None
    return members


def _blocks(file: IO[bytes], most: int) -> Iterator[bytes]:
    """Never more than the directory says: a member that lies about its size is cut, and its checksum is wrong."""
    while block := file.read(BLOCK_BYTES):
        most -= len(block)
        if most < 0:
            raise zipfile.BadZipFile("longer than it says")
        yield block


def _of_tar(path: Path, name: str, scratch: Scratch, wanted: frozenset[str] | None) -> list[Member]:
    members: list[Member] = []
    most = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for info in _members(archive, name):
                if not info.isreg() or not _is_wanted(info.name, wanted):
                    continue
                if info.issparse():  # its holes are bytes that stand nowhere in the archive
                    sparse = f"{name}: {info.name} is packed as a sparse file, which is not read; pack it again without"
                    raise BadDataset(f"{sparse} --sparse", code="unsupported_format")
                if info.size > most and not scratch.is_prefix:
                    raise tarfile.ReadError("a member that is longer than the archive")
                file = archive.extractfile(info)
                if file is not None:
                    members.append(Member(info.name, scratch.unpack(_blocks(file, info.size), name)))
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if not scratch.is_prefix:
            raise BadDataset(f"{name} is a damaged tar archive, or only a part of one", code="bad_zip") from None
    return members


def _of_zip_prefix(
    path: Path, name: str, scratch: Scratch, gap: tuple[int, int] | None, wanted: frozenset[str] | None
) -> Iterator[Member]:
    """The members that begin in the first bytes of a zip, by their local headers: the directory stands at its end."""
    with path.open("rb") as file:
        data = file.read(-1 if gap is None else gap[0])
    at, seen = 0, []
    while data[at : at + 4] == kinds.ZIP[0] and len(data) >= at + 30:
        flags, method = struct.unpack_from("<HH", data, at + 6)
        packed, _, name_length, extra_length = struct.unpack_from("<IIHH", data, at + 18)
        start = at + 30 + name_length + extra_length
        member = data[at + 30 : at + 30 + name_length].decode("utf-8", "replace")
        seen.append(member)
        kinds.refuse_office(seen, name)
        if flags & 1 or method not in (0, 8):
            return
        if method == 8:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                content = inflate.decompress(data[start:], _PREFIX_BYTES)
            except zlib.error:
                raise BadDataset(f"{name} is a damaged zip file: {member} cannot be unpacked", code="bad_zip") from None
            is_open_end = bool(flags & 8)
            if is_open_end and not inflate.eof:
                at = len(data)
            elif is_open_end:
                at = data.find(kinds.ZIP[0], len(data) - len(inflate.unused_data))
                at = at if at >= 0 else len(data)
            else:
                at = start + packed
        else:
            content = data[start : start + packed][:_PREFIX_BYTES]
            at = start + packed
        if not member.endswith("/") and _is_wanted(member, wanted) and content:
            yield Member(member, scratch.unpack(iter([content]), name))


def stem_of(name: str) -> str:
    """The file's own name, lower case, without its folders."""
    return PurePosixPath(name.replace("\\", "/")).name.lower()
