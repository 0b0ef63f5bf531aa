"""A text file as the engine takes it: UTF-8 whose lines end with one newline, and no line without an end in sight."""

from __future__ import annotations

import ast
import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadDataset
from .unpacking import BLOCK_BYTES, SAMPLE_BYTES, Scratch

MOST_LINE_BYTES = 1 << 20
# Of JSON; an array of objects often is one line.
MOST_OBJECT_BYTES = 16 * MOST_LINE_BYTES
BOM = b"\xef\xbb\xbf"
WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_AS_UTF8 = "save the file as UTF-8, in Excel as CSV UTF-8 (comma delimited)"
# What stands for a carriage return inside a line: ids may hold no control character, and titles show it as a blank.
_STRAY_RETURN = b"\x0b"
_ARRAY = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*\{")
_ODD_END = re.compile(rb"\r+\n|\r")
# Its few bytes without a meaning stand for what they do in Latin-1.
_WINDOWS_1252 = "".join(bytes([byte]).decode("windows-1252", "ignore") or chr(byte) for byte in range(256))
# A line, or an object of an array that is one line.
_PIECE = re.compile(rb"[^\r\n}]+")


@dataclass(frozen=True)
class Text:
    """encoding  of the file as it came; lines  how many newlines it has, a last line without one included."""

    path: Path
    encoding: str
    lines: int


def plain(path: Path, name: str, scratch: Scratch, other_encodings: bool) -> Text:
    """The file itself, or a mended copy. `other_encodings`: lines that are not UTF-8 are read as Windows-1252.

    Raises BadDataset: empty_file, not_utf8 (with the line), line_too_long."""
    returns = newlines = has_bom = False
    lines = not_utf8 = 0
    start = True
    for block in _lines(path, name, scratch.is_prefix):
        if start:
            _refuse_wide(block, name)
            start, has_bom = False, block.startswith(BOM)
        scratch.alive()
        returns |= b"\r" in block
        newlines |= b"\n" in block[:-1]
        if not not_utf8:
            not_utf8 = _wrong_line(block, lines)
            if not_utf8 and not other_encodings:
                raise BadDataset(f"{name}: line {not_utf8} is not UTF-8; {_AS_UTF8}", code="not_utf8")
        lines += block.count(b"\n")
    if start:
        raise BadDataset(f"{name} is empty", code="empty_file")
    encoding = "windows-1252" if not_utf8 else "utf-8"
    if not (returns or not_utf8 or has_bom or scratch.is_prefix):
        return Text(path, encoding, lines)
    mended = scratch.copy(_mended(_lines(path, name, scratch.is_prefix), newlines, encoding))
    return Text(mended, encoding, lines if newlines else _newlines(mended))


def _newlines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK_BYTES), b""))


def _lines(path: Path, name: str, is_prefix: bool) -> Iterator[bytes]:
    """Blocks of whole lines, the last one closed by a newline; of a JSON array blocks that end behind a comma or a
    brace. Of a file of which only the beginning is here the last line is left out where it is cut."""
    line, rest = 1, b""
    with path.open("rb") as file:
        is_array = bool(_ARRAY.match(file.read(SAMPLE_BYTES)))
        file.seek(0)
        what, most = ("an object", MOST_OBJECT_BYTES) if is_array else ("line {}", MOST_LINE_BYTES)
        while chunk := file.read(BLOCK_BYTES):
            # Without any newline carriage returns end lines. One at the end of a chunk may have its newline next.
            end = chunk.rfind(b"\n") + 1 or chunk.rfind(b"\r", 0, len(chunk) - 1) + 1
            if is_array:
                end = max(end, chunk.rfind(b",") + 1, chunk.rfind(b"}") + 1)
            if end:
                block = rest + chunk[:end]
                yield block
                line += block.count(b"\n")
                rest = chunk[end:]
            else:
                rest += chunk
            if len(rest) > most:
                raise BadDataset(f"{name}: {what.format(line)} is longer than {most} bytes", code="line_too_long")
    if rest and not (is_prefix and (line > 1 or is_array)):
        yield rest + b"\n"


def _refuse_wide(block: bytes, name: str) -> None:
    head = block[:4096]
    if block.startswith(WIDE_BOMS) or _is_wide(head):
        raise BadDataset(f"{name}: line 1 is UTF-16; {_AS_UTF8}", code="not_utf8")
    if len(head) > 8 and head.count(b"\0") * 3 > len(head):
        way_out = "which is not read; export the table as CSV or Parquet"
        raise BadDataset(f"{name} is no text but binary data, {way_out}", code="unsupported_format")


def _is_wide(head: bytes) -> bool:
    """Of text in UTF-16, mostly Latin, every second byte is 0 and no other is."""
    even, odd = head[0::2], head[1::2]
    return len(head) > 8 and any(
        zeros.count(0) * 3 > len(zeros) * 2 and not others.count(0) for zeros, others in ((even, odd), (odd, even))
    )


def _wrong_line(block: bytes, before: int) -> int:
    try:
        block.decode()
    except UnicodeDecodeError as error:
        return before + block.count(b"\n", 0, error.start) + 1
    return 0


def _mended(blocks: Iterator[bytes], has_newlines: bool, encoding: str) -> Iterator[bytes]:
    stray = _STRAY_RETURN if has_newlines else b"\n"
    for number, block in enumerate(blocks):
        if number == 0:
            block = block.removeprefix(BOM)
        if encoding != "utf-8":
            block = block if _is_utf8(block) else _PIECE.sub(_recoded, block)
        yield _ODD_END.sub(lambda end: b"\n" if end[0].endswith(b"\n") else stray, block) if b"\r" in block else block


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _recoded(piece: re.Match[bytes]) -> bytes:
    return piece[0] if _is_utf8(piece[0]) else codecs.charmap_decode(piece[0], "strict", _WINDOWS_1252)[0].encode()


def blanks_to_tabs(path: Path, name: str, scratch: Scratch) -> Path:
    """Columns that runs of blanks separate."""
    runs = re.compile(rb"[ \t]+")

    def rewritten() -> Iterator[bytes]:
        for block in _lines(path, name, scratch.is_prefix):
            yield b"\n".join(runs.sub(b"\t", line.strip(b" \t")) for line in block.split(b"\n"))

    return scratch.copy(rewritten())


def literals_to_json(path: Path, name: str, scratch: Scratch) -> Path:
    """Lines that are Python dictionaries, as some datasets are published. What is none stays, and is told as bad."""

    def rewritten() -> Iterator[bytes]:
        for block in _lines(path, name, scratch.is_prefix):
            for line in block.splitlines():
                try:
                    value = ast.literal_eval(line.decode())
                    yield json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
                except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
                    yield line + b"\n"

    return scratch.copy(rewritten())
