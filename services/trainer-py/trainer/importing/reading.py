"""One file becomes arrays of user, item (and rating) text, or the titles of items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import BadDataset
from .header import Header, header_of
from .lines import Block, blocks_of
from .rule import Columns
from .table import BadRow, Rows, id_problems, rating_problems, rows_of

USUAL_NAMES = {
    "user": ("user_id", "uid", "user", "userid", "user_token"),
    "item": ("item_id", "iid", "item", "itemid", "item_token"),
    "rating": ("rating", "score", "stars"),
    "title": ("title", "item_title", "name", "token", "movie_title", "title_seq"),
}
# Characters; a longer title is cut. An answer holds up to a thousand titles, and its message 4 MiB.
MOST_TITLE = 300


@dataclass(frozen=True)
class SourceFile:
    """role: interactions, train, valid, test or items; display_name is for messages only."""

    role: str
    path: Path
    display_name: str


@dataclass(frozen=True)
class Chunk:
    """columns  StringArrays "user" and "item", or "item" and "title"; read  rows in all, also those left out."""

    columns: dict[str, pa.Array]
    bad: list[BadRow]
    read: int
    below_threshold: int = 0


def interactions_of(file: SourceFile, columns: Columns, min_rating: float | None) -> Iterator[Chunk]:
    """Raises BadDataset when the file cannot be read as a table with a user and an item column."""
    header, blocks = _opened(file)
    names = {role: _column(role, getattr(columns, role), header, file) for role in ("user", "item")}
    if min_rating is not None:
        names["rating"] = _column("rating", columns.rating, header, file)
    for rows in rows_of(blocks, header, list(names.values()), file.display_name):
        yield _checked(rows, names, min_rating)


def titles_of(file: SourceFile, columns: Columns) -> Iterator[Chunk]:
    header, blocks = _opened(file)
    names = {
        "item": _column("item", columns.item, header, file),
        "title": _column("title", columns.title, header, file),
    }
    for rows in rows_of(blocks, header, list(names.values()), file.display_name):
        bad, wrong = id_problems(rows.columns[names["item"]], names["item"], rows.lines)
        kept = _kept(rows, names, ~wrong)
        yield Chunk(kept | {"title": _shortened(kept["title"])}, rows.bad + bad, rows.read)


def _shortened(titles: pa.StringArray) -> pa.StringArray:
    is_long = pc.greater(pc.utf8_length(titles), MOST_TITLE)
    return pc.if_else(is_long, pc.utf8_replace_slice(titles, MOST_TITLE - 1, 1 << 30, "…"), titles)


def _checked(rows: Rows, names: dict[str, str], min_rating: float | None) -> Chunk:
    bad, keep = list(rows.bad), np.ones(len(rows.lines), bool)
    for role in ("user", "item"):
        problems, wrong = id_problems(rows.columns[names[role]], names[role], rows.lines)
        bad += problems
        keep &= ~wrong
    below = np.zeros(len(keep), bool)
    if min_rating is not None:
        problems, wrong, ratings = rating_problems(rows.columns[names["rating"]], names["rating"], rows.lines)
        bad += problems
        keep &= ~wrong
        below = keep & (ratings < min_rating)
    return Chunk(_kept(rows, names, keep & ~below), bad, rows.read, int(below.sum()))


def _kept(rows: Rows, names: dict[str, str], keep: np.ndarray) -> dict[str, pa.Array]:
    mask = pa.array(keep)
    return {role: rows.columns[name].filter(mask) for role, name in names.items() if role != "rating"}


def _opened(file: SourceFile) -> tuple[Header, Iterator[Block]]:
    blocks = blocks_of(file.path, file.display_name)
    first = next(blocks)
    line, _, rest = first.data.partition(b"\n")
    header = header_of(line, file.display_name)
    return header, chain([Block(rest, 2)] if rest else [], blocks)


def _column(role: str, asked: str | None, header: Header, file: SourceFile) -> str:
    if asked is not None:
        if asked in header.names:
            return asked
        raise BadDataset(
            f"{file.display_name}: line 1 has no column {asked!r}; it has {', '.join(header.names)}",
            code="missing_column",
            field=f"rule.columns.{role}",
        )
    by_lower = {name.lower(): name for name in header.names}
    for usual in USUAL_NAMES[role]:
        if usual in by_lower:
            return by_lower[usual]
    raise BadDataset(
        f"{file.display_name}: no {role} column is recognised among {', '.join(header.names)}; "
        f"name it in the rule, columns.{role}",
        code="missing_column",
        field=f"rule.columns.{role}",
    )
