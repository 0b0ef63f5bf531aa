"""The canonical form of a dataset: matrices, id maps, titles, tags and the manifest that proves them.

On disk (ARCHITECTURE.md): datasets/<digest>/{manifest.json, interactions.safetensors, ids.arrow}, tags.arrow where
items have tags, times.safetensors where interactions have times, and cold.arrow where interactions are cold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import safetensors.numpy
from scipy.sparse import csr_matrix

from ..errors import DatasetCorrupt, DatasetMissing
from ..storage import cache
from .cold import Cold, joined, read_cold, write_cold
from .manifest import COLD as COLD
from .manifest import FILES as FILES
from .manifest import IDS as IDS
from .manifest import MANIFEST as MANIFEST
from .manifest import TAGS as TAGS
from .manifest import TIMES as TIMES
from .manifest import checked_key as checked_key
from .manifest import key_of as key_of
from .manifest import proven_manifest, write_manifest
from .split_digest import Rows, split_digest_of
from .tags import Tags, read_tags, write_tags

PARTS = ("train", "valid", "test")
# Only of a strong split: what models are given of the users that they were not trained on.
FOLD_IN = "fold_in"
# Where the time of an interaction is not known; before all others.
NO_TIME = int(np.iinfo(np.int64).min)
# Of a whole history; a model trained on shorter ones gains nothing from more.
MOST_WHOLE = 1000


class IdMap:
    """The caller's own ids by row, and back. Ids are opaque UTF-8 strings."""

    def __init__(self, ids: pa.StringArray) -> None:
        self.array = ids

    def __len__(self) -> int:
        return len(self.array)

    def id(self, row: int) -> str:
        return str(self.array[row].as_py())

    def ids(self, rows: slice) -> list[str]:
        return [str(an_id) for an_id in self.array[rows].to_pylist()]

    def index(self, an_id: str) -> int | None:
        return self._rows.get(an_id)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {an_id: row for row, an_id in enumerate(self.array.to_pylist())}


@dataclass(frozen=True)
class Dataset:
    """train, valid, test  [U, N] float32 matrices of ones, items ascending in each row; titles "" where unknown
    fold_in  like these, of a strong split: what is known of the users whose other interactions are valid or test, who
             have none in train
    times    int64 [nnz] of each part, in its order: milliseconds since 1970 UTC, or NO_TIME"""

    key: str
    digest: str
    split_digest: str
    train: csr_matrix
    valid: csr_matrix
    test: csr_matrix
    users: IdMap
    items: IdMap
    titles: list[str]
    tags: Tags
    statistics: dict[str, Any] = field(default_factory=dict)
    fold_in: csr_matrix | None = None
    times: dict[str, np.ndarray] | None = None
    cold: Cold | None = None
    """Interactions beside the parts; None where there are none, or an earlier version imported them away."""

    @property
    def parts(self) -> dict[str, csr_matrix]:
        """All there are."""
        own = {name: getattr(self, name) for name in PARTS}
        return own if self.fold_in is None else {**own, FOLD_IN: self.fold_in}

    @cached_property
    def history(self) -> csr_matrix:
        """What models are given of each user when they are asked, [U, N]."""
        return self.train if self.fold_in is None else (self.train + self.fold_in).tocsr()

    @cached_property
    def held_out(self) -> np.ndarray | None:
        """The users [U], bool, that models meet for the first time when they are asked; None where there are none."""
        return None if self.fold_in is None else np.diff(self.fold_in.indptr) > 0

    @cached_property
    def late(self) -> csr_matrix:
        """What of the items here those users have met whom training does not know, [V, N]; their rows come after the
        others."""
        if self.cold is None:
            return csr_matrix((0, len(self.items)), dtype=np.float32)
        return self.cold.pairs[len(self.users) :, : len(self.items)]

    def row_of(self, user: str) -> int | None:
        """Among all users, the late ones too; None for whom nothing here is of."""
        row = self.users.index(user)
        if row is None and self.cold is not None and (late := self.cold.rows.get(user)) is not None:
            return len(self.users) + late
        return row

    def column_of(self, item: str) -> int | None:
        """Among all items, the cold ones too."""
        column = self.items.index(item)
        if column is None and self.cold is not None and (cold := self.cold.columns.get(item)) is not None:
            return len(self.items) + cold
        return column

    def item(self, column: int) -> tuple[str, str]:
        """The id and the title of what is in a column of `column_of`."""
        if column < len(self.items) or self.cold is None:
            return self.items.id(column), self.titles[column]
        cold = column - len(self.items)
        return str(self.cold.items[cold].as_py()), self.cold.titles[cold]

    def user_ids(self) -> pa.StringArray:
        """By the rows of `row_of`."""
        return self.users.array if self.cold is None else pa.concat_arrays([self.users.array, self.cold.users])

    def met(self, users: np.ndarray | slice) -> csr_matrix:
        """Everything that each of these users has met, whatever part it was put in, [B, N]."""
        return sum(part[users] for part in self.parts.values()).tocsr()

    def whole(self) -> Dataset:
        """All interactions as training interactions: what a refit learns from, and who is served by one is known by.
        Users and items that no training interaction has come after the others."""
        everything = sum(self.parts.values()).tocsr()
        users, items, titles, tags = self.users, self.items, self.titles, self.tags
        if self.cold is not None:
            everything.resize(self.cold.pairs.shape)
            everything = (everything + self.cold.pairs).tocsr()
            users = IdMap(self.user_ids())
            items = IdMap(pa.concat_arrays([items.array, self.cold.items]))
            titles, tags = [*titles, *self.cold.titles], joined(tags, self.cold.tags)
        everything.sort_indices()
        none = csr_matrix(everything.shape, dtype=np.float32)
        train = _matrix(everything.indptr, everything.indices, everything.shape)
        return replace(
            self,
            train=train, valid=none, test=none.copy(), fold_in=None, times=self._all_times(),
            users=users, items=items, titles=titles, tags=tags, cold=None,
        )  # fmt: skip

    def _all_times(self) -> dict[str, np.ndarray] | None:
        known = self.times
        if known is None and (self.cold is None or bool((self.cold.at == NO_TIME).all())):
            return None
        pairs = [
            (part.tocoo(), np.full(part.nnz, NO_TIME) if known is None else known[name])
            for name, part in self.parts.items()
        ]
        if self.cold is not None:
            pairs.append((self.cold.pairs.tocoo(), self.cold.at))
        rows, columns = (np.concatenate([getattr(part, name) for part, _ in pairs]) for name in ("row", "col"))
        at = np.concatenate([times for _, times in pairs])[np.lexsort((columns, rows))]
        return {"train": at, "valid": at[:0], "test": at[:0]}

    def left_out(self) -> tuple[int, int]:
        """How many interactions no training sees, and how many items only they have."""
        cold, items = (0, 0) if self.cold is None else (self.cold.pairs.nnz, len(self.cold.items))
        return sum(part.nnz for part in self.parts.values()) - self.train.nnz + cold, items


def _names(parts: Collection[str]) -> tuple[str, ...]:
    return (*PARTS, FOLD_IN) if FOLD_IN in parts else PARTS


def save(
    artifacts: Path,
    digest: str,
    parts: Mapping[str, Rows],
    users: IdMap,
    items: IdMap,
    titles: list[str],
    tags: Tags,
    *,
    rule: dict[str, Any],
    statistics: dict[str, Any],
    times: dict[str, np.ndarray] | None = None,
    cold: Cold | None = None,
) -> str:
    """Writes a dataset whole or not at all, and gives its split digest; an intact one that is there already stays as it
    is. `times` of a part are in its order."""
    key = key_of(digest)
    try:
        with cache.opened(artifacts, key) as folder:
            return str(proven_manifest(folder, key)["split_digest"])
    except (DatasetMissing, DatasetCorrupt):
        pass
    split_digest = split_digest_of([users.array, items.array], [parts[name] for name in _names(parts)])
    arrays = {}
    for name in _names(parts):
        arrays[f"{name}_indptr"] = parts[name].indptr.astype(np.int64, copy=False)
        arrays[f"{name}_indices"] = parts[name].indices.astype(np.int32, copy=False)
    with cache.written(artifacts, key) as folder:
        safetensors.numpy.save_file(arrays, folder / "interactions.safetensors")
        columns = {"users": users.array, "items": items.array, "titles": pa.array(titles, pa.string())}
        _write_columns(folder / IDS, columns)
        names = list(FILES)
        if tags.names:
            names.append(TAGS)
            write_tags(folder / TAGS, tags)
        if times is not None:
            names.append(TIMES)
            safetensors.numpy.save_file(dict(times), folder / TIMES)
        if cold is not None:
            names.append(COLD)
            write_cold(folder / COLD, cold)
        described = {
            "digest": digest,
            "split_digest": split_digest,
            "users": len(users),
            "items": len(items),
            "rule": rule,
            "statistics": statistics,
        }
        write_manifest(folder, names, described)
    return split_digest


def load(artifacts: Path, key: str) -> Dataset:
    """Raises DatasetMissing when there is none under `key`, DatasetCorrupt when a file differs from the manifest."""
    with cache.opened(artifacts, checked_key(key)) as folder:
        manifest = proven_manifest(folder, key)
        arrays = safetensors.numpy.load_file(folder / "interactions.safetensors")
        shape, files = (manifest["users"], manifest["items"]), manifest["files"]
        names = (*PARTS, FOLD_IN) if f"{FOLD_IN}_indptr" in arrays else PARTS
        parts = {name: _matrix(arrays[f"{name}_indptr"], arrays[f"{name}_indices"], shape) for name in names}
        columns = _read_columns(folder / IDS)
        return Dataset(
            key=key,
            digest=manifest["digest"],
            split_digest=manifest["split_digest"],
            **parts,
            users=IdMap(columns["users"]),
            items=IdMap(columns["items"]),
            titles=columns["titles"].to_pylist(),
            tags=read_tags(folder / TAGS) if TAGS in files else Tags.none(manifest["items"]),
            statistics=manifest["statistics"],
            times=safetensors.numpy.load_file(folder / TIMES) if TIMES in files else None,
            cold=read_cold(folder / COLD, *shape) if COLD in files else None,
        )


def load_ids(artifacts: Path, key: str) -> tuple[IdMap, IdMap, str]:
    """Of users and of items, and the split digest; nothing else is read. Raises as `load` does."""
    with cache.opened(artifacts, checked_key(key), (MANIFEST, IDS)) as folder:
        manifest = proven_manifest(folder, key, only=IDS)
        columns = _read_columns(folder / IDS)
    return IdMap(columns["users"]), IdMap(columns["items"]), manifest["split_digest"]


def is_whole(artifacts: Path, key: str) -> bool:
    try:
        with cache.opened(artifacts, checked_key(key)) as folder:
            proven_manifest(folder, key)
    except (DatasetMissing, DatasetCorrupt):
        return False
    return True


def _matrix(indptr: np.ndarray, indices: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    matrix = csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape)
    matrix.has_sorted_indices = True
    return matrix


def _write_columns(path: Path, columns: dict[str, pa.Array]) -> None:
    """The columns have different lengths, so each is a record batch of its own, in this order."""
    schema = pa.schema([("value", pa.string())])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for values in columns.values():
            writer.write_batch(pa.record_batch([values], schema=schema))


def _read_columns(path: Path) -> dict[str, pa.Array]:
    with pa.OSFile(str(path), "rb") as source:
        reader = pa.ipc.open_file(source)
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    return dict(zip(("users", "items", "titles"), (batch.column("value") for batch in batches), strict=True))
