"""Rows of files for a feed: all or none, the same ones in the same order, and what is wrong with the others."""

import gzip
import io
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from trainer.data.importing import Checked, FeedRule, Interactions, Items, Problem, Progress, SourceFile, read_rows
from trainer.data.importing.times import moment
from trainer.errors import BadDataset, InvalidRequest

LATEST = moment("2026-12-01T00:00:00Z")
Row = tuple[str, str, int, float | None]
Read = Callable[..., tuple[Checked, list[Row], list[tuple[str, str, list[str]]], list[Problem]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Rows, items and problems of files by role (`interactions_2` is a second one)."""

    def run(rule: str = "{}", skip: int = 0, **files: bytes | str) -> tuple[Checked, list, list, list[Problem]]:
        sources = []
        for key, data in files.items():
            path = tmp_path / key
            path.write_bytes(data.encode() if isinstance(data, str) else data)
            sources.append(SourceFile(key.split("_")[0], path, key))
        rows: list[Row] = []
        items: list[tuple[str, str, list[str]]] = []
        problems: list[Problem] = []
        checked = None
        for told in read_rows(sources, FeedRule.parse(rule), tmp_path / "artifacts", LATEST, skip):
            match told:
                case Checked():
                    assert checked is None and not rows
                    checked = told
                case Interactions():
                    assert len(told.users) <= 2_000
                    values = [None if math.isnan(value) else value for value in told.values]
                    rows += zip(told.users, told.items, told.at_ms, values, strict=True)
                case Items():
                    items += zip(told.items, told.titles, told.tags, strict=True)
                case Problem():
                    problems.append(told)
        assert checked is not None
        assert not list((tmp_path / "artifacts").glob(".tmp-*"))
        return checked, rows, items, problems

    return run


def test_rows_come_as_they_are_with_times_values_titles_and_tags(read: Read) -> None:
    table = "user_id,item_id,rating,timestamp\nu1, i1,4,1767225600\nu1,i1,,1767225600\nu2,ü,3.5,1767225601.5\n"
    checked, rows, items, problems = read(
        interactions=table, items="item_id,title,tags\ni1,One,a|b\ni9,,\n", interactions_2=table.replace("u2", "u3")
    )
    second = [("u1", "i1", 1767225600000, 4.0), ("u1", "i1", 1767225600000, None), ("u3", "ü", 1767225601500, 3.5)]
    first = [*second[:2], ("u2", "ü", 1767225601500, 3.5)]
    assert rows == [*first, *second]
    assert items == [("i1", "One", ["a", "b"]), ("i9", "", [])]
    assert checked == Checked(6, 2, 0, 2)
    assert {problem.code for problem in problems} == {"blanks"}


def packed(text: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("shop/ratings.csv", text)
    return archive.getvalue()


def as_parquet(text: str) -> bytes:
    header, *lines = (line.split(",") for line in text.strip().split("\n"))
    columns = {name: [line[place] for line in lines] for place, name in enumerate(header)}
    written = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), written)
    return written.getvalue()


def as_json(text: str) -> str:
    header, *lines = (line.split(",") for line in text.strip().split("\n"))
    return "".join(json.dumps(dict(zip(header, line, strict=True))) + "\n" for line in lines)


@pytest.mark.parametrize(
    "form",
    [
        lambda text: gzip.compress(text.encode()),
        packed,
        as_parquet,
        as_json,
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace(",", ";"),
    ],
)
def test_whatever_a_dataset_reads_a_feed_reads(read: Read, form: Callable[[str], bytes | str]) -> None:
    text = "user,item,rating,date\nu1,é,4,2026-01-01T00:00:00+01:00\nu2,i2,1,2026-02-01\n"
    _, rows, _, _ = read(interactions=form(text))
    assert rows == [
        ("u1", "é", moment("2025-12-31T23:00:00Z"), 4.0),
        ("u2", "i2", moment("2026-02-01T00:00:00Z"), 1.0),
    ]


def test_what_is_skipped_is_that_of_the_reading_before(read: Read) -> None:
    table = "user,item,timestamp\n" + "".join(f"u{n},i{n % 7},{1767225600 + n}\n" for n in range(4_321))
    files = {
        "interactions_a": table,
        "interactions_b": table.replace("\nu", "\nv"),
        "items": "item,title\ni1,A\ni2,B\n",
    }
    _, rows, items, _ = read(**files)
    whole = [*rows, *items]
    assert len(whole) == 2 * 4_321 + 2
    for skip in (1, 1_999, 4_321, 4_322, 8_641, 8_643, 8_644, 9_000):
        checked, rows, items, _ = read(skip=skip, **files)
        assert [*rows, *items] == whole[skip:]
        assert checked.interactions == 2 * 4_321


def test_tags_hold_what_can_be_stored_and_sent(read: Read) -> None:
    listed = json.dumps(["a\0b", "\ud800c", "\ud800", "\0", "d\u007f", "😀"])
    rows = [{"item": "i1", "tags": listed}, {"item": "i2", "tags": "x|y\0"}]
    _, _, items, _ = read(items="".join(json.dumps(row) + "\n" for row in rows))
    assert items == [("i1", "", ["a b", "c", "d", "😀"]), ("i2", "", ["x", "y"])]


def test_who_skips_much_says_that_it_lives(tmp_path: Path) -> None:
    lines = "".join(f"u{n},i,{1767225600 + n}\n" for n in range(200_000))
    path = tmp_path / "a.csv"
    path.write_text("user,item,timestamp\n" + lines)
    signs: list[Progress] = []
    files = [SourceFile("interactions", path, path.name)]
    reading = read_rows(files, FeedRule(), tmp_path / "artifacts", LATEST, 199_999, signs.append)
    assert next(told for told in reading if isinstance(told, Checked)).interactions == 200_000
    before = len(signs)
    (last,) = [told for told in reading if isinstance(told, Interactions)]
    assert (last.users, len(signs) > before) == (["u199999"], True)


def test_rows_without_a_time_need_one_of_the_rule(read: Read) -> None:
    with pytest.raises(BadDataset, match="gives no `at` for rows without one, needs times") as refused:
        read(interactions="user,item\nu,i\n")
    assert (refused.value.code, refused.value.field) == ("missing_column", "rule.columns.timestamp")
    with pytest.raises(BadDataset) as refused:
        read(interactions="user,item,timestamp\nu,i,\nu,j,1767225600\n")
    assert refused.value.code == "bad_rows"
    at = moment("2026-03-01")
    rule = '{"at": "2026-03-01"}'
    assert read(rule, interactions="user,item\nu,i\n")[1] == [("u", "i", at, None)]
    assert read(rule, interactions="user,item,timestamp\nu,i,\nu,j,1767225600\n")[1] == [
        ("u", "i", at, None),
        ("u", "j", 1767225600000, None),
    ]
    with pytest.raises(BadDataset) as refused:
        read(interactions="user,item,timestamp\nu,i,12\nu,j,13\n")
    assert refused.value.code == "no_times"
    _, rows, _, problems = read(rule, interactions="user,item,timestamp\nu,i,12\nu,j,13\n")
    assert [at_ms for _, _, at_ms, _ in rows] == [at, at]
    assert [problem.code for problem in problems] == ["no_times"]


def test_bad_rows_refuse_all_of_it_or_are_left_out(read: Read) -> None:
    good = "".join(f"u{n},i,{1767225600 + n}\n" for n in range(600))
    table = "user,item,timestamp\n" + good + ",i,1767225600\nu,i,1900000000\nu,i,-1767225600\n"
    with pytest.raises(BadDataset) as refused:
        read(interactions=table)
    assert refused.value.code == "bad_rows"
    checked, rows, _, problems = read('{"skipBadRows": true}', interactions=table)
    assert (len(rows), checked.bad) == (600, 3)
    assert [(problem.line, problem.message) for problem in problems] == [
        (602, "the id is empty"),
        (603, "the time is more than a day ahead"),
        (604, "the time is before 1970"),
    ]


def test_items_that_cannot_be_read_are_left_out_beside_interactions_alone(read: Read) -> None:
    files = {"items": "item,title\ni,One\n", "items_2": "item,title,title\ni,One,1\n", "items_3": ""}
    with pytest.raises(BadDataset, match="items_3 is empty"):
        read(**files)
    breaks_off = '[{"item": "i", "title": "Two"}, {"item":'
    _, rows, items, problems = read(interactions="user,item,timestamp\nu,i,1767225600\n", items_4=breaks_off, **files)
    assert (len(rows), items) == (1, [("i", "One", [])])
    assert sorted((one.code, one.file) for one in problems) == [("left_out", f"items_{n}") for n in (2, 3, 4)]


def test_values_that_are_no_numbers_are_left_out_and_said(read: Read) -> None:
    _, rows, _, problems = read(interactions="user,item,rating,timestamp\nu,i,like,1767225600\nu,j,2,1767225600\n")
    assert [value for *_, value in rows] == [None, 2.0]
    assert [(problem.code, problem.column) for problem in problems] == [("bad_rating", "rating")]


def test_a_table_that_is_read_again_hands_no_row_over_twice(read: Read) -> None:
    lines = [f"u{n},i,{1767225600 + n}" for n in range(30_000)]
    lines[700] = '"u700,i,1767226300'
    checked, rows, _, problems = read('{"skipBadRows": true}', interactions="user,item,timestamp\n" + "\n".join(lines))
    assert (len(rows), checked.interactions, checked.bad) == (29_999, 29_999, 1)
    assert len(set(rows)) == 29_999
    assert [problem.code for problem in problems] == ["unclosed_quote"]


def test_a_feed_takes_interactions_and_items_alone(read: Read) -> None:
    assert read(items="item,title\ni,A\n")[2] == [("i", "A", [])]
    for role in ("train", "valid", "test"):
        with pytest.raises(BadDataset, match="a feed takes files of interactions and of items"):
            read(**{role: "user,item,timestamp\nu,i,1767225600\n"})
    with pytest.raises(BadDataset) as refused:
        read('{"at": "2026-01-01"}', interactions="user,item\n")
    assert refused.value.code == "empty_file"
    for rule in ('{"kCore": 2}', '{"split": {"kind": "leave_last"}}', '{"since": "2026-01-01"}', '{"at": "soon"}'):
        with pytest.raises(InvalidRequest):
            FeedRule.parse(rule)
