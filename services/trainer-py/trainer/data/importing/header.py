"""What the columns of one file are called, and which of them hold what the import needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import BadDataset
from .naming import ROLES, compact, identifying, is_usual, noun_of, preferred
from .rule import Columns, FileColumns
from .sniffing import Sniffed, looks_like_data, shown

_RECBOLE_TYPE = re.compile(r":(token|float)(_seq)?$")
NEEDED = {"items": ("item",)}
OPTIONAL = {"items": ("title", "tags")}


@dataclass(frozen=True)
class Header:
    """names  of every column as the file spells them, without RecBole's `:type`; "" where a column has none
    sequences  positions of those that RecBole's type calls a sequence of tokens, which spaces separate
    line       on which it stands, 1-based
    is_named   False: the file has no header, and names are `column 1`, `column 2`, ...
    doubtful   the first line, where it is taken for a row by the positions that are given alone"""

    names: tuple[str, ...]
    sequences: frozenset[int] = frozenset()
    is_named: bool = True
    doubtful: str = ""
    line: int = 1

    @classmethod
    def of(cls, fields: Sequence[str]) -> Header:
        typed = [field.strip().strip('"').strip().removeprefix("\ufeff") for field in fields]
        sequences = frozenset(place for place, field in enumerate(typed) if field.endswith(":token_seq"))
        return cls(tuple(_RECBOLE_TYPE.sub("", field) for field in typed), sequences)

    @classmethod
    def numbered(cls, width: int, doubtful: str = "") -> Header:
        return cls(tuple(f"column {place + 1}" for place in range(width)), is_named=False, doubtful=doubtful)


@dataclass(frozen=True)
class Chosen:
    """position from 0; why, for a person."""

    position: int
    why: str


def header_of(sniffed: Sniffed, role: str, asked: FileColumns, published: FileColumns | None, name: str) -> Header:
    """The header of a text table, or numbered columns where its columns are named by position.

    Raises BadDataset(no_header) when the first line is a row and nothing says which column is which."""
    first, rows = _first_rows(sniffed)
    header = replace(_fitted(Header.of(first), rows, sniffed.width, sniffed.are_quoted), line=sniffed.records[0].line)
    given = {role_: value for role_ in FileColumns.model_fields if (value := getattr(asked, role_)) is not None}
    if any(isinstance(value, str) for value in given.values()):
        return header
    is_recognised = _is_recognised(role, header.names)
    if given:
        is_header = any(
            is_usual(role_, header.names[value - 1]) for role_, value in given.items() if value <= len(header.names)
        )
        if is_recognised or is_header:
            return header
        return Header.numbered(sniffed.width, "" if looks_like_data(first, rows) else _spelt(sniffed, first))
    if is_recognised:
        return header
    is_row = looks_like_data(first, rows)
    if published is not None and is_row:
        return Header.numbered(sniffed.width)
    if sniffed.commented and _is_recognised(role, commented := Header.of(sniffed.commented).names):
        return Header(commented, is_named=False)
    if is_row:
        raise BadDataset(
            f"{name}: line {sniffed.records[0].line} is a row, not a header: {shown(_spelt(sniffed, first))}. "
            f"Say which column is which by position, counted from 1: {_example(role, sniffed.width)}; or add a header",
            code="no_header",
            field=f"rule.columns.{NEEDED.get(role, ('user',))[0]}",
        )
    return header


def _first_rows(sniffed: Sniffed) -> tuple[list[str], list[list[str]]]:
    records = [record.fields for record in sniffed.records if record.fields is not None]
    return records[0], records[1:]


def _spelt(sniffed: Sniffed, fields: list[str]) -> str:
    return (sniffed.dialect.separator if sniffed.dialect else ",").join(fields)


def _example(role: str, width: int) -> str:
    if role == "items":
        return 'rule={"columns": {"items": {"item": 1, "title": 2}}}'
    return 'rule={"columns": {"user": 1, "item": 2' + (', "rating": 3' if width > 2 else "") + "}}"


def _is_recognised(role: str, names: Sequence[str]) -> bool:
    spelt = list(names)
    if role == "items":
        has_item = bool(identifying("item", spelt)) or "id" in map(compact, spelt)
        return has_item and bool(preferred("title", spelt) or preferred("tags", spelt))
    return bool(identifying("user", spelt) and identifying("item", spelt))


def _fitted(header: Header, rows: list[list[str]], width: int, are_quoted: bool) -> Header:
    """Rows may have one column more than the header names: a separator behind the last, or row names before the first
    as R writes them; or one fewer, where the header alone ends in a separator. Else they are ragged."""
    names = header.names
    wide = [row for row in rows if len(row) == width]
    if width == len(names) + 1 and wide:
        if all(row[-1].strip() == "" for row in wide):
            return Header((*names, ""), header.sequences)
        if _are_row_names([row[0] for row in wide], names[0], are_quoted):
            return Header(("", *names), frozenset(place + 1 for place in header.sequences))
    if width == len(names) - 1 and names[-1] == "":
        return Header(names[:-1], header.sequences)
    return header


def _are_row_names(cells: list[str], first: str, are_quoted: bool) -> bool:
    """R quotes them, or counts. A separator within a title or a rating also makes rows wider: what tells these apart is
    then what the `first` column is called, an id of their own or, where it counts, that of an item."""
    if not any(is_usual(role, first) for role in ROLES if are_quoted or role != "item"):
        return False
    if are_quoted:
        return len(set(cells)) == len(cells)
    return cells in ([str(start + row) for row in range(len(cells))] for start in (0, 1))


def columns_of(
    header: Header,
    role: str,
    columns: Columns,
    published: FileColumns | None,
    wanted: Sequence[str],
    name: str,
    item_columns: Sequence[str] = (),
) -> dict[str, Chosen]:
    """Which column holds what: of `wanted` those the role of the file needs must be there. `name`: of the table.
    `item_columns`: what the tables of interactions call their items, which settles a choice.

    Raises BadDataset: missing_column, ambiguous_column."""
    asked = columns.of(role, name)
    needed = NEEDED.get(role, ("user", "item"))
    chosen: dict[str, Chosen] = {}
    for column in wanted:
        value, place = getattr(asked, column), columns.place(role, name, column)
        known = None if published is None or header.is_named else getattr(published, column)
        if value is not None:
            chosen[column] = _asked(header, value, name, f"rule.{place}")
        elif known is not None and known <= len(header.names):
            chosen[column] = Chosen(known - 1, "the published form of this file")
        else:
            positions = _recognised(header, column, role, item_columns)
            spellings = {header.names[position] for position in positions}
            if len(spellings) > 1 and column in ("user", "item"):
                both = " and ".join(repr(header.names[position]) for position in positions)
                raise BadDataset(
                    f"{name}: {both} may all be the {column} column; name the one in the rule, columns.{column}",
                    code="ambiguous_column",
                    field=f"rule.columns.{column}",
                )
            if positions:
                chosen[column] = Chosen(positions[0], _usual(header, positions[0], column))
            elif column in needed:
                way = f"name it in the rule, columns.{column}"
                if header.is_named and not any(is_usual(one, spelt) for one in ROLES for spelt in header.names):
                    way += f"; or, where this line is a row, give positions: {_example(role, len(header.names))}"
                raise BadDataset(
                    f"{name}: no {column} column is recognised among {listed(header.names)}; {way}",
                    code="missing_column",
                    field=f"rule.columns.{column}",
                )
        _refuse_repeated(header, chosen.get(column), name, place)
    return chosen


def _usual(header: Header, position: int, column: str) -> str:
    """Why it is taken. Users and items are refused where several may be meant; of others, what else may be is said."""
    others = [header.names[place] for place in preferred(column, list(header.names)) if place != position]
    why = f"{header.names[position]!r} is a usual name"
    if column in ("user", "item") or not others:
        return why
    return f"{why}, and so {'are' if len(others) > 1 else 'is'} {' and '.join(map(repr, others))}"


def _asked(header: Header, value: str | int, name: str, field: str) -> Chosen:
    if isinstance(value, int):
        if value > len(header.names):
            raise BadDataset(
                f"{name}: there is no column {value}; it has {len(header.names)}", code="missing_column", field=field
            )
        return Chosen(value - 1, f"position {value} in the rule")
    names = header.names
    if value in names:
        return Chosen(names.index(value), "named in the rule")
    raise BadDataset(
        f"{name}: line {header.line} has no column {value!r}; it has {listed(header.names)}",
        code="missing_column",
        field=field,
    )


def _recognised(header: Header, column: str, role: str, item_columns: Sequence[str]) -> list[int]:
    names = list(header.names)
    if column not in ("user", "item"):
        return preferred(column, names)[:1]
    positions = identifying(column, names)
    if role == "items" and column == "item":
        called = set(map(compact, item_columns))
        same = [place for place, spelt in enumerate(names) if spelt and compact(spelt) in called]
        if same:
            # Details of Amazon's products also hold an `ASIN:`.
            return [place for place in same if names[place] in item_columns] or same
        bare = [place for place, spelt in enumerate(names) if compact(spelt) == "id"]
        titles = preferred("title", names)
        positions = [place for place in positions if place not in titles[:1]]
        is_sure = any((noun := noun_of("item", names[place])) and noun.rank == 0 for place in positions)
        return positions if is_sure or not bare else bare
    return positions


def _refuse_repeated(header: Header, chosen: Chosen | None, name: str, place: str) -> None:
    if chosen is None or not header.is_named or chosen.why.startswith("position"):
        return
    spelt = header.names[chosen.position]
    if header.names.count(spelt) > 1:
        raise BadDataset(
            f"{name}: line {header.line} names the column {spelt!r} twice; rename one, or give its position, {place}",
            code="missing_column",
            field=f"rule.{place}",
        )


def listed(names: Sequence[str]) -> str:
    """Names of columns as a refusal shows them."""
    named = [spelt for spelt in names if spelt]
    return ", ".join(named[:50]) + (f" and {len(named) - 50} more" if len(named) > 50 else "")
