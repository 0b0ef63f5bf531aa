"""Compressed bytes become plain ones, in a folder of the import: with limits, and damage named."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from ...errors import BadDataset
from ...storage.drafts import temporary_name
from . import kinds

BLOCK_BYTES = 8 << 20
# What of a file tells how it is written.
SAMPLE_BYTES = 64 << 10
# Text of ids packs 3 to 10 times; a file that unpacks further than this is made to fill the disk or the memory.
MOST_RATIO = 200
MOST_BYTES = 64 << 30
MOST_LAYERS = 4


@dataclass
class Scratch:
    """Where what is unpacked lies until the import ends.

    most       bytes that may be unpacked, of all files together; copies of what is here already do not count
    cuts       for a preview: of each file so many are unpacked, and the rest is as if it were not here
    is_prefix  only the first bytes of each file are here: an end in the middle of them is none of its faults
    gap        of the file as it was given, where is_prefix: from where to where its bytes are not here
    left_out   names of tables in archives that are not taken, by archive
    unread     why tables of items cannot be read, by name: they refuse no interactions
    not_shown  what the first bytes do not show, by file
    alive      called with every block, so that what takes long is not taken for dead
    """

    folder: Path
    most: int = MOST_BYTES
    cuts: bool = False
    is_prefix: bool = False
    gap: tuple[Path, int, int] | None = None
    left_out: dict[str, list[str]] = field(default_factory=dict)
    unread: dict[str, BadDataset] = field(default_factory=dict)
    not_shown: dict[str, str] = field(default_factory=dict)
    alive: Callable[[], None] = lambda: None
    _files: int = 0
    _unpacked: int = 0

    def gap_of(self, path: Path) -> tuple[int, int] | None:
        """None of a file of which the end is not here, and of what was unpacked."""
        return self.gap[1:] if self.gap is not None and self.gap[0] == path else None

    def new(self) -> Path:
        self._files += 1
        return self.folder / str(self._files)

    def copy(self, blocks: Iterator[bytes]) -> Path:
        """A mended copy of what lies here, no larger than a few times that."""
        path = self.new()
        with path.open("wb") as file:
            for block in blocks:
                self.alive()
                file.write(block)
        return path

    def unpack(self, blocks: Iterator[bytes], name: str) -> Path:
        """Raises BadDataset(too_large)."""
        return self.copy(self._first(blocks) if self.cuts else self._counted(blocks, name))

    @contextmanager
    def sparing(self, role: str, name: str) -> Iterator[None]:
        """What cannot be read is noted where it would only say what the items are called."""
        try:
            yield
        except BadDataset as error:
            if role != "items":
                raise
            self.unread[name] = error

    def _counted(self, blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
        for block in blocks:
            self._unpacked += len(block)
            if self._unpacked > self.most:
                raise BadDataset(f"{name} unpacks to more than {self.most} bytes", code="too_large")
            yield block

    def _first(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Up to the last line that fits."""
        left = self.most
        for block in blocks:
            if len(block) > left:
                self.is_prefix = True
                yield block[: block.rfind(b"\n", 0, left) + 1 or left]
                return
            left -= len(block)
            yield block


@contextmanager
def scratch_folder(artifacts: Path) -> Iterator[Path]:
    """Swept once its process is gone, should that be killed."""
    folder = artifacts / temporary_name("import")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(kinds.HEAD_BYTES)


def uncompressed(path: Path, name: str, scratch: Scratch) -> tuple[Path, str]:
    """The file without gzip and zstd around it, and what was around it ("", "gzip", "zstd").

    Raises BadDataset: bad_gzip, truncated_gzip, bad_zstd, too_large."""
    around = []
    for _ in range(MOST_LAYERS):
        head = head_of(path)
        if head.startswith(kinds.GZIP):
            around.append("gzip")
            blocks = _gunzipped
        elif kinds.is_zstd(head):
            around.append("zstd")
            blocks = _zstd
        else:
            return path, "+".join(around)
        with path.open("rb") as file:
            path = scratch.unpack(_limited(blocks(file, name, scratch.is_prefix), file, name), name)
    raise BadDataset(f"{name} is packed more than {MOST_LAYERS} times over", code="too_large")


def _limited(blocks: Iterator[bytes], packed: BinaryIO, name: str) -> Iterator[bytes]:
    total = 0
    for block in blocks:
        total += len(block)
        if total > max(MOST_RATIO * packed.tell(), BLOCK_BYTES):
            raise BadDataset(f"{name} unpacks to more than {MOST_RATIO} times its size", code="too_large")
        yield block


def _gunzipped(file: BinaryIO, name: str, is_prefix: bool) -> Iterator[bytes]:
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    member = 1
    while chunk := file.read(1 << 18):
        while chunk:
            if inflate.eof:  # gzip files may hold several members one after the other
                inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
                member += 1
                if _is_padding(chunk) and all(map(_is_padding, iter(lambda: file.read(BLOCK_BYTES), b""))):
                    return  # tapes pad with zeros
            try:
                data = inflate.decompress(chunk, BLOCK_BYTES)
            except zlib.error:
                where = "" if member == 1 else f": what follows its part {member - 1} is no gzip data"
                raise BadDataset(f"{name} is a damaged gzip file{where}", code="bad_gzip") from None
            if data:
                yield data
            chunk = inflate.unconsumed_tail or (inflate.unused_data if inflate.eof else b"")
    if not inflate.eof and not is_prefix:
        raise BadDataset(f"{name} ends in the middle of its gzip data", code="truncated_gzip")


def _is_padding(block: bytes) -> bool:
    return block.count(0) == len(block)


def _zstd(file: BinaryIO, name: str, is_prefix: bool) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as stream:
            while block := stream.read(1 << 16 if is_prefix else BLOCK_BYTES):
                yield block
    except (OSError, pa.ArrowException):
        if not is_prefix:
            raise BadDataset(f"{name} is a damaged zstd file, or only a part of one", code="bad_zstd") from None
