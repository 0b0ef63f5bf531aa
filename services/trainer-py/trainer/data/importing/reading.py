"""One table becomes chunks of checked users and items, or the titles and tags of items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..dataset import NO_TIME
from . import row_lines
from .checks import BLANKS, BadRow, Ids, Wrong, checked_ids, checked_ratings, range_of, shown_titles
from .engine import Reading
from .header import Chosen
from .rule import ImportRule
from .salvage import Saved, refuse_swallowed, salvaged, without_cut
from .tables import Table, reading_of
from .times import Evidence, checked_times, form_of, moment, refused_times

MOST_PROBLEMS = 100


@dataclass(frozen=True)
class Filters:
    """Which interactions count.

    form         of the times; "" where none are read
    needs_times  a time that is missing is a fault
    since, until milliseconds since 1970 UTC: the first that counts, and the first that no longer does
    latest       of a feed: values are kept, and a time before 1970 or after this one is a fault
    """

    min_rating: float | None = None
    form: str = ""
    needs_times: bool = False
    since: int | None = None
    until: int | None = None
    latest: int | None = None

    @property
    def takes_all_ratings(self) -> bool:
        """However they are rated. A feed keeps the values: what of them counts is said of a snapshot."""
        return self.min_rating is None and self.latest is None


def filters_of(rule: ImportRule, form: str) -> Filters:
    """Those of the rule for a table whose times have this form."""
    since, until = (None if text is None else moment(text) for text in (rule.since, rule.until))
    return Filters(rule.min_rating, form, bool(rule.needs_times), since, until)


@dataclass(frozen=True)
class Chunk:
    """columns  "user" and "item", dictionary-encoded, "at", int64, where times are read, and "value", float64, where
               values are kept; of items "item", and "title" and "tags" where there are some
    read       rows in all, also those left out
    bad        rows that cannot be read; problems  the first of them, once the whole table is through
    trimmed    rows whose ids had blanks around them
    valueless  rows whose value is no number
    ratings    the least and the largest of the rows that are taken, where nothing asks for them; None where none is one
    """

    columns: dict[str, pa.Array]
    read: int = 0
    bad: int = 0
    below_threshold: int = 0
    outside_window: int = 0
    trimmed: int = 0
    problems: list[BadRow] = field(default_factory=list)
    valueless: int = 0
    ratings: tuple[float, float] | None = None


@dataclass
class _Faults:
    """Rows at fault, by their number among those that the engine has read. Only the first are kept."""

    count: int = 0
    first: list[tuple[int, str, str, str]] = field(default_factory=list)

    def add(self, start: int, column: str, wrong: list[Wrong], known: np.ndarray) -> None:
        """`known` [rows] marks rows that are at fault already; it is updated."""
        for one in wrong:
            rows = np.flatnonzero(one.rows & ~known)
            self.count += len(rows)
            known |= one.rows
            self.first += [(start + row, one.code, column, one.message) for row in rows[:MOST_PROBLEMS].tolist()]
        if len(self.first) > MOST_PROBLEMS:
            self.first = sorted(self.first)[:MOST_PROBLEMS]


def chunks_of(table: Table, chosen: dict[str, Chosen], filters: Filters) -> Iterator[Chunk]:
    """The rows of a table of any role."""
    return items_of(table, chosen) if table.role == "items" else interactions_of(table, chosen, filters)


def interactions_of(table: Table, chosen: dict[str, Chosen], filters: Filters) -> Iterator[Chunk]:
    """The rows of a table with `user`, `item`, and what the filters look at, among `chosen`."""
    roles = ["user", "item"]
    roles += ["rating"] if "rating" in chosen else []
    roles += ["timestamp"] if filters.form else []
    yield from _checked(table, chosen, roles, filters)


def items_of(table: Table, chosen: dict[str, Chosen]) -> Iterator[Chunk]:
    yield from _checked(table, chosen, [role for role in ("item", "title", "tags") if role in chosen], Filters())


def times_of(table: Table, chosen: Chosen) -> Evidence:
    """What the cells of a column of times look like: it is read once for this alone."""
    return form_of(batch.column(0) for batch in reading_of(table, [chosen.position], [False]).batches)


def _checked(table: Table, chosen: dict[str, Chosen], roles: list[str], filters: Filters) -> Iterator[Chunk]:
    positions = [chosen[role].position for role in roles]
    different = list(dict.fromkeys(positions))
    exact = [any(chosen[role].position == place for role in roles if role in ("user", "item")) for place in different]
    reading = reading_of(table, different, exact)
    faults, read = _Faults(), 0
    for batch in reading.batches:
        columns = {role: batch.column(different.index(place)) for role, place in zip(roles, positions, strict=True)}
        yield _chunk(table, chosen, columns, filters, faults, read)
        read += batch.num_rows
    yield from _rejected(table, chosen, roles, filters, reading, faults, read)


def _rejected(
    table: Table,
    chosen: dict[str, Chosen],
    roles: list[str],
    filters: Filters,
    reading: Reading,
    faults: _Faults,
    read: int,
) -> Iterator[Chunk]:
    """The last chunk: what could be saved, and the problems of the table by their lines."""
    rejects = without_cut(table, reading.rejects)
    refuse_swallowed(table, rejects)
    saved: list[Saved] = []
    bad = [
        BadRow("unclosed_quote", line, "", "a quoted field is not closed") for line in table.unclosed[:MOST_PROBLEMS]
    ]
    count = len(table.unclosed)
    for one in salvaged(table, rejects):
        if isinstance(one, Saved):
            saved.append(one)
            continue
        count += 1
        if len(bad) < MOST_PROBLEMS:
            bad.append(one)
    first = sorted(faults.first)
    lines = row_lines.lines_of(table, [row for row, *_ in first], read, reading.rejects)
    more = _Faults()
    columns = {role: pa.array([one.fields[chosen[role].position] for one in saved], pa.string()) for role in roles}
    chunk = _chunk(table, chosen, columns, filters, more, 0)
    problems = bad + [
        BadRow(code, line, column, message) for (_, code, column, message), line in zip(first, lines, strict=True)
    ]
    problems += [BadRow(code, saved[row].line, column, message) for row, code, column, message in more.first]
    yield replace(
        chunk,
        read=chunk.read + count,
        bad=chunk.bad + count,
        problems=sorted(problems, key=lambda problem: problem.line)[:MOST_PROBLEMS],
    )


def _chunk(
    table: Table,
    chosen: dict[str, Chosen],
    columns: dict[str, pa.StringArray],
    filters: Filters,
    faults: _Faults,
    start: int,
) -> Chunk:
    rows = len(columns["item"])
    known = np.zeros(rows, bool)
    before = faults.count
    if table.format not in ("csv", "parquet") and columns["item"].null_count:
        absent = np.asarray(columns["item"].is_null())
        faults.add(start, "", [Wrong("bad_json", "the line is no JSON object", absent)], known)
        columns = {role: values.fill_null("") for role, values in columns.items()}
    trimmed = 0
    kept: dict[str, pa.Array] = {}
    for role in ("user", "item"):
        if role in columns:
            ids = _ids(table, chosen[role], columns[role])
            faults.add(start, table.header.names[chosen[role].position], ids.wrong, known)
            trimmed += ids.trimmed
            kept[role] = ids.values
    below = outside = np.zeros(rows, bool)
    if filters.form:
        at, wrong = checked_times(columns["timestamp"], filters.form, filters.needs_times)
        if filters.latest is not None:
            wrong += refused_times(at, filters.latest)
        faults.add(start, table.header.names[chosen["timestamp"].position], wrong, known)
        kept["at"] = pa.array(at)
    valueless = 0
    if filters.latest is not None and "rating" in columns:
        values, wrong = checked_ratings(columns["rating"])
        kept["value"] = pa.array(np.where(np.isfinite(values), values, np.nan))
        written = np.asarray(pc.not_equal(pc.utf8_trim(columns["rating"], characters=BLANKS), ""))
        valueless = int(sum((one.rows & written & ~known).sum() for one in wrong))
    if filters.min_rating is not None:
        ratings, wrong = checked_ratings(columns["rating"])
        faults.add(start, table.header.names[chosen["rating"].position], wrong, known)
        below = ~known & (ratings < filters.min_rating)
    if filters.since is not None or filters.until is not None:
        early = at < (NO_TIME if filters.since is None else filters.since)
        late = np.zeros(rows, bool) if filters.until is None else at >= filters.until
        outside = ~known & ~below & (early | late)
    for role in ("title", "tags"):
        if role in columns:
            kept[role] = shown_titles(columns[role]) if role == "title" else columns[role]
    unlimited = columns["rating"] if "rating" in columns and filters.takes_all_ratings else None
    if known.any() or below.any() or outside.any():
        mask = pa.array(~known & ~below & ~outside)
        kept = {role: values.filter(mask) for role, values in kept.items()}
        unlimited = None if unlimited is None else unlimited.filter(mask)
    ranged = None if unlimited is None else range_of(unlimited)
    bad = faults.count - before
    return Chunk(kept, rows, bad, int(below.sum()), int(outside.sum()), trimmed, valueless=valueless, ratings=ranged)


def _ids(table: Table, chosen: Chosen, values: pa.StringArray) -> Ids:
    if table.format in ("csv", "parquet"):
        return checked_ids(values)
    texts = values.to_pylist()
    if not any(text.startswith("\0") for text in texts):
        return checked_ids(values)
    path = table.paths[chosen.position]
    return checked_ids(pa.array([_as_written(text, path) for text in texts], pa.string()))


def _as_written(text: str, path: tuple[str, ...]) -> str:
    """The id of an object that stands whole where its text would not be what was written; "" for lists and objects."""
    if not text.startswith("\0"):
        return text
    try:
        value = json.loads(text[1:], parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return text
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return text  # an id that begins with this character itself
        value = value[key]
    return value if isinstance(value, str) else ""
