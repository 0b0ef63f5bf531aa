"""The import from first byte to canonical dataset, as a stream of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from .. import dataset
from ..dataset import PARTS, Dataset, IdMap
from ..errors import BadDataset, InvalidRequest
from .reading import Chunk, SourceFile, interactions_of, titles_of
from .rule import ImportRule, RatioSplit
from .split import drop_cold, k_core, split_by_ratio, without

MOST_PROBLEMS = 100
# Share of rows that `skipBadRows` may leave out; more than that is not a few slips but the wrong format.
MOST_SKIPPED = 0.01


@dataclass(frozen=True)
class Progress:
    stage: str
    rows_read: int
    fraction: float


@dataclass(frozen=True)
class Problem:
    code: str
    file: str
    line: int
    column: str
    message: str


@dataclass(frozen=True)
class Finished:
    dataset: Dataset
    statistics: dict[str, Any]


@dataclass
class _Tally:
    counts: Counter[str] = field(default_factory=Counter)
    shown: int = 0

    def note(self, file: SourceFile, chunk: Chunk) -> Iterator[Problem]:
        self.counts["read"] += chunk.read
        self.counts["bad"] += len(chunk.bad)
        self.counts["below_threshold"] += chunk.below_threshold
        for row in chunk.bad[: MOST_PROBLEMS - self.shown]:
            self.shown += 1
            yield Problem(row.code, file.display_name, row.line, row.column, row.message)


def import_dataset(
    files: list[SourceFile], rule: ImportRule, artifacts: Path, digest: str
) -> Iterator[Progress | Problem | Finished]:
    """Ends with Finished, or raises BadDataset after the problems found. Repeating it is safe."""
    _refuse_wrong_roles({file.role for file in files}, rule)
    tally = _Tally()
    total_bytes = sum(file.path.stat().st_size for file in files) or 1
    done_bytes = 0
    pairs: dict[str, list[dict[str, pa.Array]]] = {}
    titles: dict[str, str] = {}
    for file in sorted(files, key=lambda file: (file.role == "items", file.role, file.display_name)):
        chunks = (
            titles_of(file, rule.columns)
            if file.role == "items"
            else interactions_of(file, rule.columns, rule.min_rating)
        )
        if file.role != "items":
            pairs.setdefault(file.role, [])
        for chunk in chunks:
            yield from tally.note(file, chunk)
            if file.role == "items":
                titles.update(zip(chunk.columns["item"].to_pylist(), chunk.columns["title"].to_pylist(), strict=True))
            else:
                pairs[file.role].append(chunk.columns)
            yield Progress("parsing", tally.counts["read"], 0.8 * done_bytes / total_bytes)
        done_bytes += file.path.stat().st_size
    _refuse_bad_rows(tally, rule)
    if not any(len(columns["user"]) for chunks in pairs.values() for columns in chunks):
        raise BadDataset("the files hold no interaction", code="dataset_too_small")

    yield Progress("merging", tally.counts["read"], 0.8)
    parts, users, items = _matrices(pairs)
    kept_rows = sum(part.nnz for part in parts.values())
    for part in parts.values():
        part.data[:] = 1
    duplicates = sum(len(c["user"]) for chunks in pairs.values() for c in chunks) - kept_rows

    yield Progress("splitting", tally.counts["read"], 0.85)
    if isinstance(rule.split, RatioSplit):
        whole = parts["interactions"]
        filtered = k_core(whole, rule.k_core) if rule.k_core else whole
        parts = split_by_ratio(filtered, rule.split)
    else:
        empty = csr_matrix(next(iter(parts.values())).shape, dtype=np.float32)
        train, valid, test = (parts.get(name, empty) for name in PARTS)
        parts = {"train": train, "valid": without(valid, train), "test": without(test, train, valid)}
        duplicates += kept_rows - sum(part.nnz for part in parts.values())
    parts, user_rows, item_rows, cold = drop_cold(parts)
    _refuse_too_small(parts)

    yield Progress("writing", tally.counts["read"], 0.95)
    item_ids = items.take(pa.array(item_rows))
    titled = [titles.get(an_id, "") for an_id in item_ids.to_pylist()]
    statistics = _statistics(parts) | {
        "duplicates_merged": duplicates,
        "rows_skipped": tally.counts["bad"],
        "below_threshold": tally.counts["below_threshold"],
        "cold_dropped": cold,
        "titled_items": sum(1 for title in titled if title),
        "problems_total": tally.counts["bad"],
    }
    written = dataset.save(
        artifacts,
        digest,
        parts,
        IdMap(users.take(pa.array(user_rows))),
        IdMap(item_ids),
        titled,
        rule=rule.model_dump(mode="json", by_alias=True),
        statistics=statistics,
    )
    yield Finished(written, statistics)


def _matrices(pairs: dict[str, list[dict[str, pa.Array]]]) -> tuple[dict[str, csr_matrix], pa.Array, pa.Array]:
    """One matrix a role over shared ids; ids sorted by their UTF-8 bytes, so that row order does not matter."""
    codes, ids = {}, {}
    for column in ("user", "item"):
        values = pa.chunked_array([chunk[column] for chunks in pairs.values() for chunk in chunks], pa.string())
        encoded = values.combine_chunks().dictionary_encode()
        order = pc.sort_indices(encoded.dictionary)
        position = np.empty(len(order), np.int64)
        position[order.to_numpy()] = np.arange(len(order))
        codes[column] = position[encoded.indices.to_numpy(zero_copy_only=False)]
        ids[column] = encoded.dictionary.take(order)
    matrices, start = {}, 0
    shape = (len(ids["user"]), len(ids["item"]))
    for role, chunks in pairs.items():
        rows = slice(start, start := start + sum(len(chunk["user"]) for chunk in chunks))
        ones = np.ones(rows.stop - rows.start, np.float32)
        matrices[role] = csr_matrix((ones, (codes["user"][rows], codes["item"][rows])), shape)
        matrices[role].sum_duplicates()
    return matrices, ids["user"], ids["item"]


def _refuse_wrong_roles(roles: set[str], rule: ImportRule) -> None:
    if wrong := roles - {"interactions", "items", *PARTS}:
        raise InvalidRequest(
            f"the role of a file is interactions, {', '.join(PARTS)} or items, not {min(wrong)!r}", field="files.role"
        )
    needed, also = ({"interactions"}, set()) if isinstance(rule.split, RatioSplit) else ({"train", "test"}, {"valid"})
    if not needed <= roles or not roles <= needed | also | {"items"}:
        raise BadDataset(
            f"a split of kind {rule.split.kind} is made from {' and '.join(sorted(needed, reverse=True))}, "
            f"not from {', '.join(sorted(roles)) or 'no file'}",
            code="missing_file",
            field="files",
        )


def _refuse_bad_rows(tally: _Tally, rule: ImportRule) -> None:
    bad, read = tally.counts["bad"], tally.counts["read"]
    if bad == 0:
        return
    if not rule.skip_bad_rows:
        raise BadDataset(f"{bad} of {read} rows cannot be read; mend them or ask for skipBadRows", code="bad_rows")
    if bad > MOST_SKIPPED * read:
        raise BadDataset(
            f"{bad} of {read} rows cannot be read; skipBadRows leaves out at most {MOST_SKIPPED:.0%}", code="bad_rows"
        )


def _refuse_too_small(parts: dict[str, csr_matrix]) -> None:
    users, items = parts["train"].shape
    if users < 2 or items < 2 or parts["test"].nnz == 0:
        raise BadDataset(
            f"{users} users, {items} items and {parts['test'].nnz} test interactions are left; "
            "at least 2, 2 and 1 are needed",
            code="dataset_too_small",
        )


def _statistics(parts: dict[str, csr_matrix]) -> dict[str, Any]:
    whole = sum(parts.values())
    users, items = whole.shape
    return {
        "users": users,
        "items": items,
        "interactions": whole.nnz,
        **{name: part.nnz for name, part in parts.items()},
        "density": whole.nnz / (users * items),
        "user_degrees": _histogram(np.diff(whole.indptr)),
        "item_degrees": _histogram(np.bincount(whole.indices, minlength=items)),
    }


def _histogram(degrees: np.ndarray) -> list[dict[str, int]]:
    """Bins 1, 2-3, 4-7, 8-15, ... up to the largest degree."""
    bins = np.bincount(np.log2(np.maximum(degrees, 1)).astype(int))
    return [{"low": 1 << b, "high": (2 << b) - 1, "count": int(count)} for b, count in enumerate(bins)]
