"""The rows of all tables become interactions over shared ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..dataset import NO_TIME
from .interactions import BLOCK, NAMES, TRAIN, Interactions, blocks
from .memory import give_back


@dataclass(frozen=True)
class _Chunk:
    """Some rows, whose numbers lie in the spool: users and items as int32, by place in dictionaries of their own, then
    times as int64 where there are some."""

    role: str
    start: int
    rows: int
    has_times: bool

    def users(self, file: BinaryIO) -> np.ndarray:
        file.seek(self.start)
        return np.fromfile(file, np.int32, self.rows)


class Pairs:
    """Rows by role, as they come. All but their ids lies in a file until all are read, for reading needs the memory."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._chunks: dict[str, list[tuple[_Chunk, pa.StringArray, pa.StringArray]]] = {}
        # Batches of a role that are no chunk yet: the ids of a small one are nearly as many as those of a large one.
        self._batches: dict[str, list[dict[str, pa.Array]]] = {}

    def add(self, role: str, columns: dict[str, pa.Array]) -> None:
        if not len(columns["user"]):
            return
        batches = self._batches.setdefault(role, [])
        batches.append(columns)
        if sum(len(one["user"]) for one in batches) >= BLOCK:
            self._spooled(role)

    def mark(self, role: str) -> int:
        """Between tables: those of a role may differ in having times."""
        self._spooled(role)
        return len(self._chunks.get(role, []))

    def back_to(self, role: str, mark: int) -> None:
        """Forgets what came since then."""
        self._batches.pop(role, None)
        del self._chunks.get(role, [])[mark:]

    def rows(self, role: str) -> int:
        self._spooled(role)
        return sum(chunk.rows for chunk, *_ in self._chunks.get(role, []))

    @property
    def total(self) -> int:
        return sum(self.rows(role) for role in {*self._chunks, *self._batches})

    def _spooled(self, role: str) -> None:
        batches = self._batches.pop(role, [])
        if not batches:
            return
        columns = {name: pa.chunked_array([one[name] for one in batches]) for name in batches[0]}
        users, items = (columns[name].unify_dictionaries() for name in ("user", "item"))
        with self._spool.open("ab") as file:
            chunk = _Chunk(role, file.tell(), len(users), "at" in columns)
            for part in (*users.chunks, *items.chunks):
                file.write(part.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False).data)
            for part in columns["at"].chunks if chunk.has_times else ():
                file.write(part.to_numpy(zero_copy_only=False).data)
        self._chunks.setdefault(role, []).append((chunk, users.chunk(0).dictionary, items.chunk(0).dictionary))

    def merged(self) -> tuple[Interactions, pa.StringArray, pa.StringArray]:
        """Every pair once, with users and items: of a pair of several parts that in the first of them, at the latest
        time that it has there. Ids are sorted by their UTF-8 bytes, so that row order is no matter. Empties this."""
        for role in [*self._batches]:
            self._spooled(role)
        chunks, *dictionaries = zip(*(one for own in self._chunks.values() for one in own), strict=True)
        self._chunks.clear()
        items, of_items = _unified(dictionaries.pop())
        users, of_users = _unified(dictionaries.pop())
        give_back()
        has_parts = len({chunk.role for chunk in chunks}) > 1
        with self._spool.open("rb") as file:
            counts = np.zeros(len(users), np.int64)
            for chunk, of_user in zip(chunks, of_users, strict=True):
                counts[of_user] += np.bincount(chunk.users(file), minlength=len(of_user))
            indptr = np.concatenate([[0], np.cumsum(counts)])
            rows = int(indptr[-1])
            at = np.empty(rows, np.int64) if any(chunk.has_times for chunk in chunks) else None
            found = Interactions(indptr, np.empty(rows, np.int32), np.full(rows, TRAIN, np.int8), at, len(items))
            free = indptr[:-1].copy()
            for chunk, of_user, of_item in zip(chunks, of_users, of_items, strict=True):
                places = _taken(free, of_user[chunk.users(file)])
                found.items[places] = of_item[np.fromfile(file, np.int32, chunk.rows)]
                if has_parts:
                    found.part[places] = NAMES.index(chunk.role)
                if at is not None:
                    at[places] = np.fromfile(file, np.int64, chunk.rows) if chunk.has_times else NO_TIME
        return _distinct(found, has_parts), users, items


def _unified(dictionaries: Sequence[pa.StringArray]) -> tuple[pa.StringArray, list[np.ndarray]]:
    """All values, sorted, and the place among them of each value of each dictionary."""
    encoded = pa.chunked_array(dictionaries, pa.string()).dictionary_encode()
    values = encoded.chunk(encoded.num_chunks - 1).dictionary
    order = pc.sort_indices(values)
    place = np.empty(len(order), np.int32)
    place[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    return values.take(order), [place[chunk.indices.to_numpy()] for chunk in encoded.chunks]


def _taken(free: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Where the rows of these users go, given the next free place of each user, which moves on."""
    order = np.argsort(users, kind="stable")
    ordered = users[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.append(begins, len(ordered)))
    places = np.empty(len(users), np.int64)
    places[order] = np.repeat(free[ordered[begins]] - begins, sizes) + np.arange(len(ordered))
    free[ordered[begins]] += sizes
    return places


def _distinct(found: Interactions, has_parts: bool) -> Interactions:
    """Sorts the rows of each user by item, part and time and keeps one of a pair, in the place of the rows."""
    kept = np.zeros(len(found.indptr) - 1, np.int64)
    end = 0
    for users, rows in blocks(found.indptr):
        own = np.repeat(np.arange(users.stop - users.start), np.diff(found.indptr[users.start : users.stop + 1]))
        keys = own * found.width + found.items[rows]
        at = None if found.at is None else found.at[rows]
        part = found.part[rows] if has_parts else None
        latest_first = None if at is None else ~at
        order = np.lexsort([one for one in (latest_first, part, keys) if one is not None])
        keys = keys[order]
        is_first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
        taken, keys = order[is_first], keys[is_first]
        new = slice(end, end := end + len(keys))
        found.items[new] = keys % max(found.width, 1)
        if at is not None and found.at is not None:
            found.at[new] = at[taken]
        if part is not None:
            found.part[new] = part[taken]
        kept[users] = np.bincount(keys // max(found.width, 1), minlength=users.stop - users.start)
    for array in (found.items, found.part, found.at):
        if array is not None:
            array.resize(end, refcheck=False)
    return Interactions(np.concatenate([[0], np.cumsum(kept)]), found.items, found.part, found.at, found.width)
