"""A few lines of a text table, read one by one: the beginning of a file, and what the engine has rejected."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    separator   one character, or `::`
    quote       the quote character, or "" where quotes are text
    escape      what stands before a quote inside quotes: another quote, or a backslash
    """

    separator: str
    quote: str = '"'
    escape: str = '"'


@dataclass(frozen=True)
class Record:
    """line  1-based, of its first line; lines  how many it spans; fields None: a quote is not closed."""

    line: int
    lines: int
    fields: list[str] | None


def fields_of(text: str, dialect: Dialect) -> list[str] | None:
    """The fields of one record without its line end; None when a quote is not closed."""
    if not dialect.quote or dialect.quote not in text:
        return text.split(dialect.separator)
    if dialect.escape != dialect.quote:  # within csv a backslash would also stand for itself outside of quotes
        text = text.replace("\\\\", "\0").replace("\\" + dialect.quote, dialect.quote * 2)
    lines = [line + "\n" for line in text.split("\n")]
    try:
        records = list(csv.reader(lines, delimiter=dialect.separator, quotechar=dialect.quote, skipinitialspace=True))
    except csv.Error:
        return None
    if len(records) != 1 or records[0][-1].endswith("\n"):
        return None
    return [field.replace("\0", "\\") for field in records[0]] if dialect.escape != dialect.quote else records[0]


def records_of(lines: list[str], dialect: Dialect, first_line: int = 1, most_lines: int = 100) -> Iterator[Record]:
    """Records of lines without their ends. A quote that stays open for `most_lines` belongs to its first line alone.
    Blank lines are left out."""
    at = 0
    while at < len(lines):
        if lines[at] == "":
            at += 1
            continue
        fields, span = fields_of(lines[at], dialect), 1
        if fields is None:
            text = lines[at]
            for more in range(at + 1, min(len(lines), at + most_lines)):
                text += "\n" + lines[more]
                is_even = dialect.escape != dialect.quote or text.count(dialect.quote) % 2 == 0
                if dialect.quote in lines[more] and is_even:
                    longer = fields_of(text, dialect)
                    if longer is not None:
                        fields, span = longer, more - at + 1
                        break
        yield Record(first_line + at, span, fields)
        at += span
