"""The first bytes of files, and perhaps the last: which tables they begin, and what each of these holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadDataset
from .choosing import chosen_of
from .header import columns_of
from .layouts import Beside, role_of
from .members import SourceFile
from .naming import compact
from .rule import ImportRule
from .tables import Table, tables_of
from .unpacking import Scratch

HEAD_BYTES = 64 << 10
# Of the end of a file: what lies between is a hole, which takes no room on a disk.
MOST_OFFSET = 1 << 40


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


def is_of_items(head: Head) -> bool:
    return (head.role or role_of(head.display_name)) == "items"


def laid(head: Head, path: Path) -> bool:
    """Writes what is here of a file, each byte in its place; whether that is all of it."""
    with path.open("wb") as file:
        file.write(head.data)
        if head.tail:
            file.seek(head.tail_at)
            file.write(head.tail)
    return head.is_whole or bool(head.tail and head.tail_at <= len(head.data))


class NotNeededError(Exception):
    """Nobody has said what the file holds, and its name says that an import goes without."""


def tables_of_head(head: Head, path: Path, rule: ImportRule, scratch: Scratch, dump: Beside) -> Iterator[Table]:
    """The tables of a file; of one whose role nobody knows that under which its columns make sense. `dump`: what lies
    beside the tables of the published one that the files are of."""
    if head.role:
        yield from tables_of(SourceFile(head.role, path, head.display_name), rule.columns, scratch)
        return
    # What the rule names is no less said than a role.
    may_lack = head.display_name not in (rule.columns.files or {})
    if may_lack and head.display_name in dump.surely:
        raise NotNeededError

    def under(role: str) -> list[Table]:
        return list(tables_of(SourceFile(role, path, head.display_name), rule.columns, scratch))

    def described() -> list[Table]:
        """Of items, where the columns say so."""
        tables = under("items")
        found = chosen_of(tables[0], rule, ())[0] if len(tables) == 1 else {}
        has_users = any(compact(name).startswith("user") for table in tables for name in table.header.names)
        return tables if {"item"} < found.keys() and not has_users else []

    guessed = role_of(head.display_name)
    try:
        tables = under(guessed or "interactions")
    except BadDataset:
        # Titles alone may be of another encoding.
        tables = described() if guessed is None else []
        if not tables:
            scratch.unread.clear()
            raise
    if guessed == "items" and len(tables) == 1:
        # Books.csv may hold what people thought of books.
        with suppress(BadDataset):
            pairs = under("interactions")
            columns_of(pairs[0].header, "interactions", rule.columns, None, ("user", "item"), pairs[0].name)
            tables = pairs
    elif guessed is None and len(tables) == 1 and tables[0].role == "interactions":
        try:
            columns_of(tables[0].header, "interactions", rule.columns, None, ("user", "item"), tables[0].name)
        except BadDataset:
            tables = described() or tables
            if tables[0].role != "items" and may_lack and head.display_name in dump.unless_columns_say:
                raise NotNeededError from None
    yield from tables
