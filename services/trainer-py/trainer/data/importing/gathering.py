"""Every table of the files, row by row, to whoever takes them: what a dataset and a feed read alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ...errors import BadDataset
from .choosing import chosen_of, is_dispensable, misnamed, misplaced, warnings_of
from .header import Chosen
from .members import SourceFile
from .ratings import Rated
from .reading import Chunk, Filters, chunks_of, times_of
from .refusals import no_times, refuse_no_times, refuse_wrong_roles
from .rule import FeedRule, ImportRule
from .salvage import read_through
from .tables import Table, tables_of
from .tally import Problem, Progress, Tally, left_out_message, merged_tables
from .unpacking import Scratch

Mark = TypeVar("Mark")


@dataclass(frozen=True)
class Source:
    """A table, and what of it is taken."""

    table: Table
    chosen: dict[str, Chosen]
    filters: Filters

    @property
    def has_spaced_tags(self) -> bool:
        return "tags" in self.chosen and self.chosen["tags"].position in self.table.header.sequences

    def chunks(self) -> Iterator[Chunk]:
        return chunks_of(self.table, self.chosen, self.filters)


class Taker(Protocol[Mark]):
    """What becomes of the rows. A table may have to be read again: what was added since a mark is forgotten then."""

    def add(self, source: Source, chunk: Chunk) -> None: ...

    def mark(self, role: str) -> Mark: ...

    def back_to(self, role: str, mark: Mark) -> None: ...


def gather(
    files: list[SourceFile],
    rule: ImportRule,
    filters_of: Callable[[str], Filters],
    scratch: Scratch,
    tally: Tally,
    taker: Taker[Mark],
) -> Iterator[Progress | Problem]:
    """`filters_of` a form of times. Raises BadDataset where a table cannot be read; bad rows are counted."""
    tables = yield from _opened(files, rule, scratch, tally)
    beside = _has_interactions(tables)
    taken: list[Table] = []
    total, done = sum(size for _, size in tables) or 1, 0
    item_columns: list[str] = []
    rated = Rated()
    for table, size in tables:
        chosen, wrong = chosen_of(table, rule, item_columns)
        if wrong:
            if not is_dispensable(table, rule, beside):
                raise wrong[0]
            yield tally.warn("left_out", table.name, wrong[0].message)
            continue
        taken.append(table)
        if table.role != "items" and table.header.is_named:
            item_columns.append(table.header.names[chosen["item"].position])
        yield from (tally.warn(code, table.name, message) for code, message in warnings_of(table))
        filters = filters_of((yield from _form(table, chosen, rule, tally)))
        ranges: list[tuple[float, float]] = []
        for told in _taken(Source(table, chosen, filters), scratch, tally, taker, ranges, beside):
            yield (
                told
                if told is not None
                else Progress("parsing", tally.read, 0.05 + 0.75 * done / total, tally.problems)
            )
        yield from _remarks(table, chosen, tally)
        if ranges:
            rated.add(table.name, table.header.names[chosen["rating"].position], ranges)
        done += size
    yield from rated.said()
    together = merged_tables([table for table in taken if table.name not in scratch.unread])
    yield from [tally.warn("merged", name, message) for name, message in together]


def _opened(
    files: list[SourceFile], rule: ImportRule, scratch: Scratch, tally: Tally
) -> Generator[Progress | Problem, None, list[tuple[Table, int]]]:
    """Every table and its bytes, in the order in which they are read."""
    tables: list[tuple[Table, int]] = []
    for file in files:
        opened = list(tables_of(file, rule.columns, scratch))
        tables += [(table, table.path.stat().st_size) for table in opened]
        yield Progress("parsing", 0, 0.05)
    for name, error in scratch.unread.items():
        if not _has_interactions(tables):
            raise error
        yield tally.warn("left_out", name, error.message)
    yield from [tally.warn("left_out", name, left_out_message(names)) for name, names in scratch.left_out.items()]
    # Items come last: what the interactions call theirs settles which column of theirs is meant.
    tables.sort(key=lambda one: (one[0].role == "items", one[0].role, one[0].name))
    roles = {table.role for table, _ in tables}
    try:
        refuse_wrong_roles(roles, rule)
    except BadDataset as error:
        if not any(table.is_member for table, _ in tables):
            raise
        way_out = "unpack the archive and upload each of its files as what it is"
        if {"train", "test"} <= roles and "interactions" not in roles and not isinstance(rule, FeedRule):
            way_out = "say that the split is given"
        raise BadDataset(f"{error.message}; {way_out}", code=error.code, field=error.field) from None
    unread = list(scratch.unread)
    for unknown in misnamed(rule, [table.name for table, _ in tables], unread):
        raise unknown
    for wrong_place in misplaced(rule, [(table.role, table.name, table.header.names) for table, _ in tables], unread):
        raise wrong_place
    return tables


def _has_interactions(tables: list[tuple[Table, int]]) -> bool:
    return any(table.role != "items" for table, _ in tables)


def _remarks(table: Table, chosen: dict[str, Chosen], tally: Tally) -> Iterator[Problem]:
    """What is said of rows of a table that are taken all the same."""
    counts = tally.counts.get(table.role, Counter())
    if trimmed := counts.pop("trimmed", 0):
        yield tally.warn("blanks", table.name, f"blanks around {trimmed} ids are left out")
    if valueless := counts.pop("valueless", 0):
        column = table.header.names[chosen["rating"].position]
        message = f"{valueless} values of the column {column!r} are no numbers and are left out"
        yield tally.warn("bad_rating", table.name, message, column)


def _form(table: Table, chosen: dict[str, Chosen], rule: ImportRule, tally: Tally) -> Generator[Problem, None, str]:
    """What the times of the table are written as; "" where it has none."""
    if table.role == "items" or "timestamp" not in chosen:
        return ""
    evidence, column = times_of(table, chosen["timestamp"]), table.header.names[chosen["timestamp"].position]
    refuse_no_times(table, column, evidence, rule)
    if not evidence.form and evidence.counts:
        yield tally.warn("no_times", table.name, no_times(column, evidence), column)
    tally.forms |= {evidence.said} - {""}
    return evidence.form


def _taken(
    source: Source,
    scratch: Scratch,
    tally: Tally,
    taker: Taker[Mark],
    ranges: list[tuple[float, float]],
    beside: bool,
) -> Iterator[Problem | None]:
    """The rows of a table go to the taker, the ranges of their ratings to `ranges`; None a chunk. A table of items that
    breaks off `beside` interactions is as if it were not there."""
    role = source.table.role
    noted, added = tally.mark(role), taker.mark(role)

    def forget() -> None:
        tally.back_to(role, (Counter(noted[0]), noted[1]))
        taker.back_to(role, added)
        ranges.clear()

    def read(table: Table) -> Iterator[Chunk]:
        return Source(table, source.chosen, source.filters).chunks()

    try:
        for now, chunk in read_through(source.table, scratch, read, forget):
            yield from tally.note(now, chunk)
            taker.add(Source(now, source.chosen, source.filters), chunk)
            ranges += [chunk.ratings] if chunk.ratings else []
            yield None
    except BadDataset as error:
        if role != "items" or not beside:
            raise
        forget()
        scratch.unread[source.table.name] = error
        yield tally.warn("left_out", source.table.name, error.message)
