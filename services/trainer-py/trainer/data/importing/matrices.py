"""Users and items of all chunks become matrices over shared ids."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix


@dataclass
class Pairs:
    """Rows by role, as they come: codes of each chunk into a dictionary of its own."""

    chunks: dict[str, list[dict[str, pa.DictionaryArray]]] = field(default_factory=dict)

    def add(self, role: str, columns: dict[str, pa.DictionaryArray]) -> None:
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

    def matrices(self) -> tuple[dict[str, csr_matrix], pa.StringArray, pa.StringArray]:
        """One matrix of ones a role; ids sorted by their UTF-8 bytes, so that row order is no matter. Empties this."""
        roles = list(self.chunks)
        sizes = [self.rows(role) for role in roles]
        codes, ids = {}, {}
        for column in ("user", "item"):
            arrays = [chunk.pop(column) for role in roles for chunk in self.chunks[role]]
            codes[column], ids[column] = _coded(arrays)
        self.chunks.clear()
        shape = (len(ids["user"]), len(ids["item"]))
        found, start = {}, 0
        for role, size in zip(roles, sizes, strict=True):
            rows = slice(start, start := start + size)
            found[role] = _matrix(codes["user"][rows], codes["item"][rows], shape)
        return found, ids["user"], ids["item"]


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


def _matrix(users: np.ndarray, items: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """Every pair once. Sorted as one number each: half the memory of scipy's way, which keeps the repeated ones."""
    keys = users.astype(np.int64)
    keys *= shape[1]
    keys += items
    keys.sort()
    if len(keys):
        keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    rows, columns = np.divmod(keys, max(shape[1], 1))
    indptr = np.zeros(shape[0] + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    if len(columns) < np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    matrix = csr_matrix((np.ones(len(columns), np.float32), columns.astype(np.int32), indptr), shape)
    matrix.has_sorted_indices = True
    return matrix
