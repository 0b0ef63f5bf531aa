"""Who is asked about: a user of the dataset, or somebody we only know a list of items of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..contract.recommender import Histories
from ..data.dataset import FOLD_IN, MOST_WHOLE, NO_TIME, Dataset
from ..errors import NoKnownItems, UnknownUser
from ..evaluation.evaluate import MaskRule

Columns = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Person:
    """
    user     row in the dataset, -1 for a person who is not in it, or was held out
    history  [H] item columns that the model sees, ascending: the training part, what is folded in, the whole history,
             or the list given
    order    [H] positions of `history` in the order they are shown: as given, by time, else by column
    seen     [S] item columns the person has met, whatever part they were put in
    """

    user: int
    history: Columns
    order: Columns
    seen: Columns


def unknown_user() -> UnknownUser:
    return UnknownUser("the dataset of this checkpoint has no such user", field="user")


def known_user(dataset: Dataset, user: str) -> Person:
    """Raises UnknownUser."""
    return _in_row(dataset, _row_of(dataset, user))


def _in_row(dataset: Dataset, row: int) -> Person:
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
    """at  milliseconds since 1970 UTC, or NO_TIME."""

    column: int
    part: str
    at: int


def interactions_of(dataset: Dataset, user: str) -> list[Interaction]:
    """All of a user, newest first; of equal times the larger column first; without times last. Raises UnknownUser."""
    row = _row_of(dataset, user)
    found = []
    for name, part in dataset.parts.items():
        own = slice(part.indptr[row], part.indptr[row + 1])
        columns = part.indices[own].tolist()
        times = [NO_TIME] * len(columns) if dataset.times is None else dataset.times[name][own].tolist()
        found += [Interaction(column, name, at) for column, at in zip(columns, times, strict=True)]
    return sorted(found, key=lambda one: (one.at, one.column), reverse=True)


def held_among(dataset: Dataset, found: Sequence[Interaction], asked: Sequence[tuple[str, int]]) -> list[int]:
    """Ascending places of those items, each with its time, that are among `found`."""
    there = {(one.column, one.at) for one in found}
    return [place for place, (item, at) in enumerate(asked) if (dataset.items.index(item), at) in there]


def whole_history(dataset: Dataset, row: int, live: Columns) -> Columns:
    """Ascending columns of all that the user `row` has met in any part and, newest last, in `live`; of more than
    MOST_WHOLE the newest."""
    return _newest(np.concatenate([live[::-1], _newest_first(dataset, row)]))


def with_live(dataset: Dataset, row: int, live: Columns) -> Person:
    """The user `row` of the dataset with their whole history and what they have met since, newest last in `live`."""
    person = _in_row(dataset, row)
    history = whole_history(dataset, row, live)
    seen = np.union1d(person.seen, live)
    if np.array_equal(history, person.history):
        return replace(person, seen=seen)
    older = _newest_first(dataset, row)[::-1]
    return Person(-1, history, _live_last(history, np.sort(older) if dataset.times is None else older, live), seen)


def masked(dataset: Dataset, user: str, rule: MaskRule) -> Columns:
    """Ascending columns that the rule hides from the test of a user, as `evaluate` does. Raises UnknownUser."""
    row = _row_of(dataset, user)
    history = _row(dataset.history, row)
    return history if rule == "train" else np.union1d(history, _row(dataset.valid, row))


def cold_history(dataset: Dataset, user: str) -> Columns:
    """What somebody has met whom training does not know, oldest first where times are known."""
    cold = dataset.cold
    row = None if cold is None else cold.rows.get(user)
    if cold is None or row is None:
        return np.empty(0, dtype=np.int64)
    first, end = cold.pairs.indptr[len(dataset.users) + row :][:2]
    columns: Columns = cold.pairs.indices[first:end].astype(np.int64)
    columns = columns[np.argsort(cold.at[first:end], kind="stable")]
    return columns[columns < len(dataset.items)]


def only_live(live: Columns) -> Person:
    """A person of whom nothing else is known; newest last, and what is met again counts then."""
    live = live[np.sort(len(live) - 1 - np.unique(live[::-1], return_index=True)[1])]
    history = _newest(live[::-1])
    return Person(-1, history, _live_last(history, history, live), np.unique(live))


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


def _row_of(dataset: Dataset, user: str) -> int:
    row = dataset.users.index(user)
    if row is None:
        raise unknown_user()
    return row


def _newest_first(dataset: Dataset, row: int) -> Columns:
    """All that the user has met; of equal times the larger id is newer. Where times are not known test counts as newer
    than validation, and so on."""
    names = [name for name in ("test", "valid", FOLD_IN, "train") if name in dataset.parts]
    parts = [dataset.parts[name] for name in names]
    columns = np.concatenate([_row(part, row) for part in parts])
    if dataset.times is None:
        return columns
    at = [dataset.times[name][part.indptr[row] : part.indptr[row + 1]] for name, part in zip(names, parts, strict=True)]
    return columns[np.lexsort((columns, np.concatenate(at)))[::-1]]


def _newest(columns: Columns) -> Columns:
    """The first MOST_WHOLE different ones of `columns`, newest first, ascending."""
    different, first = np.unique(columns, return_index=True)
    return np.sort(different[np.argsort(first)[:MOST_WHOLE]])


def _live_last(history: Columns, older: Columns, live: Columns) -> Columns:
    """Positions of `history`: what is not in `live` in the order of `older`, then that in its own."""
    shown = live[np.isin(live, history)]
    rest = older[np.isin(older, history) & ~np.isin(older, shown)]
    return np.searchsorted(history, np.concatenate([rest, shown]))


def _row(part: object, row: int) -> Columns:
    indptr, indices = part.indptr, part.indices  # type: ignore[attr-defined]
    return np.sort(indices[indptr[row] : indptr[row + 1]].astype(np.int64))
