"""Interactions of validation and test whose user or item has none in training. No test can use them; a refit learns
from them, and knows their users and items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from .tags import Tags


@dataclass(frozen=True)
class Cold:
    """
    pairs   [U+V, N+M] float32 matrix of ones: the interactions, between any of all users and items
    users   [V] ids of the users whom training does not know; their rows come after those of the dataset
    items   [M] ids of the items, in the same way
    titles  [M], "" where unknown
    tags    of the M items
    at      [nnz] milliseconds since 1970 UTC, in the order of the pairs; the least number where nobody knows
    """

    pairs: csr_matrix
    users: pa.StringArray
    items: pa.StringArray
    titles: list[str]
    tags: Tags
    at: np.ndarray

    @cached_property
    def rows(self) -> dict[str, int]:
        """Of the users that come after those of the dataset."""
        return {user: row for row, user in enumerate(self.users.to_pylist())}

    @cached_property
    def columns(self) -> dict[str, int]:
        """Of the items that come after those of the dataset."""
        return {item: column for column, item in enumerate(self.items.to_pylist())}


def write_cold(path: Path, cold: Cold) -> None:
    """One row, in which each part is a list."""
    cold.pairs.sort_indices()
    pairs = cold.pairs.tocoo()
    lists = [
        [cold.tags.names[tag] for tag in cold.tags.indices[first:end]]
        for first, end in zip(cold.tags.indptr[:-1], cold.tags.indptr[1:], strict=True)
    ]
    columns = {
        "rows": pa.array([pairs.row.astype(np.int32)], pa.list_(pa.int32())),
        "at": pa.array([cold.at], pa.list_(pa.int64())),
        "columns": pa.array([pairs.col.astype(np.int32)], pa.list_(pa.int32())),
        "users": pa.array([cold.users.to_pylist()], pa.list_(pa.string())),
        "items": pa.array([cold.items.to_pylist()], pa.list_(pa.string())),
        "titles": pa.array([cold.titles], pa.list_(pa.string())),
        "tags": pa.array([lists], pa.list_(pa.list_(pa.string()))),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_cold(path: Path, users: int, items: int) -> Cold:
    """Of a dataset with so many users and items besides."""
    with pa.OSFile(str(path), "rb") as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    part = {name: batch.column(name).values for name in batch.schema.names}
    rows, columns = (part[name].to_numpy() for name in ("rows", "columns"))
    shape = (users + len(part["users"]), items + len(part["items"]))
    pairs = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
    pairs.sort_indices()
    tagged = [(column, tag) for column, own in enumerate(part["tags"].to_pylist()) for tag in own]
    names = list(dict.fromkeys(tag for _, tag in tagged))
    position = {name: index for index, name in enumerate(names)}
    counts = np.bincount([column for column, _ in tagged], minlength=len(part["items"])).astype(np.int64)
    tags = Tags(
        names,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([position[tag] for _, tag in tagged], np.int64),
    )
    return Cold(pairs, part["users"], part["items"], part["titles"].to_pylist(), tags, part["at"].to_numpy())


def joined(first: Tags, second: Tags) -> Tags:
    """Tags of the items of both, one after the other; what differs by case alone is one tag, as the first writes it."""
    position = {name.casefold(): index for index, name in enumerate(first.names)}
    for name in second.names:
        position.setdefault(name.casefold(), len(position))
    names = [*first.names, *(name for name in second.names if position[name.casefold()] >= len(first.names))]
    moved = np.array([position[name.casefold()] for name in second.names], np.int64)
    return Tags(
        names,
        np.concatenate([first.indptr, first.indptr[-1] + second.indptr[1:]]),
        np.concatenate([first.indices, moved[second.indices]]),
    )
