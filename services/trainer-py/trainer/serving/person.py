"""Who is asked about: a user of the dataset, or somebody we only know a list of items of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..contract.recommender import Histories
from ..data.dataset import FOLD_IN, MOST_WHOLE, NO_TIME, Dataset
from ..errors import NoKnownItems, UnknownUser
from ..evaluation.evaluate import MaskRule

Columns = np.ndarray[tuple[int], np.dtype[np.int64]]
# Beside the parts: of a user or an item that training does not know.
COLD = "cold"
# After all others.
LATEST = int(np.iinfo(np.int64).max)
NO_COLUMN = -1


@dataclass(frozen=True)
class Person:
    """
    user     row in the dataset, -1 for a person who is not in it, was held out, or came too late for training
    history  [H] item columns that the model sees, ascending: the training part, what is folded in, the whole history,
             or the list given
    order    [H] positions of `history` in the order they are shown: as given, by time, else by column
    seen     [S] item columns the person has met, whatever part they were put in
    """

    user: int
    history: Columns
    order: Columns
    seen: Columns


@dataclass(frozen=True)
class Met:
    """
    columns  [M] of items that somebody has met, oldest first where times do not say otherwise
    at       [M] milliseconds since 1970 UTC, NO_TIME where unknown
    """

    columns: Columns
    at: Columns


NOTHING = Met(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def unknown_user() -> UnknownUser:
    return UnknownUser("the dataset of this checkpoint has no such user", field="user")


def known_user(dataset: Dataset, user: str) -> Person:
    """As training knows them. Raises UnknownUser."""
    return in_row(dataset, _trained_row(dataset, user))


def in_row(dataset: Dataset, row: int) -> Person:
    is_held_out = dataset.held_out is not None and bool(dataset.held_out[row])
    history = _row(dataset.history, row)
    seen = np.unique(np.concatenate([_row(part, row) for part in dataset.parts.values()]))
    order = np.arange(history.size)
    if dataset.times is not None:
        name = FOLD_IN if is_held_out else "train"
        part = dataset.parts[name]
        order = np.argsort(dataset.times[name][part.indptr[row] : part.indptr[row + 1]], kind="stable")
    return Person(-1 if is_held_out else row, history, order, seen)


@dataclass(frozen=True)
class Interaction:
    """
    column  of `Dataset.column_of`
    part    or COLD
    at      milliseconds since 1970 UTC, or NO_TIME
    """

    column: int
    part: str
    at: int


def interactions_of(dataset: Dataset, user: str) -> list[Interaction]:
    """All of a user, newest first; of equal times the larger column first; without times last. Raises UnknownUser."""
    row = dataset.row_of(user)
    if row is None:
        raise unknown_user()
    held = [] if row >= len(dataset.users) else list(dataset.parts.items())
    times = dataset.times or {}
    if dataset.cold is not None:
        held.append((COLD, dataset.cold.pairs))
        times = {**times, COLD: dataset.cold.at}
    found = []
    for name, part in held:
        own = slice(part.indptr[row], part.indptr[row + 1])
        columns = part.indices[own].tolist()
        at = times[name][own].tolist() if name in times else [NO_TIME] * len(columns)
        found += [Interaction(*one) for one in zip(columns, [name] * len(columns), at, strict=True)]
    return sorted(found, key=lambda one: (one.at, one.column), reverse=True)


def held_among(dataset: Dataset, found: Sequence[Interaction], asked: Sequence[tuple[str, int]]) -> list[int]:
    """Ascending places of those items, each with its time, that are among `found`."""
    there = {(one.column, one.at) for one in found}
    return [place for place, (item, at) in enumerate(asked) if (dataset.column_of(item), at) in there]


def since(dataset: Dataset, items: Sequence[str], at: Sequence[int]) -> Met:
    """What the dataset knows of `items`, met at these milliseconds since 1970 UTC; empty: after all else, in their
    order."""
    found = [NO_COLUMN if (column := dataset.items.index(item)) is None else column for item in items]
    columns = np.array(found, dtype=np.int64)
    times = np.array(at, dtype=np.int64) if len(at) else np.full(columns.size, LATEST)
    return Met(columns[columns != NO_COLUMN], times[columns != NO_COLUMN])


def joined(older: Met, live: Met) -> Columns:
    """Columns of both, each once, by the last time they were met, oldest first. Of one moment `live` is the later, and
    in either of them what stands later."""
    columns = older.columns
    if live.columns.size:
        by_time = np.argsort(np.concatenate([older.at, live.at]), kind="stable")
        columns = np.concatenate([older.columns, live.columns])[by_time]
    last = np.unique(columns[::-1], return_index=True)[1]
    return columns[np.sort(columns.size - 1 - last)]


def with_live(dataset: Dataset, row: int, live: Met) -> Person:
    """The user `row` of the dataset with their whole history, all that they have met in any part and since; of more
    than MOST_WHOLE the newest."""
    person = in_row(dataset, row)
    newest = joined(_met(dataset, row), live)[-MOST_WHOLE:]
    history = np.sort(newest)
    if dataset.times is None:
        is_live = np.isin(newest, live.columns)
        newest = np.concatenate([np.sort(newest[~is_live]), newest[is_live]])
    user = person.user if np.array_equal(history, person.history) else -1
    return Person(user, history, np.searchsorted(history, newest), np.union1d(person.seen, live.columns))


def masked(dataset: Dataset, user: str, rule: MaskRule) -> Columns:
    """Ascending columns that the rule hides from the test of a user, as `evaluate` does. Raises UnknownUser."""
    row = _trained_row(dataset, user)
    history = _row(dataset.history, row)
    return history if rule == "train" else np.union1d(history, _row(dataset.valid, row))


def cold_of(dataset: Dataset, row: int) -> Met:
    """What lies beside the parts of a user in a row of `Dataset.row_of`, in columns of `Dataset.column_of`."""
    cold = dataset.cold
    if cold is None:
        return NOTHING
    own = slice(cold.pairs.indptr[row], cold.pairs.indptr[row + 1])
    return _by_time(cold.pairs.indices[own].astype(np.int64), cold.at[own])


def met_unknown(dataset: Dataset, user: str) -> list[str]:
    """Ids of what a user has met and no model of this dataset knows."""
    row = dataset.row_of(user)
    columns = [] if row is None else cold_of(dataset, row).columns.tolist()
    return [dataset.item(column)[0] for column in columns if column >= len(dataset.items)]


def only_met(dataset: Dataset, row: int | None, live: Met) -> Person:
    """A person whom training does not know: by what they have met since, and by what lies beside the parts where `row`
    of `Dataset.row_of` has any."""
    late = NOTHING if row is None else cold_of(dataset, row)
    known = late.columns < len(dataset.items)
    met = joined(Met(late.columns[known], late.at[known]), live)
    newest = met[-MOST_WHOLE:]
    history = np.sort(newest)
    return Person(-1, history, np.searchsorted(history, newest), np.sort(met))


def newcomer(dataset: Dataset, items: Sequence[str]) -> tuple[Person, list[str]]:
    """The person with these items, each counted once, and the ids that the dataset does not know.

    Raises NoKnownItems when none is known.
    """
    given, unknown = columns_of(dataset, items)
    if given.size == 0:
        raise NoKnownItems("the dataset of this checkpoint knows none of the items", field="history.items")
    by_column = np.argsort(given)
    history = given[by_column]
    return Person(-1, history, np.argsort(by_column), history), unknown


def changed(person: Person, without: Columns, joining: Columns) -> Person:
    """The person with a history without some items and with others, for whom their row in the dataset no longer stands.
    What is left out they have met all the same."""
    kept = person.history[~np.isin(person.history, without)]
    history = np.union1d(kept, joining)
    if np.array_equal(history, person.history):
        return person
    return Person(-1, history, np.arange(history.size), np.union1d(person.seen, joining))


def columns_of(dataset: Dataset, items: Sequence[str]) -> tuple[Columns, list[str]]:
    """Columns of the known ids and the unknown ids, both without repetition and in the order given."""
    columns: list[int] = []
    unknown: list[str] = []
    for item in dict.fromkeys(items):
        column = dataset.items.index(item)
        if column is None:
            unknown.append(item)
        else:
            columns.append(column)
    return np.asarray(columns, dtype=np.int64), unknown


def histories_of(persons: Sequence[Person], device: torch.device) -> Histories:
    """The persons as one batch."""
    users = torch.tensor([person.user for person in persons], dtype=torch.int64, device=device)
    return Histories.of_rows(users, [person.history for person in persons])


def _trained_row(dataset: Dataset, user: str) -> int:
    row = dataset.users.index(user)
    if row is None:
        raise unknown_user()
    return row


def _met(dataset: Dataset, row: int) -> Met:
    """All that the user has met in the parts. Of equal times the larger id is newer; where times are not known test
    counts as newer than validation, and so on."""
    names = [name for name in ("test", "valid", FOLD_IN, "train") if name in dataset.parts]
    parts = [dataset.parts[name] for name in names]
    columns = np.concatenate([_row(part, row) for part in parts])
    if dataset.times is None:
        return Met(columns[::-1], np.full(columns.size, NO_TIME))
    at = [dataset.times[name][part.indptr[row] : part.indptr[row + 1]] for name, part in zip(names, parts, strict=True)]
    return _by_time(columns, np.concatenate(at))


def _by_time(columns: Columns, at: Columns) -> Met:
    order = np.lexsort((columns, at))
    return Met(columns[order], at[order])


def _row(part: object, row: int) -> Columns:
    indptr, indices = part.indptr, part.indices  # type: ignore[attr-defined]
    return np.sort(indices[indptr[row] : indptr[row + 1]].astype(np.int64))
