"""The import from first byte to canonical dataset, as a stream of events."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .. import dataset
from ..cold import Cold
from ..dataset import PARTS, Dataset, IdMap
from ..tags import Tags
from .gathering import Source, gather
from .interactions import COLD, NAMES
from .members import SourceFile
from .memory import give_back
from .merging import Pairs
from .reading import Chunk, filters_of
from .refusals import (
    cold_rows,
    lost_validation,
    refuse_bad_rows,
    refuse_lost_roles,
    refuse_too_small,
    refuse_wrong_files,
    unmet_titles,
)
from .rule import GivenSplit, ImportRule, RatioSplit, StrongSplit, TemporalSplit
from .split import cuts_of, drop_cold, k_core, left_behind, split_by_ratio, split_by_time
from .statistics import counted, has_times, span
from .tagging import collected, tags_of
from .tally import Problem, Progress, Tally
from .unpacking import Scratch, scratch_folder


@dataclass(frozen=True)
class Finished:
    artifacts: Path
    key: str
    split_digest: str
    statistics: dict[str, Any]

    @property
    def dataset(self) -> Dataset:
        """Read anew: an import holds no dataset in memory beside what it has written."""
        return dataset.load(self.artifacts, self.key)


@dataclass
class _Gathered:
    """Interactions and what is said of items, of one dataset."""

    pairs: Pairs
    described: _Described

    def add(self, source: Source, chunk: Chunk) -> None:
        if source.table.role == "items":
            self.described.add(chunk, source.has_spaced_tags)
        else:
            self.pairs.add(source.table.role, chunk.columns)

    def mark(self, role: str) -> int:
        if role == "items":
            self.described.begin()
        return self.pairs.mark(role)

    def back_to(self, role: str, mark: int) -> None:
        if role == "items":
            self.described.forget()
        self.pairs.back_to(role, mark)


@dataclass
class _Described:
    """What the items files say of the items, the last table first; of rows with the same id the last that says
    something."""

    titles: ChainMap[str, str] = field(default_factory=ChainMap)
    tags: ChainMap[str, list[str]] = field(default_factory=ChainMap)

    def begin(self) -> None:
        """A table, of which all can be forgotten until the next one."""
        self.titles, self.tags = self.titles.new_child(), self.tags.new_child()

    def forget(self) -> None:
        self.titles.maps[0].clear()
        self.tags.maps[0].clear()

    def add(self, chunk: Chunk, spaced: bool) -> None:
        ids = chunk.columns["item"].to_pylist()
        if "title" in chunk.columns:
            titles = chunk.columns["title"].to_pylist()
            self.titles.maps[0].update((an_id, title) for an_id, title in zip(ids, titles, strict=True) if title)
        if "tags" in chunk.columns:
            for an_id, text in zip(ids, chunk.columns["tags"].to_pylist(), strict=True):
                if tags := tags_of(text, spaced):
                    self.tags[an_id] = tags

    @property
    def ids(self) -> set[str]:
        return {*self.titles, *self.tags}

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
    refuse_wrong_files({file.role for file in files}, rule)
    tally, described = Tally(), _Described()
    with scratch_folder(artifacts) as folder:
        scratch = Scratch(folder, alive=alive)
        pairs = Pairs(scratch.new())
        taker = _Gathered(pairs, described)
        yield from gather(files, rule, lambda form: filters_of(rule, form), scratch, tally, taker)
        yield Progress("merging", tally.read, 0.8, tally.problems)
        refuse_bad_rows(tally, rule)
        refuse_lost_roles(tally, pairs)
        rows = pairs.total
        give_back()
        found, users, items = pairs.merged()
    duplicates = rows - len(found)
    give_back()

    yield Progress("splitting", tally.read, 0.85, tally.problems)
    names = NAMES if isinstance(rule.split, StrongSplit) else PARTS
    different = len(found)
    if rule.k_core:
        found = k_core(found, rule.k_core)
    outside_core = different - len(found)
    cuts = cuts_of(found.at, rule.split) if isinstance(rule.split, TemporalSplit) and found.at is not None else ()
    if isinstance(rule.split, RatioSplit):
        found = replace(found, part=split_by_ratio(found, rule.split))
    elif not isinstance(rule.split, GivenSplit):
        found = replace(found, part=split_by_time(found, rule.split, cuts))
    whole = found
    found, user_rows, item_rows = drop_cold(whole)
    are_given = isinstance(rule.split, GivenSplit)
    if are_given or isinstance(rule.split, TemporalSplit):
        for problem in cold_rows(whole, found, users, items, files, tally, are_given):
            yield problem
            yield Progress("splitting", tally.read, 0.9, tally.problems)
    if are_given:
        yield from lost_validation(tally, whole, found, files)
    refuse_too_small(found, user_rows, item_rows)
    del whole
    give_back()

    yield Progress("writing", tally.read, 0.95, tally.problems)
    item_ids = items.take(pa.array(item_rows))
    titles, tags, tags_left_out = described.of(item_ids.to_pylist())
    kept_cold = None
    cold = int(np.count_nonzero(found.part == COLD))
    if cold:
        pairs_left, more_users, more_items, left_at = left_behind(found, user_rows, item_rows)
        cold_items = items.take(pa.array(more_items))
        cold_titles, cold_tags, _ = described.of(cold_items.to_pylist())
        kept_cold = Cold(pairs_left, users.take(pa.array(more_users)), cold_items, cold_titles, cold_tags, left_at)
    of_items = next((file.display_name for file in files if file.role == "items"), files[0].display_name)
    yield from unmet_titles(pa.array(described.ids, pa.string()), items, of_items, tally)
    if tags_left_out:
        message = f"{len(tags.names) + tags_left_out} different tags; the {len(tags.names)} of the most items are kept"
        yield tally.warn("too_many_tags", of_items, message, "tags")
    statistics = counted(found, names, user_rows, item_rows) | {
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
    if rule.k_core:
        statistics["outside_core"] = outside_core
    parts = {name: found.of_part(number, user_rows, item_rows) for number, name in enumerate(names)}
    times = None
    if found.at is not None and has_times(found):
        statistics["times"] = span(found.at, tally.forms) | {"cuts_ms": list(cuts)}
        at, part = found.at, found.part
        del found  # the items are in the parts by now
        times = {name: at[part == number] for number, name in enumerate(names)}
        del at, part
    split_digest = dataset.save(
        artifacts,
        digest,
        parts,
        IdMap(users.take(pa.array(user_rows))),
        IdMap(item_ids),
        titles,
        tags,
        rule=rule.model_dump(mode="json", by_alias=True, exclude_none=True),
        statistics=statistics,
        times=times,
        cold=kept_cold,
    )
    yield Finished(artifacts, dataset.key_of(digest), split_digest, statistics)
