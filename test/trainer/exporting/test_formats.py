"""The three formats hold the same lists, whatever ids and titles hold."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from trainer.serving.exporting.formats import FORMATS, Names, write_csv, write_ndjson, write_parquet
from trainer.serving.lists import Lists

USERS = ["plain", 'say "hi"; a,b\\', "Zoë 🦊", "=1+1", "empty", "7"]
ITEMS = ["a|b", 'q"q', "c,d", "-5", "本/\u202e<img>", "007"]
TITLES = ['Comma, and "quotes"', "", "two\nlines\r\n", '=HYPERLINK("x")', "＋wide", "\u2028\\"]
LINEAR = np.array([0.25, 0, 1, 0.1, 1e-7, 0.5], np.float32)
SCORES = np.array([0.1, -3.25, 1e-10, 1e20, 16777216, 5], np.float32)


def names(interests: int | None, linear: bool = False) -> Names:
    titles = pa.array([title or None for title in TITLES], pa.string())
    return Names(pa.array(USERS), pa.array(ITEMS), titles, interests, linear)


def lists_of(interests: int | None, linear: bool = False) -> list[Lists]:
    """Two parts: user 3 with items 5, 0, 1; user 4 with none; then user 1 with items 2, 3, 4."""
    shares = None if not interests else np.linspace(0, 1, 6 * interests, dtype=np.float32).reshape(6, interests)
    because = None if interests is None else np.array([[4, 1, 0], [5, -1, -1], [-1] * 3] * 2, np.int32)
    parts = [([3, 4], [3, 0], [5, 0, 1], slice(0, 3)), ([1], [3], [2, 3, 4], slice(3, 6))]
    return [
        Lists(
            np.array(rows),
            np.array(counts),
            np.array(columns, np.int32),
            SCORES[some],
            None if shares is None else shares[some],
            None if because is None else because[some],
            LINEAR[some] if linear else None,
        )
        for rows, counts, columns, some in parts
    ]


def expected(interests: int | None, linear: bool = False) -> list[tuple[str, list[dict[str, Any]]]]:
    """What stands in the file: user, then items as JSON has them."""
    found = []
    for some in lists_of(interests, linear):
        ends = np.cumsum(some.counts)
        for row, start, end in zip(some.rows, ends - some.counts, ends, strict=True):
            items: list[dict[str, Any]] = []
            for place in range(start, end):
                column = some.columns[place]
                item: dict[str, Any] = {"id": ITEMS[column], "title": TITLES[column], "score": some.scores[place]}
                if some.shares is not None:
                    item["interestShares"] = some.shares[place].tolist()
                if some.linear is not None:
                    item["linearShare"] = some.linear[place]
                if some.because is not None:
                    item["because"] = [ITEMS[reason] for reason in some.because[place] if reason >= 0]
                items.append({name: value for name, value in item.items() if name != "title" or value})
            found.append((USERS[row], items))
    return found


EXPLAINED = pytest.mark.parametrize(
    ("interests", "linear"),
    [(None, False), (0, False), (1, False), (3, False), (3, True), (0, True)],
    ids=["plain", "no interests", "one", "three", "three beside a linear path", "a linear path alone"],
)


@EXPLAINED
def test_lines_of_json(tmp_path: Path, interests: int | None, linear: bool) -> None:
    path = tmp_path / "data"
    assert write_ndjson(path, lists_of(interests, linear), names(interests, linear)) == 3
    text = path.read_bytes().decode()
    lines = [json.loads(line) for line in text.split("\n")[:-1]]
    assert text.endswith("]}\n")
    as_float32 = lambda items: [  # noqa: E731
        item
        | {name: np.float32(item[name]) for name in ("score", "linearShare") if name in item}
        | _shares(item, "interestShares")
        for item in items
    ]
    assert [(line.pop("user"), as_float32(line.pop("items"))) for line in lines] == expected(interests, linear)
    assert lines == [{}] * 3
    assert '"score":0.1,' in text or '"score":0.1}' in text  # as few digits as name the number


@EXPLAINED
def test_rows_of_csv(tmp_path: Path, interests: int | None, linear: bool) -> None:
    path = tmp_path / "data"
    assert write_csv(path, lists_of(interests, linear), names(interests, linear)) == 6
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file, strict=True))
    shares = [*(f"interest_{k}" for k in range(interests or 0)), *(["linear_share"] if linear else [])]
    reasons = [] if interests is None else [f"because_{place}" for place in range(3)]
    assert header == ["user", "rank", "item", "title", "score", *shares, *reasons]
    flat = [
        (user, rank, item) for user, items in expected(interests, linear) for rank, item in enumerate(items, start=1)
    ]
    for row, (user, rank, item) in zip(rows, flat, strict=True):
        title = item.get("title", "")
        guarded = f"'{title}" if title[:1] in ("=", "＋") else title
        assert row[:4] == [user, str(rank), item["id"], guarded]
        numbers = [item["score"], *item.get("interestShares", []), *([item["linearShare"]] if linear else [])]
        assert [np.float32(text) for text in row[4 : 5 + len(shares)]] == [np.float32(number) for number in numbers]
        because = item.get("because", [])
        assert row[5 + len(shares) :] == [*because, *[""] * (len(reasons) - len(because))]


EXPLANATIONS = {"interest_shares": "interestShares", "linear_share": "linearShare", "because": "because"}


@EXPLAINED
def test_rows_of_parquet(tmp_path: Path, interests: int | None, linear: bool) -> None:
    path = tmp_path / "data"
    assert write_parquet(path, lists_of(interests, linear), names(interests, linear)) == 6
    file = pa.parquet.ParquetFile(path)
    assert (file.metadata.num_row_groups, file.metadata.row_group(0).column(0).compression) == (2, "ZSTD")
    types = {field.name: str(field.type) for field in file.schema_arrow}
    explained = {
        **({"interest_shares": "list<element: float>"} if interests else {}),
        **({"linear_share": "float"} if linear else {}),
        **({} if interests is None else {"because": "list<element: string>"}),
    }
    plain = {"user": "string", "rank": "int32", "item": "string", "title": "string", "score": "float"}
    assert types == plain | explained
    flat = [
        {"user": user, "rank": rank, "item": item["id"], "title": item.get("title"), "score": item["score"]}
        | {name: item[of] for name, of in EXPLANATIONS.items() if of in item}
        for user, items in expected(interests, linear)
        for rank, item in enumerate(items, start=1)
    ]
    assert [
        row | {"score": np.float32(row["score"])} | _shares(row, "interest_shares") for row in file.read().to_pylist()
    ] == flat


@pytest.mark.parametrize("format_name", FORMATS)
def test_nobody_is_a_file_all_the_same(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / "data"
    assert FORMATS[format_name](path, [], names(2)) == 0
    if format_name == "parquet":
        assert pa.parquet.read_table(path).num_rows == 0
    else:
        assert path.read_text().count("\n") == (1 if format_name == "csv" else 0)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_dataset_without_titles(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / "data"
    untitled = Names(pa.array(USERS), pa.array(ITEMS), pa.array([None] * len(ITEMS), pa.string()), None)
    assert FORMATS[format_name](path, lists_of(None), untitled) == (3 if format_name == "ndjson" else 6)
    if format_name == "ndjson":
        assert "title" not in path.read_text()
    elif format_name == "csv":
        assert path.read_text().splitlines()[1] == '"=1+1",1,"007",,0.1'


def _shares(item: dict[str, Any], name: str) -> dict[str, list[float]]:
    return {name: [float(np.float32(share)) for share in item[name]]} if name in item else {}
