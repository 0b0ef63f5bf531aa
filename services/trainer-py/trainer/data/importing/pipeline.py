"""The import from first byte to canonical dataset, as a stream of events."""

from __future__ import annotations

import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from ...errors import BadDataset
from ...storage.durable import TEMPORARY
from .. import dataset
from ..cold import Cold
from ..dataset import PARTS, Dataset, IdMap
from ..tags import Tags
from .choosing import chosen_of, is_dispensable, misnamed, warnings_of
from .header import Chosen
from .matrices import Pairs
from .members import SourceFile
from .reading import Chunk, Filters, chunks_of, filters_of, times_of
from .refusals import (
    cold_rows,
    lost_validation,
    no_times,
    refuse_bad_rows,
    refuse_lost_roles,
    refuse_no_times,
    refuse_too_small,
    refuse_wrong_roles,
)
from .rule import GivenSplit, ImportRule, RatioSplit, TemporalSplit
from .salvage import read_through
from .split import cuts_of, drop_cold, k_core, left_behind, split_by_ratio, split_by_time, without
from .statistics import counted, span, times_of_pairs, times_of_parts
from .tables import Table, tables_of
from .tagging import collected, tags_of
from .tally import Problem, Progress, Tally, left_out_message, merged_tables
from .unpacking import Scratch


@dataclass(frozen=True)
class Finished:
    dataset: Dataset
    statistics: dict[str, Any]


@dataclass
class _Described:
    """What the items files say of the items; of rows with the same id the last that says something."""

    titles: dict[str, str] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)

    def add(self, chunk: Chunk, spaced: bool) -> None:
        ids = chunk.columns["item"].to_pylist()
        if "title" in chunk.columns:
            titles = chunk.columns["title"].to_pylist()
            self.titles.update((an_id, title) for an_id, title in zip(ids, titles, strict=True) if title)
        if "tags" in chunk.columns:
            for an_id, text in zip(ids, chunk.columns["tags"].to_pylist(), strict=True):
                if tags := tags_of(text, spaced):
                    self.tags[an_id] = tags

    def of(self, ids: list[str]) -> tuple[list[str], Tags, int]:
        """Titles and tags of the items in this order, and how many tags were left out."""
        return [self.titles.get(an_id, "") for an_id in ids], *collected(self.tags.get(an_id, []) for an_id in ids)


def import_dataset(
    files: list[SourceFile],
    rule: ImportRule,
    artifacts: Path,
    digest: str,
    alive: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[Progress | Problem | Finished]:
    """Ends with Finished, or raises BadDataset after the problems found. Repeating it is safe. `alive` is called while
    files are unpacked or copied, between events, with the progress told last."""
    told = [Progress("unpacking", 0, 0.0)]
    for event in _events(files, rule, artifacts, digest, lambda: alive(told[-1])):
        if isinstance(event, Progress):
            told[:] = [event]
        yield event


def _events(
    files: list[SourceFile], rule: ImportRule, artifacts: Path, digest: str, alive: Callable[[], None]
) -> Iterator[Progress | Problem | Finished]:
    refuse_wrong_roles({file.role for file in files}, rule)
    tally, pairs, described = Tally(), Pairs(), _Described()
    with _scratch(artifacts) as folder:
        yield from _read(files, rule, Scratch(folder, alive=alive), tally, pairs, described)
    yield Progress("merging", tally.read, 0.8, tally.problems)
    refuse_bad_rows(tally, rule)
    refuse_lost_roles(tally, pairs)
    rows = pairs.total
    matrices, times, users, items = pairs.matrices()
    kept_rows = sum(part.nnz for part in matrices.values())
    duplicates = rows - kept_rows

    yield Progress("splitting", tally.read, 0.85, tally.problems)
    cuts: tuple[int, ...] = ()
    if not isinstance(rule.split, GivenSplit):
        whole = matrices.pop("interactions")
        filtered = k_core(whole, rule.k_core) if rule.k_core else whole
        if isinstance(rule.split, RatioSplit):
            parts = split_by_ratio(filtered, rule.split)
        else:
            filtered.sort_indices()
            at = times["interactions"].of(filtered)
            cuts = cuts_of(at, rule.split) if isinstance(rule.split, TemporalSplit) and len(at) else ()
            parts = split_by_time(filtered, at, rule.split)
    else:
        empty = csr_matrix(next(iter(matrices.values())).shape, dtype=np.float32)
        train, valid, test = (matrices.pop(name, empty) for name in PARTS)
        parts = {"train": train, "valid": without(valid, train), "test": without(test, train, valid)}
        duplicates += kept_rows - sum(part.nnz for part in parts.values())
    whole_parts = parts
    parts, user_rows, item_rows, cold = drop_cold(parts)
    are_given = isinstance(rule.split, GivenSplit)
    if are_given or isinstance(rule.split, TemporalSplit):
        for problem in cold_rows(whole_parts, parts, users, items, files, tally, are_given):
            yield problem
            yield Progress("splitting", tally.read, 0.9, tally.problems)
    if are_given:
        yield from lost_validation(tally, whole_parts["valid"], parts["valid"], files)
    refuse_too_small(parts)

    yield Progress("writing", tally.read, 0.95, tally.problems)
    item_ids = items.take(pa.array(item_rows))
    titles, tags, tags_left_out = described.of(item_ids.to_pylist())
    kept_cold = None
    if cold:
        pairs_left, more_users, more_items = left_behind(whole_parts, user_rows, item_rows)
        both = ((user_rows, more_users), (item_rows, more_items))
        left_at = times_of_pairs(pairs_left, times, *map(np.concatenate, both))
        cold_items = items.take(pa.array(more_items))
        cold_titles, cold_tags, _ = described.of(cold_items.to_pylist())
        kept_cold = Cold(pairs_left, users.take(pa.array(more_users)), cold_items, cold_titles, cold_tags, left_at)
    if tags_left_out:
        message = f"{len(tags.names) + tags_left_out} different tags; the {len(tags.names)} of the most items are kept"
        name = next((file.display_name for file in files if file.role == "items"), files[0].display_name)
        yield tally.warn("too_many_tags", name, message, "tags")
    at_of = times_of_parts(parts, times, user_rows, item_rows)
    statistics = counted(parts) | {
        "duplicates_merged": duplicates,
        "rows_skipped": tally.total("bad"),
        "below_threshold": tally.total("below_threshold"),
        "outside_window": tally.total("outside_window"),
        "cold_dropped": cold,
        "titled_items": sum(1 for title in titles if title),
        "tagged_items": int(np.count_nonzero(np.diff(tags.indptr))),
        "tags": len(tags.names),
        "problems_total": tally.problems,
    }
    if at_of is not None:
        cold_at = {} if kept_cold is None else {"cold": kept_cold.at}
        statistics["times"] = span(at_of | cold_at, tally.forms) | {"cuts_ms": list(cuts)}
    written = dataset.save(
        artifacts,
        digest,
        parts,
        IdMap(users.take(pa.array(user_rows))),
        IdMap(item_ids),
        titles,
        tags,
        rule=rule.model_dump(mode="json", by_alias=True, exclude_none=True),
        statistics=statistics,
        times=at_of,
        cold=kept_cold,
    )
    yield Finished(written, statistics)


@contextmanager
def _scratch(artifacts: Path) -> Iterator[Path]:
    """Swept when the trainer starts, should this process be killed."""
    folder = artifacts / f"{TEMPORARY}import-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(
    files: list[SourceFile], rule: ImportRule, scratch: Scratch, tally: Tally, pairs: Pairs, described: _Described
) -> Iterator[Progress | Problem]:
    tables: list[tuple[Table, int]] = []
    taken: list[Table] = []
    for file in files:
        opened = list(tables_of(file, rule.columns, scratch))
        tables += [(table, table.path.stat().st_size) for table in opened]
        yield Progress("parsing", 0, 0.05)
    yield from [tally.warn("left_out", name, left_out_message(names)) for name, names in scratch.left_out.items()]
    # Items come last: what the interactions call theirs settles which column of theirs is meant.
    tables.sort(key=lambda one: (one[0].role == "items", one[0].role, one[0].name))
    try:
        refuse_wrong_roles({table.role for table, _ in tables}, rule)
    except BadDataset as error:
        if not any(table.is_member for table, _ in tables):
            raise
        way_out = f"{error.message}; unpack the archive and upload each of its files as what it is"
        raise BadDataset(way_out, code=error.code, field=error.field) from None
    for unknown in misnamed(rule, [table.name for table, _ in tables]):
        raise unknown
    total, done = sum(size for _, size in tables) or 1, 0
    item_columns: list[str] = []
    for table, size in tables:
        chosen, wrong = chosen_of(table, rule, item_columns)
        if wrong:
            if not is_dispensable(table, rule):
                raise wrong[0]
            yield tally.warn("left_out", table.name, wrong[0].message)
            continue
        taken.append(table)
        if table.role != "items" and table.header.is_named:
            item_columns.append(table.header.names[chosen["item"].position])
        yield from (tally.warn(code, table.name, message) for code, message in warnings_of(table))
        filters = yield from _filters(table, chosen, rule, tally)
        for told in _taken(table, chosen, filters, scratch, tally, pairs, described):
            yield (
                told
                if told is not None
                else Progress("parsing", tally.read, 0.05 + 0.75 * done / total, tally.problems)
            )
        trimmed = tally.counts.get(table.role, Counter()).pop("trimmed", 0)
        if trimmed:
            yield tally.warn("blanks", table.name, f"blanks around {trimmed} ids are left out")
        done += size
    yield from [tally.warn("merged", name, message) for name, message in merged_tables(taken)]


def _filters(
    table: Table, chosen: dict[str, Chosen], rule: ImportRule, tally: Tally
) -> Generator[Problem, None, Filters]:
    """Those of the rule, once it is known what the times of the table are written as."""
    if table.role == "items" or "timestamp" not in chosen:
        return filters_of(rule, form="")
    evidence, column = times_of(table, chosen["timestamp"]), table.header.names[chosen["timestamp"].position]
    refuse_no_times(table, column, evidence, rule)
    if not evidence.form and evidence.counts:
        yield tally.warn("no_times", table.name, no_times(column, evidence), column)
    tally.forms |= {evidence.form} - {""}
    return filters_of(rule, evidence.form)


def _taken(
    table: Table,
    chosen: dict[str, Chosen],
    filters: Filters,
    scratch: Scratch,
    tally: Tally,
    pairs: Pairs,
    described: _Described,
) -> Iterator[Problem | None]:
    """The rows of a table go where they belong; None a chunk."""
    spaced = "tags" in chosen and chosen["tags"].position in table.header.sequences
    role = table.role
    noted, added = tally.mark(role), pairs.mark(role)

    def forget() -> None:
        tally.back_to(role, (Counter(noted[0]), noted[1]))
        pairs.back_to(role, added)

    for now, chunk in read_through(table, scratch, lambda one: chunks_of(one, chosen, filters), forget):
        yield from tally.note(now, chunk)
        if role == "items":
            described.add(chunk, spaced)
        else:
            pairs.add(role, chunk.columns)
        yield None
