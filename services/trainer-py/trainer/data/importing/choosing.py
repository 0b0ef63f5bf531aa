"""Which columns of a table an import takes, and what it refuses: asked by the preview and by the import alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...errors import BadDataset
from .header import Chosen, columns_of, listed
from .refusals import refuse_lists, refuse_undescribed, refuse_unrated, refuse_untimed
from .rule import ImportRule
from .sniffing import shown
from .tables import Table

_OF_INTERACTIONS = ("user", "item", "rating", "timestamp")
_OF_ITEMS = ("item", "title", "tags")


def misnamed(rule: ImportRule, tables: Sequence[str], unseen: Sequence[str] = ()) -> Iterator[BadDataset]:
    """Refusals of what the rule names and is no table here. `unseen`: files of which not every table is known."""
    for name in rule.columns.files or {}:
        if name in tables or any(name == file or name.startswith(f"{file}: ") for file in unseen):
            continue
        place = f"rule.columns.files.{name}"
        there = ", ".join(tables[:20]) + (f" and {len(tables) - 20} more" if len(tables) > 20 else "")
        message = f"{place}: no table is called so; there is {there or 'none'}"
        yield BadDataset(message, code="missing_file", field=place)


def misplaced(
    rule: ImportRule, tables: Iterable[tuple[str, str, Sequence[str]]], unseen: Sequence[str] = ()
) -> Iterator[BadDataset]:
    """Refusals of titles and tags that the rule names in tables of interactions, where none are read. `tables`: role,
    name and columns of each; what is said of every file may be meant for items, also for those that are `unseen`."""
    tables = list(tables)
    of_items = {name for role, name, _ in tables if role == "items"}
    may_have_items = bool(unseen or of_items)
    for role, name, names in tables:
        if role == "items":
            continue
        for column in ("title", "tags"):
            place = rule.columns.place(role, name, column)
            if getattr(rule.columns.of(role, name), column) is None:
                continue
            if place == f"columns.{column}" and may_have_items:
                continue
            # Given once more as items, it is meant there.
            if place == f"columns.files.{name}.{column}" and name in of_items:
                continue
            yield BadDataset(
                f"{name}: the {column} of an item is read from a file of items, not from one of {role}, which has "
                f"{listed(names)}; give the same file once more, as one of items, and name its columns in the rule, "
                f"columns.items.item and columns.items.{column}",
                code="missing_column",
                field=f"rule.{place}",
            )


def is_dispensable(table: Table, rule: ImportRule, is_beside: bool) -> bool:
    """What is wrong with its columns refuses no import: it says what items are called, `is_beside` interactions or
    taken from an archive for its name, and the rule does not say that its columns are needed."""
    if table.role != "items" or table.name in (rule.columns.files or {}):
        return False
    asked = rule.columns.of("items", table.name)
    return table.is_member or (is_beside and all(getattr(asked, column) is None for column in _OF_ITEMS))


def chosen_of(
    table: Table, rule: ImportRule, item_columns: Sequence[str]
) -> tuple[dict[str, Chosen], list[BadDataset]]:
    """Every column that is found, and what refuses the table: a column that is needed, or that the rule names, is not
    there. `item_columns`: what the interactions call their items."""
    chosen: dict[str, Chosen] = {}
    wrong = []
    asked = rule.columns.of(table.role, table.name)
    needed = {"user", "item", *(("title", "tags") if table.role == "items" else ())}
    needed |= {"rating"} if rule.min_rating is not None else set()
    needed |= {"timestamp"} if rule.needs_times else set()
    for column in _OF_ITEMS if table.role == "items" else _OF_INTERACTIONS:
        try:
            chosen |= columns_of(
                table.header, table.role, rule.columns, table.published, (column,), table.name, item_columns
            )
        except BadDataset as error:
            if column in needed or getattr(asked, column) is not None:
                wrong.append(error)
    if table.complaint is not None:
        return chosen, [table.complaint]
    if not wrong:
        try:
            refuse_lists(table, chosen)
            if table.role == "items":
                refuse_undescribed(table, set(chosen))
            else:
                refuse_unrated(table, set(chosen), rule)
                refuse_untimed(table, set(chosen), rule)
        except BadDataset as error:
            wrong.append(error)
    return chosen, wrong


def warnings_of(table: Table) -> Iterator[tuple[str, str]]:
    """What is said of a table that is taken all the same: codes and messages."""
    if table.encoding == "windows-1252":
        yield "encoding", "not all of it is UTF-8; the lines that are not are read as Windows-1252 (Latin-1)"
    if table.header.doubtful:
        line = shown(table.header.doubtful)
        yield (
            "first_line_taken",
            f"its first line is taken for a row, for the rule gives positions: {line}; if it is a header, give names",
        )
