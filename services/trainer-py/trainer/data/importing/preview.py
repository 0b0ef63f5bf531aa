"""What an import would make of files, from their first bytes: nothing is stored."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from ...errors import BadDataset
from .choosing import chosen_of, is_dispensable, misnamed, misplaced, warnings_of
from .header import Chosen, columns_of
from .layouts import role_of
from .members import SourceFile
from .naming import ROLES, compact
from .ratings import Rated
from .reading import Chunk, Filters, chunks_of, filters_of, times_of
from .refusals import no_times, refuse_no_times
from .rule import ImportRule
from .salvage import read_through
from .tables import Table, reading_of, tables_of
from .tally import Problem, left_out_message
from .times import checked_times, iso_of
from .unpacking import Scratch

HEAD_BYTES = 64 << 10
# Of the end of a file: what lies between is a hole, which takes no room on a disk.
MOST_OFFSET = 1 << 40
MOST_ROWS = 20
MOST_COLUMNS = 200
MOST_CELL = 200
# Of what is unpacked from the beginning of one file.
_MOST_UNPACKED = 1 << 20


@dataclass(frozen=True)
class Head:
    """role  "" where the caller does not know it: then it is guessed; data  the first bytes, or all of them; tail  the
    last bytes, where they are here, which begin at `tail_at`."""

    role: str
    display_name: str
    data: bytes
    is_whole: bool
    tail: bytes = b""
    tail_at: int = 0


@dataclass(frozen=True)
class Column:
    """role  user, item, rating, timestamp, title, tags or "" ; why  the role was taken; form  of a column of times."""

    name: str
    role: str
    why: str
    form: str = ""


@dataclass(frozen=True)
class Previewed:
    """file  as it was given; name  of the table in it. header  whether its first line names the columns."""

    file: str
    name: str
    role: str
    format: str
    compression: str
    encoding: str
    separator: str
    quote: str
    header: bool
    first_line: int
    columns: list[Column]
    rows: list[list[str]]


@dataclass
class Preview:
    tables: list[Previewed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def preview_files(heads: list[Head], rule: ImportRule) -> Preview:
    """Never raises for what the files hold: that is told, in `problems` what an import would refuse."""
    told, rated = Preview(), Rated()
    item_columns: list[str] = []
    unseen: list[str] = []
    with tempfile.TemporaryDirectory(prefix="valence-preview-") as folder:
        for number, head in enumerate(
            sorted(heads, key=lambda one: (one.role or role_of(one.display_name)) == "items")
        ):
            place = Path(folder) / f"file-{number}"
            place.mkdir()
            path = place / "head"
            scratch = Scratch(place, _MOST_UNPACKED, cuts=True, is_prefix=not _laid(head, path))
            if scratch.is_prefix and head.tail:
                scratch.gap = path, len(head.data), head.tail_at
            try:
                for table in _tables(head, path, rule, scratch):
                    chosen = _preview(table, head, rule, item_columns, told, rated, scratch)
                    if table.role != "items" and "item" in chosen and table.header.is_named:
                        item_columns.append(table.header.names[chosen["item"].position])
            except BadDataset as error:
                told.problems.append(Problem(error.code, head.display_name, 0, "", error.message))
                unseen.append(head.display_name)
            if scratch.not_shown:
                unseen.append(head.display_name)
            for name, left_out in scratch.left_out.items():
                told.warnings.append(Problem("left_out", name, 0, "", left_out_message(left_out)))
            for message in scratch.not_shown.values():
                told.warnings.append(Problem("not_shown", head.display_name, 0, "", message))
    unknown = misnamed(rule, [table.name for table in told.tables], unseen)
    told.problems += [Problem(error.code, "", 0, "", error.message) for error in unknown]
    told.warnings += rated.said("" if all(head.is_whole for head in heads) else " in the first rows")
    shown = [(one.role, one.name, [column.name for column in one.columns]) for one in told.tables]
    told.problems += [Problem(one.code, "", 0, "", one.message) for one in misplaced(rule, shown, unseen)]
    return told


def _laid(head: Head, path: Path) -> bool:
    """Writes what is here of a file, each byte in its place; whether that is all of it."""
    with path.open("wb") as file:
        file.write(head.data)
        if head.tail:
            file.seek(head.tail_at)
            file.write(head.tail)
    return head.is_whole or bool(head.tail and head.tail_at <= len(head.data))


def _tables(head: Head, path: Path, rule: ImportRule, scratch: Scratch) -> Iterator[Table]:
    """The tables of a file; of one whose role nobody knows that under which its columns make sense."""
    if head.role:
        yield from tables_of(SourceFile(head.role, path, head.display_name), rule.columns, scratch)
        return

    def under(role: str) -> list[Table]:
        return list(tables_of(SourceFile(role, path, head.display_name), rule.columns, scratch))

    guessed = role_of(head.display_name)
    tables = under(guessed or "interactions")
    if guessed == "items" and len(tables) == 1:
        # Books.csv may hold what people thought of books.
        with suppress(BadDataset):
            pairs = under("interactions")
            columns_of(pairs[0].header, "interactions", rule.columns, None, ("user", "item"), pairs[0].name)
            tables = pairs
    elif guessed is None and len(tables) == 1 and tables[0].role == "interactions":
        names = list(tables[0].header.names)
        try:
            columns_of(tables[0].header, "interactions", rule.columns, None, ("user", "item"), tables[0].name)
        except BadDataset:
            as_items = under("items")
            found, _ = chosen_of(as_items[0], rule, ())
            if "item" in found and len(found) > 1 and not any(compact(name).startswith("user") for name in names):
                tables = as_items
    yield from tables


def _preview(
    table: Table, head: Head, rule: ImportRule, item_columns: list[str], told: Preview, rated: Rated, scratch: Scratch
) -> dict[str, Chosen]:
    chosen, wrong = chosen_of(table, rule, item_columns)
    if wrong and is_dispensable(table, rule):
        _warn(told, "left_out", table, 0, "", wrong[0].message)
    else:
        told.problems += [
            Problem(one.code, table.name, table.header.line if table.header.is_named else 0, "", one.message)
            for one in wrong
        ]
    for code, message in warnings_of(table):
        _warn(told, code, table, 0, "", message)
    width = min(table.width, MOST_COLUMNS)
    rows = _rows(table, width)
    filters = filters_of(rule, form="")
    at = chosen.get("timestamp")
    if at is not None and table.role != "items":
        filters = filters_of(rule, _form(table, at, rule, told))
    by_place = {one.position: (role, one.why) for role in reversed(ROLES) if (one := chosen.get(role)) is not None}
    columns = [Column(table.header.names[place], *by_place.get(place, ("", ""))) for place in range(width)]
    if at is not None and filters.form and at.position < width:
        columns[at.position] = replace(columns[at.position], form=filters.form)
        rows = [_with_time(row, at.position, filters.form) for row in rows]
    told.tables.append(
        Previewed(
            file=head.display_name,
            name=table.name,
            role=table.role,
            format=table.format,
            compression=table.compression,
            encoding=table.encoding,
            separator=table.dialect.separator if table.format == "csv" else "",
            quote=table.dialect.quote if table.format == "csv" else "",
            header=table.header.is_named,
            first_line=table.first_line,
            columns=columns,
            rows=rows,
        )
    )
    if {"item", *(("user",) if table.role != "items" else ())} <= chosen.keys():
        ranges = _check_rows(table, chosen, rule, filters, told, scratch)
        if ranges:
            rated.add(table.name, table.header.names[chosen["rating"].position], ranges)
    return chosen


def _rows(table: Table, width: int) -> list[list[str]]:
    reading = reading_of(table, range(width), [False] * width)
    rows: list[list[str]] = []
    for batch in reading.batches:
        taken = batch.slice(0, MOST_ROWS - len(rows))
        rows += [[_cell(value) for value in row.values()] for row in taken.to_pylist()]
        if len(rows) >= MOST_ROWS:
            break
    return rows


def _cell(value: str | None) -> str:
    text = value or ""
    return text if len(text) <= MOST_CELL else text[: MOST_CELL - 1] + "…"


def _check_rows(
    table: Table, chosen: dict[str, Chosen], rule: ImportRule, filters: Filters, told: Preview, scratch: Scratch
) -> list[tuple[float, float]]:
    """What is wrong with the rows that are here. Bad titles are a warning, for they refuse nothing. Returns the ranges
    of ratings that nothing limits."""
    chunks: list[Chunk] = []
    if "rating" not in chosen:
        filters = replace(filters, min_rating=None)
    if not filters.form:
        filters = replace(filters, since=None, until=None)
    for _, chunk in read_through(table, scratch, lambda one: chunks_of(one, chosen, filters), forget=chunks.clear):
        chunks.append(replace(chunk, columns={}))
    into = told.warnings if table.role == "items" or rule.skip_bad_rows else told.problems
    into += [
        Problem(row.code, table.name, row.line, row.column, row.message) for chunk in chunks for row in chunk.problems
    ]
    if trimmed := sum(chunk.trimmed for chunk in chunks):
        _warn(told, "blanks", table, 0, "", f"blanks around {trimmed} ids are left out")
    return [chunk.ratings for chunk in chunks if chunk.ratings]


def _form(table: Table, at: Chosen, rule: ImportRule, told: Preview) -> str:
    column = table.header.names[at.position]
    evidence = times_of(table, at)
    if table.format == "parquet" and table.is_prefix and not evidence.counts:
        return ""  # none of its rows may be here
    try:
        refuse_no_times(table, column, evidence, rule)
    except BadDataset as error:
        told.problems.append(Problem(error.code, table.name, 0, column, error.message))
    else:
        if not evidence.form and evidence.counts:
            _warn(told, "no_times", table, 0, column, no_times(column, evidence))
    return evidence.form


def _with_time(row: list[str], place: int, form: str) -> list[str]:
    """The row with its time as it is read; what is none stays as it stands."""
    at, _ = checked_times(pa.array([row[place]], pa.string()), form, is_needed=False)
    return [*row[:place], iso_of(int(at[0])) or row[place], *row[place + 1 :]]


def _warn(told: Preview, code: str, table: Table, line: int, column: str, message: str) -> None:
    told.warnings.append(Problem(code, table.name, line, column, message))
