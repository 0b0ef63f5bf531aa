"""When files form no dataset, and what is said then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import BadDataset, InvalidRequest
from ..dataset import PARTS
from .cold import difference
from .header import Chosen
from .interactions import TEST, TRAIN, VALID, Interactions
from .members import SourceFile
from .merging import Pairs
from .rule import FeedRule, GivenSplit, ImportRule
from .tables import Table
from .tally import Problem, Tally
from .times import READ, Evidence

# Share of the rows of a role that `skipBadRows` may leave out; more than that is no few slips but the wrong format.
MOST_SKIPPED = 0.01
# Share of a part's rows lost to unknown users and items that is worth a warning.
WORTH_A_WARNING = 0.25


def refuse_wrong_files(roles: set[str], rule: ImportRule) -> None:
    """What can be said before files are opened: interactions may be an archive with the parts of a given split."""
    may_hold_parts = isinstance(rule.split, GivenSplit) and "interactions" in roles and roles.isdisjoint(PARTS)
    refuse_wrong_roles({"train", "test", *roles} - {"interactions"} if may_hold_parts else roles, rule)


def refuse_wrong_roles(roles: set[str], rule: ImportRule) -> None:
    if wrong := roles - {"interactions", "items", *PARTS}:
        raise InvalidRequest(
            f"the role of a file is interactions, {', '.join(PARTS)} or items, not {min(wrong)!r}", field="files.role"
        )
    if isinstance(rule, FeedRule):
        if not roles or not roles <= {"interactions", "items"}:
            listed = ", ".join(sorted(roles)) or "no file"
            message = f"a feed takes files of interactions and of items, not {listed}"
            raise BadDataset(message, code="missing_file", field="files")
        return
    needed, also = ({"train", "test"}, {"valid"}) if isinstance(rule.split, GivenSplit) else ({"interactions"}, set())
    if not needed <= roles or not roles <= needed | also | {"items"}:
        raise BadDataset(
            f"a split of kind {rule.split.kind} is made from {' and '.join(sorted(needed, reverse=True))}, "
            f"not from {', '.join(sorted(roles)) or 'no file'}",
            code="missing_file",
            field="files",
        )


def refuse_undescribed(table: Table, found: set[str]) -> None:
    if found & {"title", "tags"}:
        return
    raise BadDataset(
        f"{table.name}: no title and no tags column is recognised among {', '.join(filter(None, table.header.names))}; "
        "name one in the rule, columns.title or columns.tags",
        code="missing_column",
        field="rule.columns.title",
    )


def refuse_lists(table: Table, chosen: dict[str, Chosen]) -> None:
    for column in ("user", "item"):
        if column in chosen and chosen[column].position in table.lists:
            raise BadDataset(
                f"{table.name}: the column {table.header.names[chosen[column].position]!r} holds lists, and an id is "
                f"one value a row; write a row for each, or name another column in the rule, columns.{column}",
                code="missing_column",
                field=f"rule.columns.{column}",
            )


def refuse_unrated(table: Table, found: set[str], rule: ImportRule) -> None:
    if rule.min_rating is None or "rating" in found:
        return
    raise BadDataset(
        f"{table.name}: no rating column is recognised among {', '.join(filter(None, table.header.names))}; "
        "name it in the rule, columns.rating",
        code="missing_column",
        field="rule.columns.rating",
    )


def refuse_untimed(table: Table, found: set[str], rule: ImportRule) -> None:
    if not rule.needs_times or "timestamp" in found:
        return
    raise BadDataset(
        f"{table.name}: {rule.needs_times} needs times, and no column of them is recognised among "
        f"{', '.join(filter(None, table.header.names))}; name it in the rule, columns.timestamp",
        code="missing_column",
        field="rule.columns.timestamp",
    )


def no_times(column: str, evidence: Evidence) -> str:
    """Why a column that is called so is not read."""
    because = f"{evidence.first!r} is none" if evidence.first else "it holds none that is read"
    return f"the column {column!r} is not taken for times, for {because}: {READ}"


def refuse_no_times(table: Table, column: str, evidence: Evidence, rule: ImportRule) -> None:
    if rule.needs_times and not evidence.form:
        why = f"{table.name}: {rule.needs_times} needs times, but {no_times(column, evidence)}"
        raise BadDataset(why, code="no_times", field="rule.columns.timestamp")


def refuse_bad_rows(tally: Tally, rule: ImportRule) -> None:
    """Titles and tags refuse nothing: a title that cannot be read is one that is missing."""
    for role, counts in tally.counts.items():
        bad, read = counts["bad"], counts["read"]
        if bad == 0 or role == "items":
            continue
        of_role = f"{bad} of {read} rows of {role} cannot be read"
        if bad > MOST_SKIPPED * read:
            way = f"skipBadRows leaves out at most {MOST_SKIPPED:.0%} of the rows of each role"
            raise BadDataset(f"{of_role}; mend them: {way}", code="bad_rows")
        if not rule.skip_bad_rows:
            raise BadDataset(f"{of_role}; mend them or ask for skipBadRows", code="bad_rows")


def refuse_lost_roles(tally: Tally, pairs: Pairs) -> None:
    if pairs.total == 0:
        below = tally.total("below_threshold")
        outside = tally.total("outside_window")
        lost = [f"{below} rows are rated below minRating"] if below else []
        lost += [f"{outside} rows lie outside since and until"] if outside else []
        because = f": {' and '.join(lost)}" if lost else ""
        raise BadDataset(f"the files hold no interaction{because}", code="dataset_too_small")
    for role in ("train", "test"):
        counts = tally.counts.get(role)
        if counts and counts["read"] and pairs.rows(role) == 0:
            raise BadDataset(
                f"of {counts['read']} rows of {role} none is left: {counts['bad']} cannot be read, "
                f"{counts['below_threshold']} are rated below minRating"
                + (f", {counts['outside_window']} lie outside since and until" if counts["outside_window"] else ""),
                code="dataset_too_small",
            )


def lost_validation(
    tally: Tally, before: Interactions, after: Interactions, files: list[SourceFile]
) -> Iterator[Problem]:
    """A warning where a part `valid` was given and none of it is left, `before` or `after` cold rows have gone."""
    counts = tally.counts.get("valid")
    if counts is None or (after.part == VALID).any():
        return
    because = [
        f"{count} {what}"
        for what, count in (
            ("cannot be read", counts["bad"]),
            ("are rated below minRating", counts["below_threshold"]),
            ("lie outside since and until", counts["outside_window"]),
            ("find nothing in train", int(np.count_nonzero(before.part == VALID))),
        )
        if count
    ] or ["what it holds stands in train"]
    message = f"of {counts['read']} rows of valid none is left: {', '.join(because)}; nothing is measured on it"
    yield tally.warn("lost_valid", _file_of("valid", files), message)


def cold_rows(
    before: Interactions,
    after: Interactions,
    users: pa.StringArray,
    items: pa.StringArray,
    files: list[SourceFile],
    tally: Tally,
    are_given: bool,
) -> Iterator[Problem]:
    """A warning where much of test finds nobody in train. Raises BadDataset where all of it does, or where most of
    parts that are given only because the same ids are spelt otherwise."""
    given, left = (int(np.count_nonzero(one.part == TEST)) for one in (before, after))
    if given == 0 or given - left < WORTH_A_WARNING * given:
        return
    test, train = before.part == TEST, before.part == TRAIN
    reasons = []
    axes: tuple[tuple[str, pa.StringArray, np.ndarray, np.ndarray], ...] = (
        ("users", users, before.of_users(test), before.of_users(train)),
        ("items", items, before.of_items(test), before.of_items(train)),
    )
    for what, ids, in_test, in_train in axes:
        unknown = np.flatnonzero((in_test > 0) & (in_train == 0))
        if not len(unknown):
            continue
        reasons.append(f"{len(unknown)} {what} of test are not in train")
        found = difference(ids, unknown, np.flatnonzero(in_train > 0)) if are_given else None
        if found and (left == 0 or len(unknown) > (in_test > 0).sum() / 2):
            by, here, there = found
            raise BadDataset(
                f"{given - left} of {given} rows of test find nothing in train: the ids of {what} differ only by "
                f"{by} ({here!r} in test, {there!r} in train); write them alike in both files",
                code="dataset_too_small",
            )
    message = f"{given - left} of {given} rows of test are left out: {' and '.join(reasons)}"
    if left == 0:
        raise BadDataset(f"{message}; nothing is left to test on", code="dataset_too_small")
    yield tally.warn("cold_test", _file_of("test", files), message)


def _file_of(part: str, files: list[SourceFile]) -> str:
    """The name of the file that holds the part: its own, or that of all interactions."""
    named = {file.role: file.display_name for file in reversed(files)}
    return named.get(part) or named.get("interactions") or files[0].display_name


def unmet_titles(described: pa.StringArray, items: pa.StringArray, name: str, tally: Tally) -> Iterator[Problem]:
    """A warning where none of the items that titles and tags are of is one of the interactions, or most of these have
    none only because the same ids are spelt otherwise. `described`: ids of the one; `name`: of the file."""
    known = np.asarray(pc.is_in(items, value_set=described))
    if not len(described) or 2 * np.count_nonzero(known) > len(items):
        return
    every = pa.concat_arrays([items, described])
    found = difference(every, np.flatnonzero(~known), np.arange(len(items), len(every)))
    message = f"{np.count_nonzero(known)} of {len(items)} items of the interactions have a title or tags here"
    if found:
        by, here, there = found
        spelt = f"{there!r} here, {here!r} in the interactions"
        message += f": the ids differ only by {by} ({spelt}); write them alike in both files"
    if found or not known.any():
        yield tally.warn("unmet_titles", name, message)


def refuse_too_small(found: Interactions, users: np.ndarray, items: np.ndarray) -> None:
    test = int(np.count_nonzero(found.part == TEST))
    if len(users) < 2 or len(items) < 2 or test == 0:
        raise BadDataset(
            f"{len(users)} users, {len(items)} items and {test} test interactions are left; "
            "at least 2, 2 and 1 are needed",
            code="dataset_too_small",
        )
