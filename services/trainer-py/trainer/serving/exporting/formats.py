"""Lists of users as lines of JSON, as CSV and as Parquet. Arrow makes the columns; nothing is done item by item."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from ...data.dataset import Dataset
from ..explanation import MOST_BECAUSE
from ..lists import Lists

# A spreadsheet takes a cell that begins so for a formula, which may call out; some know the wide forms, too.
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"


@dataclass(frozen=True)
class Names:
    """Of the dataset: users [U + V], items [N], titles [N], null where unknown.

    interests: K of the model where the lists are explained (0: it has none), else None; linear: whether they are and it
    has a linear path.
    """

    users: pa.StringArray
    items: pa.StringArray
    titles: pa.StringArray
    interests: int | None
    linear: bool = False

    @staticmethod
    def of(data: Dataset, interests: int | None, linear: bool) -> Names:
        titles = pa.array([title or None for title in data.titles], pa.string())
        return Names(data.user_ids(), data.items.array, titles, interests, linear)


def write_ndjson(path: Path, lists: Iterable[Lists], names: Names) -> int:
    """One line a user: {user, items: [{id, title?, score, interestShares?, linearShare?, because?}]}; how many."""
    ids = _as_json(names.items)
    heads = pc.binary_join_element_wise('{"id":', ids, "")
    titled = pc.binary_join_element_wise(heads, ',"title":', _as_json(names.titles), "")  # null where there is none
    heads = pc.coalesce(titled, heads)
    rows = 0
    with path.open("wb") as file:
        for some in lists:
            pieces = [heads.take(some.columns), ',"score":', _as_text(some.scores)]
            if some.shares is not None:
                shares = _shares(_as_text(some.shares), some.shares.shape[1])
                pieces += [',"interestShares":[', pc.binary_join(shares, ","), "]"]
            if some.linear is not None:
                pieces += [',"linearShare":', _as_text(some.linear)]
            if some.because is not None:
                pieces += [',"because":[', pc.binary_join(_because(some.because, ids), ","), "]"]
            items = pc.binary_join(_lists(some.counts, pc.binary_join_element_wise(*pieces, "}", "")), ",")
            users = _as_json(names.users.take(some.rows))
            lines = pc.binary_join_element_wise('{"user":', users, ',"items":[', items, "]}\n", "")
            file.write(_bytes_of(lines))
            rows += len(lines)
    return rows


def write_csv(path: Path, lists: Iterable[Lists], names: Names) -> int:
    """A header, then a row a recommendation, as RFC 4180 with line feeds; how many rows.

    Text is quoted always. Ids are the caller's own, to the letter; a title that a spreadsheet would take for a formula
    gets an apostrophe in front.
    """
    is_formula = pc.match_substring_regex(names.titles, _FORMULA)
    titles = pc.if_else(is_formula, pc.binary_join_element_wise("'", names.titles, ""), names.titles)
    types = {"user": pa.string(), "rank": pa.int32(), "item": pa.string(), "title": pa.string(), "score": pa.float32()}
    types |= {f"interest_{k}": pa.float32() for k in range(names.interests or 0)}
    types |= {"linear_share": pa.float32()} if names.linear else {}
    types |= {f"because_{place}": pa.string() for place in range(0 if names.interests is None else MOST_BECAUSE)}
    schema = pa.schema(list(types.items()))
    rows = 0
    with pa.OSFile(str(path), "wb") as file, pa.csv.CSVWriter(file, schema) as writer:
        for some in lists:
            columns = _flat(some, names) | {"title": titles.take(some.columns)}
            if some.shares is not None:
                columns |= {f"interest_{k}": _numbers(of) for k, of in enumerate(some.shares.T)}
            if some.linear is not None:
                columns["linear_share"] = _numbers(some.linear)
            if some.because is not None:
                for place, of in enumerate(some.because.T):
                    columns[f"because_{place}"] = names.items.take(pa.array(of, mask=of < 0))
            writer.write_table(pa.table(columns, schema))
            rows += len(some.columns)
    return rows


def write_parquet(path: Path, lists: Iterable[Lists], names: Names) -> int:
    """A row a recommendation, a row group a part; how many rows."""
    fields = [("user", pa.string()), ("rank", pa.int32()), ("item", pa.string()), ("title", pa.string())]
    fields.append(("score", pa.float32()))
    if names.interests:
        fields.append(("interest_shares", pa.list_(pa.float32())))
    if names.linear:
        fields.append(("linear_share", pa.float32()))
    if names.interests is not None:
        fields.append(("because", pa.list_(pa.string())))
    schema = pa.schema(fields)
    rows = 0
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for some in lists:
            columns = _flat(some, names)
            if some.shares is not None:
                columns["interest_shares"] = _shares(_numbers(some.shares), some.shares.shape[1])
            if some.linear is not None:
                columns["linear_share"] = _numbers(some.linear)
            if some.because is not None:
                columns["because"] = _because(some.because, names.items)
            writer.write_table(pa.table(columns, schema), row_group_size=max(1, len(some.columns)))
            rows += len(some.columns)
    return rows


FORMATS: dict[str, Callable[[Path, Iterable[Lists], Names], int]] = {
    "ndjson": write_ndjson,
    "csv": write_csv,
    "parquet": write_parquet,
}


def _flat(some: Lists, names: Names) -> dict[str, object]:
    """What every recommendation has, a row each."""
    first = np.cumsum(some.counts) - some.counts
    return {
        "user": names.users.take(np.repeat(some.rows, some.counts)),
        "rank": np.arange(1, len(some.columns) + 1, dtype=np.int32) - np.repeat(first, some.counts).astype(np.int32),
        "item": names.items.take(some.columns),
        "title": names.titles.take(some.columns),
        "score": some.scores,
    }


def _lists(counts: np.ndarray, values: pa.Array) -> pa.ListArray:
    """`values` cut into lists of these lengths."""
    return pa.ListArray.from_arrays(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32), values)


def _shares(values: pa.Array, interests: int) -> pa.ListArray:
    return _lists(np.full(len(values) // interests, interests), values)


def _because(because: np.ndarray, ids: pa.Array) -> pa.ListArray:
    """Those of `ids` [N] that stand in each row of `because` [n, 3]; -1 stands for nothing."""
    return _lists((because >= 0).sum(axis=1), ids.take(because[because >= 0]))


def _numbers(values: np.ndarray) -> pa.FloatArray:
    return pa.array(values.ravel(), pa.float32())


def _as_text(values: np.ndarray) -> pa.StringArray:
    """As few digits as name the number."""
    return _numbers(values).cast(pa.string())


def _as_json(texts: pa.StringArray) -> pa.StringArray:
    found = (None if text is None else json.dumps(text, ensure_ascii=False) for text in texts.to_pylist())
    return pa.array(found, pa.string())


def _bytes_of(texts: pa.StringArray) -> memoryview:
    """All of them, one after the other; they are no slice of others."""
    return memoryview(texts.buffers()[2] or b"")
