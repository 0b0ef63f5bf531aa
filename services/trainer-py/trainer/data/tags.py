"""What the items of a dataset are filed under, and which of them a filter lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Tags:
    """Tags of N items, ragged (CSR).

    names    [T]    each tag as it was written first; no two are equal but for case
    indptr   [N+1]  tags of the item in column i are names[indices[indptr[i]:indptr[i+1]]], int64
    indices  [nnz]  positions in `names`, each once an item, int64
    """

    names: list[str]
    indptr: np.ndarray
    indices: np.ndarray

    @classmethod
    def none(cls, items: int) -> Self:
        """Of so many items without tags."""
        return cls([], np.zeros(items + 1, np.int64), np.empty(0, np.int64))

    def matching(self, any: Sequence[str], all: Sequence[str], none: Sequence[str]) -> tuple[np.ndarray, list[str]]:  # noqa: A002
        """The items [N], bool, that have one of `any` (where it names some), all of `all` and none of `none`; and the
        tags among these that no item has, as given, each once. Case is no difference."""
        allowed = np.ones(len(self.indptr) - 1, dtype=bool)
        if any:
            allowed[:] = False
            for tag in any:
                allowed[self._items_of(tag)] = True
        for tag in all:
            having = np.zeros_like(allowed)
            having[self._items_of(tag)] = True
            allowed &= having
        for tag in none:
            allowed[self._items_of(tag)] = False
        unknown = [tag for tag in dict.fromkeys([*any, *all, *none]) if not len(self._items_of(tag))]
        return allowed, unknown

    def _items_of(self, tag: str) -> np.ndarray:
        position = self._positions.get(tag.casefold())
        if position is None:
            return np.empty(0, np.int64)
        starts, items = self._by_tag
        return items[starts[position] : starts[position + 1]]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name.casefold(): position for position, name in enumerate(self.names)}

    @cached_property
    def _by_tag(self) -> tuple[np.ndarray, np.ndarray]:
        """The same the other way round: columns of the items of each tag, ascending."""
        items = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        counts = np.bincount(self.indices, minlength=len(self.names))
        return np.concatenate([[0], np.cumsum(counts)]), items[np.argsort(self.indices, kind="stable")]


def write_tags(path: Path, tags: Tags) -> None:
    """One list of texts an item."""
    values = pa.array(tags.names, pa.string()).take(pa.array(tags.indices))
    lists = pa.ListArray.from_arrays(pa.array(tags.indptr, pa.int32()), values)
    batch = pa.record_batch([lists], names=["tags"])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_tags(path: Path) -> Tags:
    with pa.OSFile(str(path), "rb") as source:
        lists = pa.ipc.open_file(source).get_batch(0).column("tags")
    encoded = lists.values.dictionary_encode()  # names in the order in which they come first
    indptr, indices = (array.to_numpy().astype(np.int64) for array in (lists.offsets, encoded.indices))
    return Tags(encoded.dictionary.to_pylist(), indptr, indices)
