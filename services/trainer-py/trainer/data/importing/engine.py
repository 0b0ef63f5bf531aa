"""DuckDB reads tables: every value as text, in the order of the file, in bounded memory; and what does not fit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet

from ...errors import BadDataset, OutOfMemory
from .plain_text import MOST_LINE_BYTES, MOST_OBJECT_BYTES
from .records import Dialect

BATCH_ROWS = 500_000
MEMORY = "384MiB"
_BUFFER_BYTES = 8 << 20
# Of rejected lines; beyond it they are counted no more: the file is refused long before.
MOST_REJECTS = 1_000_000
MOST_REJECTED = 10_000


@dataclass(frozen=True)
class Reject:
    """line  1-based, where it begins; text  of the record without its end, which may span lines; the engine keeps no
    more than MOST_REJECTED characters of it."""

    line: int
    text: str
    is_too_long: bool

    @property
    def is_cut(self) -> bool:
        return self.is_too_long or len(self.text) >= MOST_REJECTED


@dataclass
class Reading:
    """batches  tables of text columns, in the order asked for; once they are through, rejects  by line."""

    batches: Iterator[pa.RecordBatch]
    rejects: list[Reject] = field(default_factory=list)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """In memory, one a process, because opening one takes longer than reading a small file. It fetches nothing from
    anywhere and writes nothing: what it needs to keep is the rejected lines alone."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return duckdb.connect(
        ":memory:",
        config={
            "threads": max(1, min(4, cores)),
            "memory_limit": MEMORY,
            "max_temp_directory_size": "0B",
            "autoinstall_known_extensions": False,
            "preserve_insertion_order": True,
        },
    )


def _connection() -> duckdb.DuckDBPyConnection:
    """With temporary tables of its own, so that what two threads read does not mix."""
    connection = _database().cursor()
    connection.execute("set enable_progress_bar = false")
    return connection


def read_text(path: Path, dialect: Dialect, width: int, skip: int, positions: Sequence[int]) -> Reading:
    """Columns at `positions` of a text table of `width` columns, without its first `skip` lines; "" where empty."""
    columns = ", ".join(f"{_literal(f'c{place}')}: 'VARCHAR'" for place in range(width))
    options = {
        "auto_detect": "false",
        "header": "false",
        "columns": f"{{{columns}}}",
        "delim": _literal(dialect.separator),
        "quote": _literal(dialect.quote),
        "escape": _literal(dialect.escape if dialect.quote else ""),
        "new_line": _literal("\\n"),
        "skip": str(skip),
        "strict_mode": "true",
        "null_padding": "false",
        "store_rejects": "true",
        "hive_partitioning": "false",
        "rejects_limit": str(MOST_REJECTS),
        "max_line_size": str(MOST_LINE_BYTES),
        "buffer_size": str(_BUFFER_BYTES),
    }
    chosen = ", ".join(f"coalesce(c{place}, '') as v{number}" for number, place in enumerate(positions))
    called = ", ".join(f"{name}={value}" for name, value in options.items())
    query = f"select {chosen} from read_csv({_file(path)}, {called})"  # noqa: S608 - literals of ours
    reading = Reading(iter(()))

    def batches() -> Iterator[pa.RecordBatch]:
        with _connection() as connection:
            yield from _batches(connection, query, path)
            reading.rejects = _rejects(connection, path)

    reading.batches = batches()
    return reading


def _rejects(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Reject]:
    """By their place in the file: the number of the line that DuckDB gives counts neither blank lines nor those within
    quotes."""
    found = connection.execute(
        "select line_byte_position, any_value(csv_line), bool_or(error_type = 'LINE SIZE OVER MAXIMUM') "
        "from reject_errors group by line_byte_position order by line_byte_position"
    ).fetchall()
    rejects, line, at = [], 1, 0
    with path.open("rb") as file:
        for position, text, is_too_long in found:
            while at < position - 1 and (block := file.read(min(_BUFFER_BYTES, position - 1 - at))):
                line += block.count(b"\n")
                at += len(block)
            record = text.lstrip("\n")
            whole = record.removesuffix("\n") if len(text) < MOST_REJECTED else record.ljust(MOST_REJECTED)
            rejects.append(Reject(line + len(text) - len(record), whole, is_too_long))
    return rejects


def read_json(path: Path, is_array: bool, paths: Sequence[tuple[str, ...]], exact: Sequence[bool]) -> Reading:
    """Fields of JSON objects, one a line or in one array, by their paths, "" where there is none. Where `exact` asks,
    what would not stand as it was written (a decimal number) or is no single value is NUL and the whole object. A line
    that is no JSON object is a row of NULLs."""
    chosen = []
    for number, (one, is_exact) in enumerate(zip(paths, exact, strict=True)):
        pointer = _literal("".join("/" + key.replace("~", "~0").replace("/", "~1") for key in one))
        text = f"coalesce(json_extract_string(json, {pointer}), '')"
        if is_exact:
            kinds = "('DOUBLE', 'OBJECT', 'ARRAY')"
            text = f"case when json_type(json, {pointer}) in {kinds} then chr(0) || json::varchar else {text} end"
        chosen.append(f"case when json_type(json) = 'OBJECT' then {text} end as v{number}")
    most = MOST_OBJECT_BYTES
    source = (
        f"read_json_objects({_file(path)}, format='array', maximum_object_size={most})"
        if is_array
        else f"read_ndjson_objects({_file(path)}, ignore_errors=true, maximum_object_size={most})"
    )
    query = f"select {', '.join(chosen)} from {source}"  # noqa: S608 - literals of ours

    def batches() -> Iterator[pa.RecordBatch]:
        with _connection() as connection:
            yield from _batches(connection, query, path)

    return Reading(batches())


def read_parquet(path: Path, places: Sequence[Sequence[int]]) -> Reading:
    """Columns of a Parquet file as text, lists as JSON. By their places among all, and within structs: names that
    differ only by case are one to the engine."""
    chosen = []
    schema = pa.parquet.read_schema(path)
    for number, (first, *inner) in enumerate(places):
        value, kind = f"c{first}", schema.field(first).type
        for place in inner:
            value, kind = f"struct_extract_at({value}, {place + 1})", kind.field(place).type
        chosen.append(f"coalesce({_as_text(value, kind)}, '') as v{number}")
    names = ", ".join(f"c{number}" for number in range(len(schema)))
    source = f"read_parquet({_file(path)}, hive_partitioning=false) as t({names})"
    query = f"select {', '.join(chosen)} from {source}"  # noqa: S608 - literals of ours

    def batches() -> Iterator[pa.RecordBatch]:
        with _connection() as connection:
            yield from _batches(connection, query, path)

    return Reading(batches())


def _as_text(value: str, kind: pa.DataType) -> str:
    """Some write texts as bytes; bytes that are no text stay escaped."""
    if _are_bytes(kind):
        return f"coalesce(try(decode({value})), cast({value} as varchar))"
    if not pa.types.is_nested(kind):
        return f"cast({value} as varchar)"
    if not pa.types.is_map(kind) and _are_bytes(kind.value_type):
        value = f"list_transform({value}, lambda one: {_as_text('one', kind.value_type)})"
    return f"cast(to_json({value}) as varchar)"


def _are_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    kinds = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def _file(path: Path) -> str:
    """The engine takes every path for a pattern."""
    return _literal(re.sub(r"[\[*?]", r"[\g<0>]", str(path)))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _batches(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from connection.sql(query).to_arrow_reader(BATCH_ROWS)
    # What fails in the middle of a stream comes through Arrow, as an OSError with DuckDB's text.
    except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        reason = reason.replace(f'in file "{path}"', "in the file").replace(str(path), "the file").rstrip(". ")
        if "Out of Memory" in reason:
            raise OutOfMemory("the import ran out of memory; try fewer interactions") from None
        raise BadDataset(f"the table cannot be read: {reason[:300]}") from None
