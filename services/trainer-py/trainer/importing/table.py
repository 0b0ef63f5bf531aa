"""Blocks of lines become columns of text, every row with its line number; rows that do not fit become problems."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ..errors import BadDataset
from .header import Header
from .lines import MOST_LINE_BYTES, Block

NEWLINE, QUOTE, RETURN = b"\n"[0], b'"'[0], b"\r"[0]


@dataclass(frozen=True)
class BadRow:
    code: str
    line: int
    column: str
    message: str


@dataclass(frozen=True)
class Rows:
    """columns  name → StringArray [rows]; lines [rows] 1-based line numbers; bad  rows that could not be read."""

    columns: dict[str, pa.Array]
    lines: np.ndarray
    bad: list[BadRow]
    read: int


def rows_of(blocks: Iterator[Block], header: Header, wanted: list[str], name: str) -> Iterator[Rows]:
    """The wanted columns of every block. Raises BadDataset(not_utf8) with the line."""
    for block in blocks:
        yield _rows_of(block, header, wanted, name)


def _rows_of(block: Block, header: Header, wanted: list[str], name: str) -> Rows:
    try:
        block.data.decode()
    except UnicodeDecodeError as error:
        line = block.first_line + block.data.count(b"\n", 0, error.start)
        raise BadDataset(f"{name}: line {line} is not UTF-8", code="not_utf8") from None
    data = np.frombuffer(block.data, np.uint8)
    ends = np.flatnonzero(data == NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (data[starts] == RETURN))
    bad, good = _shape_problems(data, ends, starts, blank, header, block.first_line)
    lines = block.first_line + np.flatnonzero(good)
    text = block.data
    if not good.all():
        text = b"".join(block.data[starts[row] : ends[row] + 1] for row in np.flatnonzero(good))
    columns = {column: pa.array([], pa.string()) for column in wanted}
    if len(lines):
        table = _parsed(text, header, wanted)
        if table is None or table.num_rows != len(lines):
            raise BadDataset(
                f"{name}: a quoted field between lines {lines[0]} and {lines[-1]} is not closed", code="unclosed_quote"
            )
        columns = {column: table.column(column).combine_chunks() for column in wanted}
    return Rows(columns, lines, bad, int((~blank).sum()))


def _parsed(text: bytes, header: Header, wanted: list[str]) -> pa.Table | None:
    try:
        return pyarrow.csv.read_csv(
            io.BytesIO(text),
            read_options=pyarrow.csv.ReadOptions(
                column_names=list(header.names), block_size=len(text) + 1, use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=header.separator.decode(), quote_char='"' if header.quoted else False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.string()),
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None


def _shape_problems(
    data: np.ndarray, ends: np.ndarray, starts: np.ndarray, blank: np.ndarray, header: Header, first_line: int
) -> tuple[list[BadRow], np.ndarray]:
    """Rows with the wrong number of fields, an open quote, a line end within or too many bytes; and which rows [lines]
    can be parsed."""
    is_separator = data == header.separator[0]
    returns = np.flatnonzero(data == RETURN)
    broken = np.zeros(len(starts), bool)
    broken[np.searchsorted(ends, returns[data[returns + 1] != NEWLINE])] = True
    open_quote = np.zeros(len(starts), bool)
    if header.quoted:
        # Inside an odd number of quotes a separator is text. Doubled quotes keep the parity.
        counted = np.cumsum(data == QUOTE, dtype=np.int32)
        before = np.where(starts > 0, counted[starts - 1], np.int32(0))
        quotes = counted - np.repeat(before, ends - starts + 1)  # of the line so far, [bytes]
        open_quote = quotes[ends] % 2 == 1
        is_separator &= quotes % 2 == 0
    separators = np.concatenate([[0], np.cumsum(is_separator, dtype=np.int32)])
    fields = separators[ends] - separators[starts] + 1
    if header.quoted:
        for line in _odd_quotes(data, quotes, ends, header):
            fields[line], open_quote[line] = _slowly(data[starts[line] : ends[line]].tobytes(), header)
    too_long = ends - starts > MOST_LINE_BYTES
    ragged = (fields != len(header.names)) & ~open_quote & ~broken & ~too_long & ~blank
    bad = [
        BadRow("unclosed_quote", first_line + row, "", "a quoted field is not closed")
        for row in np.flatnonzero(open_quote & ~blank).tolist()
    ]
    bad += [
        BadRow("ragged_row", first_line + row, "", f"{fields[row]} fields where {len(header.names)} are named")
        for row in np.flatnonzero(ragged).tolist()
    ]
    bad += [
        BadRow("line_too_long", first_line + row, "", f"longer than {MOST_LINE_BYTES} bytes")
        for row in np.flatnonzero(too_long).tolist()
    ]
    bad += [
        BadRow("bad_character", first_line + row, "", "a carriage return stands inside the line")
        for row in np.flatnonzero(broken & ~open_quote & ~too_long & ~blank).tolist()
    ]
    return bad, ~(blank | open_quote | broken | ragged | too_long)


def _odd_quotes(data: np.ndarray, quotes: np.ndarray, ends: np.ndarray, header: Header) -> list[int]:
    """Rows in which a quote neither begins nor ends a field nor stands beside its double; there parity says nothing,
    for a quote within a field is text."""
    at = np.flatnonzero(data == QUOTE)
    opens = quotes[at] % 2 == 1
    neighbour = np.where(opens, data[np.maximum(at - 1, 0)], data[at + 1])
    regular = np.isin(neighbour, (header.separator[0], NEWLINE, RETURN, QUOTE)) | (opens & (at == 0))
    return list(dict.fromkeys(np.searchsorted(ends, at[~regular]).tolist()))


def _slowly(line: bytes, header: Header) -> tuple[int, bool]:
    """How many fields a line has, and whether a quote in it stays open."""
    try:
        fields = next(csv.reader([line.decode() + "\n"], delimiter=header.separator.decode()))
    except csv.Error:
        return 0, True
    return len(fields), fields[-1].endswith("\n")


MOST_ID_BYTES = 512
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def id_problems(values: pa.Array, column: str, lines: np.ndarray) -> tuple[list[BadRow], np.ndarray]:
    """Ids are any Unicode of 1 to 512 bytes without control characters."""
    length = pc.binary_length(values).to_numpy(zero_copy_only=False)
    control = pc.match_substring_regex(values, r"[\x00-\x1f\x7f]").to_numpy(zero_copy_only=False)
    checks = (
        ("empty_id", length == 0, "the id is empty"),
        ("id_too_long", length > MOST_ID_BYTES, f"the id is longer than {MOST_ID_BYTES} bytes"),
        ("bad_character", control, "the id holds a control character"),
    )
    return _problems(checks, column, lines)


def rating_problems(values: pa.Array, column: str, lines: np.ndarray) -> tuple[list[BadRow], np.ndarray, np.ndarray]:
    """Also the ratings as float64 [rows], NaN where the text is no finite plain number."""
    plain = pc.match_substring_regex(values, _NUMBER)
    text = pc.if_else(plain, pc.utf8_ltrim(values, "+"), "nan")
    numbers = pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)
    message = "the rating is not a finite number such as 4 or 3.5"
    bad, wrong = _problems((("bad_rating", ~np.isfinite(numbers), message),), column, lines)
    return bad, wrong, numbers


def _problems(
    checks: tuple[tuple[str, np.ndarray, str], ...], column: str, lines: np.ndarray
) -> tuple[list[BadRow], np.ndarray]:
    bad = [
        BadRow(code, int(line), column, message)
        for code, wrong, message in checks
        for line in lines[np.asarray(wrong, bool)].tolist()
    ]
    wrong = np.zeros(len(lines), bool)
    for _, where, _ in checks:
        wrong |= where
    return bad, wrong
