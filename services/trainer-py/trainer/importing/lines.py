"""The bytes of one file as blocks of whole lines: plain or gzip, never more than a block in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadDataset

BLOCK_BYTES = 8 << 20
MOST_LINE_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")

# Text of ids packs 3 to 10 times; a file that unpacks further than this is made to fill the disk or the memory.
MOST_RATIO = 200
MOST_BYTES = 64 << 30


@dataclass(frozen=True)
class Block:
    """Whole lines, the last one closed by a newline; `first_line` is the 1-based number of the first."""

    data: bytes
    first_line: int


def blocks_of(path: Path, name: str, most_bytes: int = MOST_BYTES) -> Iterator[Block]:
    """Raises BadDataset: empty_file, not_utf8, truncated_gzip, bad_gzip, too_large, line_too_long."""
    line, rest, first = 1, b"", True
    for chunk in _unpacked(path, name, most_bytes):
        if first:
            if chunk.startswith(WIDE_BOMS):
                raise BadDataset(f"{name}: line 1 is UTF-16; files must be UTF-8", code="not_utf8")
            chunk, first = chunk.removeprefix(BOM), False
        data = rest + chunk
        end = data.rfind(b"\n") + 1
        if end:
            yield Block(data[:end], line)
            line += data.count(b"\n", 0, end)
        rest = data[end:]
        if len(rest) > MOST_LINE_BYTES:
            raise BadDataset(f"{name}: line {line} is longer than {MOST_LINE_BYTES} bytes", code="line_too_long")
    if rest:
        yield Block(rest + b"\n", line)
        line += 1
    if line == 1:
        raise BadDataset(f"{name} is empty", code="empty_file")


def _unpacked(path: Path, name: str, most_bytes: int) -> Iterator[bytes]:
    total = packed = 0
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if not is_gzip:
            while chunk := file.read(BLOCK_BYTES):
                yield chunk
            return
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while chunk := file.read(1 << 18):
            packed += len(chunk)
            while chunk:
                if inflate.eof:  # gzip files may hold several members one after the other
                    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
                try:
                    data = inflate.decompress(chunk, BLOCK_BYTES)
                except zlib.error:
                    raise BadDataset(f"{name} is a damaged gzip file", code="bad_gzip") from None
                total += len(data)
                if total > most_bytes or total > max(MOST_RATIO * packed, BLOCK_BYTES):
                    raise BadDataset(
                        f"{name} unpacks to more than {MOST_RATIO} times its size or {most_bytes} bytes",
                        code="too_large",
                    )
                if data:
                    yield data
                chunk = inflate.unconsumed_tail or (inflate.unused_data if inflate.eof else b"")
        if not inflate.eof:
            raise BadDataset(f"{name} ends in the middle of its gzip data", code="truncated_gzip")
