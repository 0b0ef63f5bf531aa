"""Users and items of all chunks become matrices over shared ids."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from ..dataset import NO_TIME


@dataclass(frozen=True)
class Times:
    """When each pair of a matrix was. keys  user * items + item [nnz], ascending; at  milliseconds [nnz]."""

    keys: np.ndarray
    at: np.ndarray
    items: int

    def of(self, part: csr_matrix, users: np.ndarray | None = None, items: np.ndarray | None = None) -> np.ndarray:
        """The times [nnz] of the pairs of another matrix, in its order, NO_TIME of what is not in this one; `users` and
        `items`: its rows and columns here."""
        rows = np.repeat(np.arange(part.shape[0]) if users is None else users, np.diff(part.indptr))
        columns = part.indices if items is None else items[part.indices]
        wanted = rows.astype(np.int64) * self.items + columns
        places = np.minimum(np.searchsorted(self.keys, wanted), max(len(self.keys) - 1, 0))
        if len(self.keys) == 0:
            return np.full(len(wanted), NO_TIME)
        found: np.ndarray = np.where(self.keys[places] == wanted, self.at[places], NO_TIME)
        return found


@dataclass
class Pairs:
    """Rows by role, as they come: codes of each chunk into a dictionary of its own, and times where there are some."""

    chunks: dict[str, list[dict[str, pa.Array]]] = field(default_factory=dict)

    def add(self, role: str, columns: dict[str, pa.Array]) -> None:
        if len(columns["user"]):
            self.chunks.setdefault(role, []).append(columns)

    def mark(self, role: str) -> int:
        return len(self.chunks.get(role, []))

    def back_to(self, role: str, mark: int) -> None:
        """Forgets the chunks since then."""
        del self.chunks.get(role, [])[mark:]

    def rows(self, role: str) -> int:
        return sum(len(chunk["user"]) for chunk in self.chunks.get(role, []))

    @property
    def total(self) -> int:
        return sum(self.rows(role) for role in self.chunks)

    def matrices(self) -> tuple[dict[str, csr_matrix], dict[str, Times], pa.StringArray, pa.StringArray]:
        """One matrix of ones a role, and its times where it has some; ids sorted by their UTF-8 bytes, so that row
        order is no matter. Empties this."""
        roles = list(self.chunks)
        sizes = [self.rows(role) for role in roles]
        at = {role: _at(self.chunks[role], size) for role, size in zip(roles, sizes, strict=True)}
        codes, ids = {}, {}
        for column in ("user", "item"):
            arrays = [chunk.pop(column) for role in roles for chunk in self.chunks[role]]
            codes[column], ids[column] = _coded(arrays)
        self.chunks.clear()
        shape = (len(ids["user"]), len(ids["item"]))
        found: dict[str, csr_matrix] = {}
        times: dict[str, Times] = {}
        start = 0
        for role, size in zip(roles, sizes, strict=True):
            rows = slice(start, start := start + size)
            keys, latest = _keys(codes["user"][rows], codes["item"][rows], shape, at.pop(role))
            found[role] = _matrix(keys, shape)
            if latest is not None:
                times[role] = Times(keys, latest, shape[1])
        return found, times, ids["user"], ids["item"]


def _at(chunks: list[dict[str, pa.Array]], size: int) -> np.ndarray | None:
    """The times of the rows of a role; None where no table has any. Of several tables some may have none."""
    if not any("at" in chunk for chunk in chunks):
        return None
    at = np.full(size, NO_TIME, np.int64)
    start = 0
    for chunk in chunks:
        end = start + len(chunk["user"])
        if "at" in chunk:
            at[start:end] = chunk.pop("at").to_numpy()
        start = end
    return at


def _coded(arrays: list[pa.DictionaryArray]) -> tuple[np.ndarray, pa.StringArray]:
    unified = pa.chunked_array(arrays).unify_dictionaries()
    dictionary = unified.chunk(0).dictionary
    order = pc.sort_indices(dictionary)
    position = np.empty(len(order), np.int32)
    position[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    codes = np.empty(len(unified), np.int32)
    start = 0
    for chunk in unified.chunks:
        codes[start : start + len(chunk)] = position[chunk.indices.to_numpy(zero_copy_only=False)]
        start += len(chunk)
    return codes, dictionary.take(order)


def _keys(
    users: np.ndarray, items: np.ndarray, shape: tuple[int, int], at: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Every pair once, ascending, as one number: half the memory of scipy's way, which keeps the repeated ones. With
    the latest of its times."""
    keys = users.astype(np.int64)
    keys *= shape[1]
    keys += items
    if at is None:
        keys.sort()
        if len(keys):
            keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
        return keys, None
    order = np.lexsort((at, keys))
    keys = keys[order]
    is_last = np.concatenate([keys[1:] != keys[:-1], [True]]) if len(keys) else np.empty(0, bool)
    return keys[is_last], at[order[is_last]]


def _matrix(keys: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    rows, columns = np.divmod(keys, max(shape[1], 1))
    indptr = np.zeros(shape[0] + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    if len(columns) < np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    matrix = csr_matrix((np.ones(len(columns), np.float32), columns.astype(np.int32), indptr), shape)
    matrix.has_sorted_indices = True
    return matrix
