"""On which line of its file a row stands that the engine has numbered."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Reject
from .records import records_of
from .tables import Table


def lines_of(table: Table, rows: Sequence[int], read: int, rejects: Sequence[Reject]) -> list[int]:
    """Lines of `rows` (ascending, counted from 0 among the `read` ones that were not rejected)."""
    if not rows:
        return []
    if table.format in ("parquet", "json-array"):
        return [row + 1 for row in rows]
    spans = [(reject.line, reject.text.count("\n") + 1) for reject in rejects]
    in_all = table.lines - table.first_line + 1
    if read + sum(span for _, span in spans) == in_all:
        return _counted(table.first_line, rows, spans)
    return _walked(table, rows, spans)


def _counted(first: int, rows: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """Every line is a row or belongs to a rejected one."""
    found, shift, at = [], 0, 0
    for row in rows:
        while at < len(spans) and spans[at][0] <= first + row + shift:
            shift += spans[at][1]
            at += 1
        found.append(first + row + shift)
    return found


def _walked(table: Table, rows: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """Through the file, for blank lines and rows of several lines. Only as far as the last of the rows."""
    rejected = {line + more for line, span in spans for more in range(span)}
    found: list[int] = []
    wanted, row = iter(rows), 0
    target = next(wanted)
    with table.path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        open_lines: list[str] = []
        start = 0
        for number, raw in enumerate(file, 1):
            line = raw.removesuffix("\n")
            if number < table.first_line or number in rejected:
                continue
            if not open_lines:
                if line == "" or (table.format != "csv" and not line.strip()):
                    continue
                start = number
            open_lines.append(line)
            if table.format == "csv" and len(open_lines) < 10_000 and not _is_closed(open_lines, table):
                continue
            open_lines = []
            if row == target:
                found.append(start)
                target = next(wanted, -1)
                if target < 0:
                    break
            row += 1
    return found + [0] * (len(rows) - len(found))


def _is_closed(lines: list[str], table: Table) -> bool:
    quote = table.dialect.quote
    if not quote or (len(lines) == 1 and quote not in lines[0]) or (len(lines) > 1 and quote not in lines[-1]):
        return len(lines) == 1
    return next(records_of(["\n".join(lines)], table.dialect)).fields is not None
