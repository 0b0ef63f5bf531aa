"""From an uploaded file to the tables in it: understood, and ready for the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from ...errors import BadDataset
from . import engine, kinds, layouts, parquet_ends, plain_text
from .header import Header, header_of
from .members import SourceFile, members_of
from .records import Dialect
from .rule import Columns, FileColumns
from .sniffing import Sniffed, names_of_objects, refuse_sideways, sniffed
from .unpacking import SAMPLE_BYTES, Scratch, head_of


@dataclass(frozen=True)
class Table:
    """format      csv, json-lines, python-lines, json-array or parquet
    compression  what was around it: "", gzip, zstd, zip, ...
    first_line   of the first row, 1-based
    lines        of the whole text; 0 where a format has none
    is_prefix    only its beginning is here
    paths        of JSON fields, one a column
    places       of Parquet columns, one a column: its number among all, and in structs those within
    lists        positions of Parquet columns that hold more than one value a row
    published    its columns by position, as the dataset of this name is published
    unclosed     lines that were blanked, because a quote on them is never closed and swallowed what follows
    complaint    why it cannot be imported as it is, though its cells can be shown
    """

    role: str
    name: str
    path: Path
    format: str
    compression: str
    encoding: str
    header: Header
    dialect: Dialect = field(default_factory=lambda: Dialect(","))
    first_line: int = 1
    lines: int = 0
    is_prefix: bool = False
    paths: tuple[tuple[str, ...], ...] = ()
    places: tuple[tuple[int, ...], ...] = ()
    lists: frozenset[int] = frozenset()
    published: FileColumns | None = None
    unclosed: tuple[int, ...] = ()
    complaint: BadDataset | None = None

    @property
    def width(self) -> int:
        return len(self.header.names)

    @property
    def is_member(self) -> bool:
        """Of an archive, taken for its name: nobody has said that it is needed."""
        return any(around in self.compression.split("+") for around in ("zip", "tar"))

    @property
    def unit(self) -> str:
        """What a row's number counts in this format."""
        return {"parquet": "row", "json-array": "element"}.get(self.format, "line")


def tables_of(source: SourceFile, columns: Columns, scratch: Scratch) -> Iterator[Table]:
    """Raises BadDataset when the file is nothing that is read, damaged or without columns; of items that is noted as
    `unread`."""
    with scratch.sparing(source.role, source.display_name):
        for role, name, path, around, known_as in members_of(source, scratch):
            with scratch.sparing(role, name):
                if not head_of(path).startswith(kinds.PARQUET):
                    yield _text(role, name, path, around, layouts.layout_of(known_as), columns, scratch)
                elif not scratch.is_prefix:
                    yield _parquet(role, name, path, around)
                elif shown := parquet_ends.shown(path, name, scratch):
                    yield replace(_parquet(role, name, shown, around), is_prefix=True)


def _text(
    role: str,
    name: str,
    path: Path,
    around: str,
    layout: layouts.Layout | None,
    columns: Columns,
    scratch: Scratch,
) -> Table:
    kinds.refuse_foreign(head_of(path), name)
    with path.open("rb") as file:
        refuse_sideways(file.read(SAMPLE_BYTES), name)
    text = plain_text.plain(path, name, scratch, role == "items")
    with text.path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES + 1)
    is_whole = len(sample) <= SAMPLE_BYTES and not (scratch.is_prefix and not sample.endswith(b"\n"))
    found = sniffed(sample[:SAMPLE_BYTES].decode("utf-8", "replace" if is_whole else "ignore"), name, is_whole)
    if found.format != "csv":
        return _json(role, name, text, around, found, scratch)
    assert found.dialect is not None  # noqa: S101 - of csv
    published = layout.columns if layout else None
    complaint = None
    try:
        header = header_of(found, role, columns.of(role, name), published, name)
    except BadDataset as error:
        header, complaint = Header.numbered(found.width), error
    plain, dialect = text.path, found.dialect
    if dialect.separator == " " and not dialect.quote:
        plain, dialect = plain_text.blanks_to_tabs(plain, name, scratch), Dialect("\t", "")
    first = found.records[0]
    is_row = not header.is_named
    return Table(
        role=role,
        name=name,
        path=plain,
        format="csv",
        compression=around,
        encoding=text.encoding,
        header=header,
        dialect=dialect,
        first_line=first.line if is_row else first.line + first.lines,
        lines=text.lines,
        is_prefix=scratch.is_prefix,
        published=published,
        complaint=complaint,
    )


def _json(role: str, name: str, text: plain_text.Text, around: str, found: Sniffed, scratch: Scratch) -> Table:
    path = text.path
    if found.format == "json-array" and scratch.is_prefix:  # closed, for the engine reads whole arrays only
        path = scratch.copy(iter([json.dumps(found.objects).encode()]))
    if found.format == "python-lines":
        path = plain_text.literals_to_json(path, name, scratch)
    paths = names_of_objects(found.objects)
    return Table(
        role=role,
        name=name,
        path=path,
        format=found.format,
        compression=around,
        encoding=text.encoding,
        header=Header(tuple(paths)),
        lines=text.lines,
        paths=tuple(paths.values()),
    )


def _parquet(role: str, name: str, path: Path, around: str) -> Table:
    try:
        schema = pa.parquet.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadDataset(f"{name} is a damaged Parquet file, or only a part of one", code="bad_parquet") from None
    paths: list[tuple[str, ...]] = []
    places: list[tuple[int, ...]] = []
    lists: set[int] = set()

    def walk(one: pa.Field, above: tuple[str, ...], place: tuple[int, ...]) -> None:
        if pa.types.is_struct(one.type):
            for number, inner in enumerate(one.type):
                walk(inner, (*above, one.name), (*place, number))
            return
        if pa.types.is_nested(one.type):
            lists.add(len(paths))
        paths.append((*above, one.name))
        places.append(place)

    for number, one in enumerate(schema):
        walk(one, (), (number,))
    return Table(
        role=role,
        name=name,
        path=path,
        format="parquet",
        compression=around,
        encoding="",
        header=Header(tuple(".".join(one) for one in paths)),
        places=tuple(places),
        lists=frozenset(lists),
    )


def without_lines(table: Table, lines: Sequence[int], scratch: Scratch) -> Table:
    """A copy of a text table in which these lines are blank, so that the others keep their numbers."""
    gone = set(lines)

    def kept() -> Iterator[bytes]:
        with table.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield b"\n" if number in gone else line

    return replace(table, path=scratch.copy(kept()), unclosed=tuple(sorted(gone | set(table.unclosed))))


def reading_of(table: Table, positions: Sequence[int], exact: Sequence[bool]) -> engine.Reading:
    """The columns at `positions`, read by the engine; its errors name the table."""
    reading = _reading_of(table, positions, exact)
    reading.batches = _named(reading.batches, table.name)
    return reading


def _named(batches: Iterator[pa.RecordBatch], name: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except BadDataset as error:
        raise BadDataset(f"{name}: {error.message}", code=error.code) from None


def _reading_of(table: Table, positions: Sequence[int], exact: Sequence[bool]) -> engine.Reading:
    if table.format == "parquet":
        places = [table.places[place] for place in positions]
        return engine.read_parquet(table.path, places)
    if table.format != "csv":
        paths = [table.paths[place] for place in positions]
        return engine.read_json(table.path, table.format == "json-array", paths, exact)
    if table.first_line > table.lines:
        return engine.Reading(iter(()))
    return engine.read_text(table.path, table.dialect, table.width, table.first_line - 1, positions)
