"""Rows of files for a feed: every file is read twice, first to check it, then to hand its rows over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import BadDataset
from ..dataset import NO_TIME
from .gathering import Source, gather
from .members import SourceFile
from .reading import Chunk, Filters, filters_of
from .refusals import refuse_bad_rows, refuse_wrong_roles
from .rule import FeedRule
from .tagging import tags_of
from .tally import Problem, Progress, Tally
from .times import moment
from .unpacking import Scratch, scratch_folder

# Of one message, which holds 4 MiB: ids take up to 512 bytes; an item with a hundred long tags 42 KB.
INTERACTIONS_AT_ONCE = 2_000
ITEMS_AT_ONCE = 50


@dataclass(frozen=True)
class Checked:
    """Rows that are handed over next, and bad ones that are left out."""

    interactions: int
    items: int
    bad: int
    problems: int


@dataclass(frozen=True)
class Interactions:
    """Columns of the same length. at_ms: since 1970 UTC; values: NaN where there is none."""

    users: list[str]
    items: list[str]
    at_ms: list[int]
    values: list[float]


@dataclass(frozen=True)
class Items:
    """Columns of the same length; a title is "" where nothing is said."""

    items: list[str]
    titles: list[str]
    tags: list[list[str]]


Told = Progress | Problem | Checked | Interactions | Items


@dataclass
class _Counted:
    """The first reading: how many good rows each table has, and how it is read."""

    rows: list[tuple[Source, int]] = field(default_factory=list)

    def add(self, source: Source, chunk: Chunk) -> None:
        self.rows.append((source, len(chunk.columns["item"])))

    def mark(self, role: str) -> int:
        return len(self.rows)

    def back_to(self, role: str, mark: int) -> None:
        del self.rows[mark:]

    def total(self, is_of_items: bool) -> int:
        return sum(count for source, count in self.rows if (source.table.role == "items") is is_of_items)

    def tables(self) -> Iterator[tuple[Source, int]]:
        """Each table as it was read at last, with its rows, in their order."""
        counts = Counter[int]()
        sources: dict[int, Source] = {}
        for source, count in self.rows:
            key = id(source.table)
            sources[key] = source
            counts[key] += count
        for key, source in sources.items():
            yield source, counts[key]


def read_rows(
    files: list[SourceFile],
    rule: FeedRule,
    artifacts: Path,
    latest: int,
    skip: int = 0,
    alive: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[Told]:
    """Checked, then all rows but the first `skip`, interactions before items, in the same order each time; or raises
    BadDataset after the problems found, and hands no row over. `latest`: milliseconds; later times are bad ones.
    `alive` is called while files are unpacked or copied and while rows are skipped, with the progress told last."""
    refuse_wrong_roles({file.role for file in files}, rule)
    tally, counted = Tally(), _Counted()
    told = [Progress("unpacking", 0, 0.0)]
    with scratch_folder(artifacts) as folder:
        scratch = Scratch(folder, alive=lambda: alive(told[-1]))
        for event in gather(files, rule, lambda form: _filters(rule, form, latest), scratch, tally, counted):
            if isinstance(event, Progress):
                told[:] = [event]
            yield event
        refuse_bad_rows(tally, rule)
        checked = Checked(counted.total(False), counted.total(True), tally.total("bad"), tally.problems)
        if not checked.interactions and not checked.items:
            raise BadDataset("the files hold no row that can be read", code="empty_file")
        yield checked
        for source, count in counted.tables():
            if skip < count:
                yield from _handed_over(source, rule, skip, scratch.alive)
            skip = max(skip - count, 0)


def _filters(rule: FeedRule, form: str, latest: int) -> Filters:
    return replace(filters_of(rule, form), latest=latest)


def _handed_over(
    source: Source, rule: FeedRule, skip: int, alive: Callable[[], None]
) -> Iterator[Interactions | Items]:
    of_items = source.table.role == "items"
    at_once = ITEMS_AT_ONCE if of_items else INTERACTIONS_AT_ONCE
    default = NO_TIME if rule.at is None else moment(rule.at)
    for chunk in source.chunks():
        rows = len(chunk.columns["item"])
        if skip >= rows:
            alive()
        for start in range(skip, rows, at_once):
            some = {role: values.slice(start, at_once) for role, values in chunk.columns.items()}
            yield _items(some, source.has_spaced_tags) if of_items else _interactions(some, default)
        skip = max(skip - rows, 0)


def _interactions(columns: dict[str, pa.Array], default: int) -> Interactions:
    rows = len(columns["item"])
    at = np.asarray(columns["at"]) if "at" in columns else np.full(rows, NO_TIME)
    values = columns["value"].to_pylist() if "value" in columns else [float("nan")] * rows
    return Interactions(
        _texts(columns["user"]), _texts(columns["item"]), np.where(at == NO_TIME, default, at).tolist(), values
    )


def _items(columns: dict[str, pa.Array], spaced: bool) -> Items:
    ids = _texts(columns["item"])
    titles = columns["title"].to_pylist() if "title" in columns else [""] * len(ids)
    tags = columns["tags"].to_pylist() if "tags" in columns else [""] * len(ids)
    return Items(ids, titles, [tags_of(text, spaced) for text in tags])


def _texts(ids: pa.DictionaryArray) -> list[str]:
    texts: list[str] = ids.dictionary_decode().to_pylist()
    return texts
