"""What an import would make of files, from their first bytes: nothing is stored."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from ...errors import BadDataset
from . import kinds
from .choosing import chosen_of, is_dispensable, misnamed, misplaced, warnings_of
from .header import Chosen
from .heads import Head, NotNeededError, is_of_items, laid, tables_of_head
from .layouts import beside_of, role_of
from .naming import ROLES
from .ratings import Rated
from .reading import Chunk, Filters, chunks_of, filters_of, times_of
from .refusals import no_times, refuse_no_times
from .rule import ImportRule
from .salvage import read_through
from .tables import Table, reading_of
from .tally import Problem, left_out_message, merged_tables
from .times import Evidence, checked_times, iso_of
from .unpacking import Scratch

MOST_ROWS = 20
MOST_COLUMNS = 200
MOST_CELL = 200
# Of what is unpacked from the beginning of one file.
_MOST_UNPACKED = 1 << 20
_NOT_NEEDED = "left out: by its name nothing of it is needed; say what it holds to have it taken"


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
    seen: list[Table] = []
    beside = not all(map(is_of_items, heads))
    dump = beside_of([head.display_name for head in heads])
    with tempfile.TemporaryDirectory(prefix="valence-preview-") as folder:
        for number, head in enumerate(sorted(heads, key=is_of_items)):
            place = Path(folder) / f"file-{number}"
            place.mkdir()
            path = place / "head"
            scratch = Scratch(place, _MOST_UNPACKED, cuts=True, is_prefix=not laid(head, path))
            if scratch.is_prefix and head.tail:
                scratch.gap = path, len(head.data), head.tail_at
            try:
                for table in tables_of_head(head, path, rule, scratch, dump):
                    with scratch.sparing(table.role, table.name):
                        chosen = _preview(table, head, rule, item_columns, told, rated, scratch, beside)
                        seen.append(table)
                        if table.role != "items" and "item" in chosen and table.header.is_named:
                            item_columns.append(table.header.names[chosen["item"].position])
            except NotNeededError:
                told.warnings.append(Problem("not_needed", head.display_name, 0, "", _NOT_NEEDED))
            except BadDataset as error:
                told.problems.append(Problem(error.code, head.display_name, 0, "", error.message))
                unseen.append(head.display_name)
            unseen += scratch.unread
            _tell_unread(scratch, beside, told)
            if scratch.not_shown:
                unseen.append(head.display_name)
                if not head.role and head.data.startswith(kinds.PARQUET):
                    told.tables += _by_name(head, told)
            for name, left_out in scratch.left_out.items():
                told.warnings.append(Problem("left_out", name, 0, "", left_out_message(left_out)))
            for message in scratch.not_shown.values():
                told.warnings.append(Problem("not_shown", head.display_name, 0, "", message))
    unknown = misnamed(rule, [table.name for table in told.tables], unseen)
    told.problems += [Problem(error.code, "", 0, "", error.message) for error in unknown]
    told.warnings += rated.said("" if all(head.is_whole for head in heads) else " in the first rows")
    shown = [(one.role, one.name, [column.name for column in one.columns]) for one in told.tables]
    told.problems += [Problem(one.code, "", 0, "", one.message) for one in misplaced(rule, shown, unseen)]
    gone = {one.file for one in told.warnings if one.code == "left_out"}
    together = merged_tables([table for table in seen if table.name not in gone])
    told.warnings += [Problem("merged", name, 0, "", message) for name, message in together]
    return told


def _tell_unread(scratch: Scratch, beside: bool, told: Preview) -> None:
    for name, why in scratch.unread.items():
        if beside:
            told.warnings.append(Problem("left_out", name, 0, "", why.message))
        else:
            told.problems.append(Problem(why.code, name, 0, "", why.message))


def _by_name(head: Head, told: Preview) -> Iterator[Previewed]:
    """A table without columns, where none of the file is shown: its name alone says what it holds."""
    if all(table.file != head.display_name for table in told.tables):
        name, role = head.display_name, role_of(head.display_name) or "interactions"
        yield Previewed(name, name, role, "parquet", "", "", "", "", header=True, first_line=1, columns=[], rows=[])


def _preview(
    table: Table,
    head: Head,
    rule: ImportRule,
    item_columns: list[str],
    told: Preview,
    rated: Rated,
    scratch: Scratch,
    beside: bool,
) -> dict[str, Chosen]:
    chosen, wrong = chosen_of(table, rule, item_columns)
    if wrong and is_dispensable(table, rule, beside):
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
    filters, said = filters_of(rule, form=""), ""
    at = chosen.get("timestamp")
    if at is not None and table.role != "items":
        evidence = _evidence(table, at, rule, told)
        filters, said = filters_of(rule, evidence.form), evidence.said
    by_place = {one.position: (role, one.why) for role in reversed(ROLES) if (one := chosen.get(role)) is not None}
    columns = [Column(table.header.names[place], *by_place.get(place, ("", ""))) for place in range(width)]
    if at is not None and filters.form and at.position < width:
        columns[at.position] = replace(columns[at.position], form=said)
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


def _evidence(table: Table, at: Chosen, rule: ImportRule, told: Preview) -> Evidence:
    column = table.header.names[at.position]
    evidence = times_of(table, at)
    if table.format == "parquet" and table.is_prefix and not evidence.counts:
        return evidence  # none of its rows may be here
    try:
        refuse_no_times(table, column, evidence, rule)
    except BadDataset as error:
        told.problems.append(Problem(error.code, table.name, 0, column, error.message))
    else:
        if not evidence.form and evidence.counts:
            _warn(told, "no_times", table, 0, column, no_times(column, evidence))
    return evidence


def _with_time(row: list[str], place: int, form: str) -> list[str]:
    """The row with its time as it is read; what is none stays as it stands."""
    at, _ = checked_times(pa.array([row[place]], pa.string()), form, is_needed=False)
    return [*row[:place], iso_of(int(at[0])) or row[place], *row[place + 1 :]]


def _warn(told: Preview, code: str, table: Table, line: int, column: str, message: str) -> None:
    told.warnings.append(Problem(code, table.name, line, column, message))
