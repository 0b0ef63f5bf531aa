"""Another look, one by one, at what the engine has rejected: rows that a person would read, and bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from ...errors import BadDataset
from .checks import BadRow
from .engine import Reject
from .plain_text import MOST_LINE_BYTES
from .records import Dialect, Record, fields_of, records_of
from .tables import Table, without_lines
from .unpacking import Scratch

T = TypeVar("T")

# Passes over a file for quotes that are never closed; one finds several of them.
MOST_PASSES = 10


class Swallowed(Exception):
    """A quote was open for longer than the engine follows one, and rows behind it are lost: the table is to be read
    again without these lines."""

    def __init__(self, lines: list[int]) -> None:
        super().__init__()
        self.lines = lines


def read_through(
    table: Table, scratch: Scratch, read: Callable[[Table], Iterator[T]], forget: Callable[[], None]
) -> Iterator[tuple[Table, T]]:
    """What `read` makes of a table; again without the line of a quote that has swallowed others, once what was made of
    it is forgotten."""
    while True:
        try:
            for one in read(table):
                yield table, one
            return
        except Swallowed as error:
            forget()
            table = without_lines(table, error.lines, scratch)


def without_cut(table: Table, rejects: list[Reject]) -> list[Reject]:
    """Where only the beginning of a file is here: without a last row that is cut within its quotes."""
    if not (table.is_prefix and rejects) or rejects[-1].is_cut:
        return rejects
    last = rejects[-1]
    reaches_end = last.line + last.text.count("\n") >= table.lines
    return rejects[:-1] if reaches_end and fields_of(last.text, table.dialect) is None else rejects


def refuse_swallowed(table: Table, rejects: Iterable[Reject]) -> None:
    """Raises Swallowed; or BadDataset(unclosed_quote) when there are too many such lines."""
    lines = [reject.line for reject in rejects if reject.is_cut and "\n" in reject.text]
    if not lines:
        return
    if len(table.unclosed) >= MOST_PASSES:
        raise BadDataset(
            f"{table.name}: quoted fields are not closed on line {table.unclosed[0]} and {len(table.unclosed)} others",
            code="unclosed_quote",
        )
    raise Swallowed(lines)


@dataclass(frozen=True)
class Saved:
    line: int
    fields: list[str]


def salvaged(table: Table, rejects: Iterable[Reject]) -> Iterator[Saved | BadRow]:
    """Rows in the other way of escaping quotes, rows behind a quote that is never closed, rows with nothing but a
    separator too many; of the others what is wrong, with the line."""
    for reject in rejects:
        text = reject.text
        if reject.is_too_long:
            yield BadRow("line_too_long", reject.line, "", f"longer than {MOST_LINE_BYTES} bytes")
            continue
        if reject.is_cut:
            yield BadRow("ragged_row", reject.line, "", f"more or fewer fields than the {table.width} that are named")
            continue
        for record in _records(text, table.dialect, reject.line, table.width):
            yield _judged(record, table.width)


def _records(text: str, dialect: Dialect, line: int, width: int) -> Iterator[Record]:
    for other in _readings(dialect):
        fields = fields_of(text, other)
        if fields is not None and len(fields) == width:
            yield Record(line, 1, fields)
            return
    yield from records_of(text.split("\n"), dialect, line)


def _readings(dialect: Dialect) -> list[Dialect]:
    if not dialect.quote:
        return [dialect]
    escape = "\\" if dialect.escape == dialect.quote else dialect.quote
    readings = [dialect, replace(dialect, escape=escape)]
    # Between tabs a lone quote is text more often than not.
    return readings if dialect.separator in (",", ";") else [*readings, replace(dialect, quote="")]


def _judged(record: Record, width: int) -> Saved | BadRow:
    fields = record.fields
    if fields is None:
        return BadRow("unclosed_quote", record.line, "", "a quoted field is not closed")
    if len(fields) == width + 1 and fields[-1].strip() == "":
        fields = fields[:-1]
    if len(fields) != width:
        return BadRow(
            "ragged_row",
            record.line,
            "",
            f"{len(fields)} {'field' if len(fields) == 1 else 'fields'} where {width} are named",
        )
    return Saved(record.line, fields)
