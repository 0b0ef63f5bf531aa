"""What an import tells while it reads: how far it is, what is wrong with which row, and how many of each there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from .reading import MOST_PROBLEMS, Chunk
from .tables import Table


@dataclass(frozen=True)
class Progress:
    """problems  told or not, so far: a failed import has no statistics that say so."""

    stage: str
    rows_read: int
    fraction: float
    problems: int = 0


@dataclass(frozen=True)
class Problem:
    code: str
    file: str
    line: int
    column: str
    message: str


@dataclass
class Tally:
    """Counts by role, the forms of times that are read, and how many problems there are and were told."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)
    problems: int = 0
    shown: int = 0

    @property
    def read(self) -> int:
        return self.total("read")

    def total(self, what: str) -> int:
        return sum(counts[what] for counts in self.counts.values())

    def note(self, table: Table, chunk: Chunk) -> Iterator[Problem]:
        counts = self.counts.setdefault(table.role, Counter())
        counts["read"] += chunk.read
        counts["bad"] += chunk.bad
        counts["below_threshold"] += chunk.below_threshold
        counts["outside_window"] += chunk.outside_window
        counts["trimmed"] += chunk.trimmed
        counts["valueless"] += chunk.valueless
        self.problems += chunk.bad
        for row in chunk.problems[: MOST_PROBLEMS - self.shown]:
            self.shown += 1
            message = row.message if table.unit == "line" else f"{table.unit} {row.line}: {row.message}"
            yield Problem(row.code, table.name, row.line, row.column, message)

    def mark(self, role: str) -> tuple[Counter[str], int]:
        return Counter(self.counts.get(role, {})), self.problems

    def back_to(self, role: str, mark: tuple[Counter[str], int]) -> None:
        """Before the problems of a table are told its rows can be forgotten, to be read again."""
        self.counts[role], self.problems = mark

    def warn(self, code: str, file: str, message: str, column: str = "") -> Problem:
        """Of a whole file; never left out for the many problems of rows."""
        self.problems += 1
        return Problem(code, file, 0, column, message)


def merged_tables(tables: list[Table]) -> Iterator[tuple[str, str]]:
    """Roles that several tables are taken for: the first of them, and what is said of all."""
    for role in dict.fromkeys(table.role for table in tables):
        names = [table.name for table in tables if table.role == role]
        if len(names) > 1 and any(table.is_member for table in tables if table.role == role):
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            yield names[0], f"read as one table of {role}: {', '.join(names[:10])}{more}"


def left_out_message(names: list[str]) -> str:
    """Of tables in an archive that nothing is taken from."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"left out, for their names do not say that they are needed: {', '.join(names[:10])}{more}"
