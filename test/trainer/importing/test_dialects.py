"""Any table that is written in a dialect is read back, cell by cell, and a bad row of it is told by its line."""

import csv
import gzip
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer.data.importing import Head, ImportRule, engine, preview_files
from trainer.data.importing.checks import BLANKS
from trainer.data.importing.reading import Filters
from trainer.data.importing.records import Dialect
from trainer.data.importing.tagging import tags_of

ReadBack = Callable[..., tuple[list[dict[str, str]], list]]
Bring = Callable[..., Any]
USUALLY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Any text that may be an id, no blanks around it; `#` and `sep=` begin no row here, for they may begin comments.
TRICKY = st.sampled_from(
    ["00123", "123", "1.23E+2", "NA", "null", "nan", "true", "-0", "[PAD]", 'a "b" c', "x, y", "é;ü", "a|b"]
)
LETTERS = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="\\")
IDS = st.one_of(TRICKY, st.text(LETTERS, min_size=1, max_size=12)).filter(
    lambda text: text.strip() == text and not text.startswith("#")
)
# Where quotes are text and nothing hides a separator.
BARE = st.text(st.characters(categories=["L", "N"], include_characters=".-_"), min_size=1, max_size=12)
NUMBERS = st.integers(0, 10**7).map(str)
# As a shop writes them: what Windows-1252 and UTF-8 spell differently.
WESTERN = st.text(
    st.sampled_from([bytes([n]).decode("cp1252") for n in range(32, 256) if n not in b'"\\\x7f\x81\x8d\x8f\x90\x9d']),
    max_size=20,
)
TITLES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\\"), max_size=40)
STYLES: tuple[Callable[[list[str]], str], ...] = (
    "_".join,
    "".join,
    " ".join,
    lambda words: "-".join(words).title(),
    lambda words: "_".join(words).upper() + ":token",
    lambda words: words[0] + "".join(map(str.capitalize, words[1:])),
)


def header(*nouns: str) -> st.SearchStrategy[str]:
    suffixes = st.sampled_from([["id"], ["no"], ["key"], []])
    words = st.builds(lambda noun, suffix: [noun, *suffix], st.sampled_from(nouns), suffixes)
    return st.builds(lambda style, words: style(words), st.sampled_from(STYLES), words)


HEADERS = st.tuples(
    header("user", "customer", "member", "client", "visitor", "reviewer", "buyer", "account"),
    header("item", "product", "sku", "asin", "movie", "track", "song", "book", "article", "game", "app"),
)


def tables(ids: st.SearchStrategy[str], titles: st.SearchStrategy[str] = TITLES) -> st.SearchStrategy:
    """Header names, rows of user, item and note, and the order of the columns."""
    rows = st.lists(st.tuples(ids, ids, titles), min_size=2, max_size=12)
    return st.tuples(HEADERS, rows, st.permutations([0, 1, 2]))


def pairs(rows: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"user": user, "item": item} for user, item, _ in rows]


def in_order(table: tuple, header: bool = True) -> list[list[str]]:
    names, rows, order = table
    lines = [(*names, "note"), *rows] if header else rows
    return [[line[place] for place in order] for line in lines]


def written(lines: list[list[str]], end: str, **form: object) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, **form).writerows(lines)  # type: ignore[arg-type]
    return text.getvalue().encode()


def zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("folder/table.csv", data)
    return packed.getvalue()


def tarred(data: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        info = tarfile.TarInfo("table.csv")
        info.size = len(data)
        file.addfile(info, io.BytesIO(data))
    return packed.getvalue()


PACKINGS = st.sampled_from([bytes, gzip.compress, lambda data: pa.compress(data, "zstd", asbytes=True), zipped, tarred])


def as_shown(title: str) -> str:
    """No control characters, no blanks around."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", title).strip(BLANKS)


@USUALLY
@given(
    tables(IDS),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    PACKINGS,
)
def test_quoted(
    read_back: ReadBack, table: tuple, separator: str, end: str, quoting: int, bom: bytes, packed: Callable
) -> None:
    data = bom + written(in_order(table), end, delimiter=separator, quoting=quoting)
    assert read_back(packed(data)) == (pairs(table[1]), [])


@USUALLY
@given(tables(IDS.filter(lambda text: '"' not in text), st.text(LETTERS, max_size=20)), st.sampled_from([",", ";"]))
def test_quoted_where_it_must_be(read_back: ReadBack, table: tuple, separator: str) -> None:
    data = written(in_order(table), "\n", delimiter=separator)
    assert read_back(data) == (pairs(table[1]), [])


@USUALLY
@given(tables(BARE, BARE), st.sampled_from(["\t", "::", " ", "  ", ",", ", ", " ;"]), st.booleans())
def test_bare(read_back: ReadBack, table: tuple, separator: str, is_trailing: bool) -> None:
    names, rows, order = table
    plain = ([name.replace(" ", "_") for name in names], rows, order)
    behind = separator.strip(" ") if is_trailing else ""
    data = "".join(separator.join(line) + behind + "\n" for line in in_order(plain))
    assert read_back(data.encode()) == (pairs(rows), [])


@USUALLY
@given(tables(BARE, BARE), st.sampled_from(["\t", "::", " ", ","]))
def test_without_header_by_position(read_back: ReadBack, table: tuple, separator: str) -> None:
    _, rows, order = table
    data = "".join(separator.join(line) + "\n" for line in in_order(table, header=False))
    rule = json.dumps({"columns": {"user": order.index(0) + 1, "item": order.index(1) + 1}})
    assert read_back(data.encode(), rule=rule) == (pairs(rows), [])


@USUALLY
@given(tables(BARE), st.text(LETTERS, max_size=8))
def test_backslash_before_quotes(read_back: ReadBack, table: tuple, more: str) -> None:
    names, rows, order = table
    rows = [(user, item, f'{note} "{more}"') for user, item, note in rows]
    data = written(in_order((names, rows, order)), "\n", quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\")
    assert read_back(data) == (pairs(rows), [])


TAGS = st.lists(BARE, max_size=4, unique_by=str.casefold)
DESCRIBED = st.lists(st.tuples(IDS, TITLES, TAGS), min_size=2, max_size=9)
ITEM_HEADERS = st.permutations(["item_id", "title", "genres"])


@USUALLY
@given(DESCRIBED, ITEM_HEADERS, st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]), PACKINGS)
def test_titles_and_tags(
    read_back: ReadBack, rows: list, header: list[str], separator: str, end: str, packed: Callable
) -> None:
    """Line breaks and quotes within them, too."""
    cells = [{"item_id": item, "title": title, "genres": "|".join(tags)} for item, title, tags in rows]
    lines = [header, *([row[name] for name in header] for row in cells)]
    data = packed(written(lines, end, delimiter=separator, quoting=csv.QUOTE_ALL))
    expected = [{"item": row["item_id"], "title": as_shown(row["title"]), "tags": row["genres"]} for row in cells]
    assert read_back(data, role="items") == (expected, [])
    assert [tags_of(row["tags"], False) for row in expected] == [tags for *_, tags in rows]


@USUALLY
@given(st.lists(st.tuples(BARE, st.text(LETTERS, max_size=8)), min_size=1, max_size=9), st.sampled_from([",", ";"]))
def test_titles_with_backslashes_before_quotes(read_back: ReadBack, rows: list, separator: str) -> None:
    lines = [["item", "title"], *([item, f'{title}\n"{title}"'] for item, title in rows)]
    data = written(lines, "\n", delimiter=separator, quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\")
    expected = [{"item": item, "title": as_shown(title)} for item, title in lines[1:]]
    assert read_back(data, role="items") == (expected, [])


@USUALLY
@given(st.lists(st.tuples(NUMBERS, WESTERN, st.sampled_from(["utf-8", "cp1252"])), min_size=1, max_size=9))
def test_titles_each_line_in_an_encoding_of_its_own(read_back: ReadBack, rows: list) -> None:
    # Two letters of Windows-1252 may by chance be one of UTF-8; an umlaut with a letter behind it is none.
    lines = [f'{item};"ü {title}"\n'.encode(encoding) for item, title, encoding in rows]
    expected = [{"item": item, "title": as_shown(f"ü {title}")} for item, title, _ in rows]
    assert read_back(b"item;title\n" + b"".join(lines), role="items") == (expected, [])


@USUALLY
@given(
    st.lists(st.tuples(BARE, BARE, st.decimals(-100, 100, places=2)), min_size=2, max_size=9),
    st.sampled_from([",", ".", "e"]),
    st.sampled_from([",", ";", "\t", "::"]),
    st.sampled_from(["rating", "Book-Rating", "stars", "score:float", "overall"]),
)
def test_ratings_with_a_decimal_comma_too(
    read_back: ReadBack, rows: list, point: str, separator: str, name: str
) -> None:
    spell = {",": lambda n: str(n).replace(".", ","), ".": str, "e": lambda n: f"{n:e}"}[point]
    lines = [["user", "item", name], *([user, item, spell(rating)] for user, item, rating in rows)]
    if separator == "::":
        data = "".join("::".join(line) + "\n" for line in lines).encode()
    else:
        data = written(lines, "\n", delimiter=separator)
    expected = [{"user": user, "item": item, "value": float(rating)} for user, item, rating in rows]
    assert read_back(data, filters=Filters(latest=0)) == (expected, [])


@USUALLY
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, WESTERN), min_size=2, max_size=9),
    st.sampled_from([("ratings.dat", "movies.dat", "::"), ("u.data", "u.item", None), ("x.inter", "x.item", "\t")]),
    st.sampled_from(["utf-8", "cp1252"]),
)
def test_published_shapes(read_back: ReadBack, rows: list, names: tuple[str, str, str | None], encoding: str) -> None:
    of_pairs, of_items, separator = names
    bare = [(user, item, f"ü {title}".replace(":", "").replace("|", "")) for user, item, title in rows]
    pairs_head, items_head = (
        ("user_id:token\titem_id:token\tx\ty\n", "item_id:token\ttitle\n") if separator == "\t" else ("", "")
    )
    text = pairs_head + "".join(
        (separator or "\t").join([user, item, "4", "978300760"]) + "\n" for user, item, _ in bare
    )
    assert read_back(text.encode(), name=of_pairs) == (pairs(bare), [])
    text = items_head + "".join((separator or "|").join([item, title]) + "\n" for _, item, title in bare)
    expected = [{"item": item, "title": as_shown(title)} for _, item, title in bare]
    assert read_back(text.encode(encoding), role="items", name=of_items) == (expected, [])


@USUALLY
@given(
    tables(BARE, BARE),
    st.sampled_from(["sep=", "index", "comments", "blank lines", "repeated"]),
    st.sampled_from([",", ";", "\t"]),
)
def test_what_spreadsheets_and_libraries_add(read_back: ReadBack, table: tuple, added: str, separator: str) -> None:
    lines = in_order(table)
    match added:
        case "sep=":
            text = [f"sep={separator}", *(separator.join(line) for line in lines)]
        case "index":
            text = [separator.join(["" if n == 0 else str(n - 1), *line]) for n, line in enumerate(lines)]
        case "comments":
            text = ["# made by hand", "#", *(separator.join(line) for line in lines)]
        case "repeated":
            at = table[2].index(2)
            text = [separator.join([*line, line[at]]) for line in lines]
        case _:
            text = ["", *(separator.join(line) + "\n" for line in lines)]
    assert read_back(("\n".join(text) + "\n").encode()) == (pairs(table[1]), [])


@USUALLY
@given(
    tables(st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=12)),
    st.booleans(),
    st.booleans(),
    PACKINGS,
)
def test_json(read_back: ReadBack, table: tuple, is_array: bool, is_nested: bool, packed: Callable) -> None:
    names, rows, _ = table
    objects = [
        {"who": {names[0]: user}, names[1]: item, "note": note} if is_nested else {names[0]: user, names[1]: item}
        for user, item, note in rows
    ]
    text = (
        json.dumps(objects, indent=1) if is_array else "\n".join(json.dumps(one, ensure_ascii=False) for one in objects)
    )
    assert read_back(packed(text.encode())) == (pairs(rows), [])


@USUALLY
@given(
    st.lists(
        st.tuples(st.integers(-(2**70), 2**70), st.sampled_from(["1.50", "1.23E+2", "123.0", "-0", "0.10", "7"])),
        min_size=1,
        max_size=9,
    )
)
def test_numbers_of_json_stay_as_they_are_written(read_back: ReadBack, rows: list[tuple[int, str]]) -> None:
    text = "\n".join(f'{{"user": {user}, "item": {item}}}' for user, item in rows)
    # A negative zero is one number to JSON; the sign of an integer 0 is the one thing that is lost.
    expected = [{"user": str(user), "item": "0" if item == "-0" else item} for user, item in rows]
    assert read_back(text.encode()) == (expected, [])


@USUALLY
@given(tables(st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=12)), PACKINGS)
def test_parquet(read_back: ReadBack, tmp_path_factory: pytest.TempPathFactory, table: tuple, packed: Callable) -> None:
    names, rows, order = table
    columns = {(*names, "note")[place]: [row[place] for row in rows] for place in order}
    file = tmp_path_factory.mktemp("parquet") / "table.parquet"
    pa.parquet.write_table(pa.table(columns), file)
    assert read_back(packed(file.read_bytes())) == (pairs(rows), [])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(3)])
def test_texts_of_parquet_that_are_bytes(read_back: ReadBack, tmp_path: Path, kind: pa.DataType) -> None:
    user, item = "ü0", "\\x1"
    within = pa.array([{"name": "東"}], pa.struct([("name", kind)]))
    columns = {"user": pa.array([user], kind), "item": pa.array([item], kind), "movie": within}
    pa.parquet.write_table(pa.table(columns | {"tags": pa.array([["ä0", "ö0"]], pa.list_(kind))}), tmp_path / "p")
    data = (tmp_path / "p").read_bytes()
    assert read_back(data) == ([{"user": user, "item": item}], [])
    rule = '{"columns": {"items": {"title": "movie.name"}}}'
    tags = [{"item": item, "title": "東", "tags": '["ä0","ö0"]'}]
    assert read_back(data, role="items", rule=rule) == (tags, [])


def test_bytes_of_parquet_that_are_no_text_are_escaped(read_back: ReadBack, tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"user": [b"\xffa"], "item": [b"b"]}), tmp_path / "p")
    assert read_back((tmp_path / "p").read_bytes()) == ([{"user": "\\xFFa", "item": "b"}], [])


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([["a"], ["b"]]),
        pa.array([["a"], ["b"]], pa.large_list(pa.string())),
        pa.array([["a"], ["b"]], pa.list_(pa.string(), 1)),
        pa.array([[("a", 1)], [("b", 2)]], pa.map_(pa.string(), pa.int64())),
    ],
)
def test_lists_of_parquet_are_no_ids(bring: Bring, tmp_path: Path, cells: pa.Array) -> None:
    pa.parquet.write_table(pa.table({"user": ["u", "v"], "item": cells}), tmp_path / "p")
    data = (tmp_path / "p").read_bytes()
    outcome = bring(interactions=("a.parquet", data))
    assert (outcome.code, outcome.message.startswith("a.parquet: the column 'item' holds lists")) == (
        "missing_column",
        True,
    )
    seen = preview_files([Head("", "a.parquet", data, is_whole=True)], ImportRule())
    assert ([one.message for one in seen.problems], len(seen.tables[0].rows)) == ([outcome.message], 2)


def test_integers_of_parquet_are_ids(read_back: ReadBack, tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"user_id": pa.array([1, 2**62]), "item": pa.array(["a", None])}), tmp_path / "p")
    rows, bad = read_back((tmp_path / "p").read_bytes())
    assert rows == [{"user": "1", "item": "a"}]
    assert [(one.code, one.line, one.column) for one in bad] == [("empty_id", 2, "item")]


FAULTS = st.sampled_from(
    [
        ("one", "ragged_row"),
        ("", None),
        ("{u},,x", "empty_id"),
        ("{u},a\x07b,x", "bad_character"),
        ("a,b,c,d,e", "ragged_row"),
    ]
)


@USUALLY
@given(
    st.lists(
        st.one_of(FAULTS, st.just(("{u},b,plain", "")), st.just(('{u},b,"two\nlines"', ""))), min_size=1, max_size=30
    ),
    st.booleans(),
)
def test_bad_rows_are_told_by_their_line(read_back: ReadBack, kinds: list, is_windows: bool) -> None:
    """Blank lines and rows of several lines between them."""
    text, line, good, expected = "user,item,note\nu,i,begin\n", 3, 1, []
    for number, (row, code) in enumerate(kinds):
        if code:
            expected.append((code, line))
        good += code == ""
        row = row.replace("{u}", f"u{number}")
        text += row + "\n"
        line += row.count("\n") + 1
    rows, bad = read_back((text.replace("\n", "\r\n") if is_windows else text).encode())
    assert [(one.code, one.line) for one in bad] == expected
    assert len(rows) == good


@pytest.mark.parametrize("at", [[5], [60_000], [199_990], [5, 100_000, 150_000]])
def test_a_quote_that_is_never_closed_costs_its_own_row(bring: Bring, at: list[int]) -> None:
    """However much of the file the engine has swallowed with it."""
    lines = [f"user{row % 997},item{row % 1009}" for row in range(200_000)]
    for row in at:
        lines[row] = '"user,item'
    outcome = bring('{"skipBadRows": true}', interactions="\n".join(["user,item", *lines]))
    assert [(one.code, one.line) for one in outcome.problems] == [("unclosed_quote", row + 2) for row in at]
    assert outcome.counts["rows_skipped"] == len(at)
    assert outcome.counts["interactions"] == len(set(lines)) - 1


def test_only_comments_before_the_first_row_are_left_out(read_back: ReadBack) -> None:
    rows, bad = read_back(b"# made by hand\nuser,item\n#ann,x\nbob,y\n# no row\n")
    assert rows == [{"user": "#ann", "item": "x"}, {"user": "bob", "item": "y"}]
    assert [(one.code, one.line) for one in bad] == [("ragged_row", 5)]


def test_objects_with_numbered_fields_are_lines_like_others(read_back: ReadBack) -> None:
    line = '{{"votes": {{"0": 1, "1": 2}}, "user": "{}", "item": "x"}}\n'
    rows, bad = read_back((line.format("a") + line.format("b")).encode())
    assert (rows, bad) == ([{"user": "a", "item": "x"}, {"user": "b", "item": "x"}], [])


def test_columns_of_parquet_that_differ_by_case_alone(read_back: ReadBack, tmp_path: Path) -> None:
    inner = pa.array([{"a": "wrong", "A": "item"}], pa.struct([("a", pa.string()), ("A", pa.string())]))
    table = pa.table([pa.array(["wrong"]), pa.array(["user"]), inner], names=["id", "ID", "c0"])
    pa.parquet.write_table(table, tmp_path / "p")
    rule = '{"columns": {"user": "ID", "item": "c0.A"}}'
    assert read_back((tmp_path / "p").read_bytes(), rule=rule)[0] == [{"user": "user", "item": "item"}]


@pytest.mark.parametrize("folder", ["[ab]", "[", "*", "what?", "c0=1", "it's"])
@pytest.mark.parametrize("kind", ["csv", "json-lines", "json-array", "parquet"])
def test_folders_whose_names_are_patterns(tmp_path: Path, folder: str, kind: str) -> None:
    path = tmp_path / folder / "1"
    path.parent.mkdir()
    if kind == "csv":
        path.write_text("a,b\n")
        reading = engine.read_text(path, Dialect(","), 2, 0, [0, 1])
    elif kind == "parquet":
        pa.parquet.write_table(pa.table({"x": ["a"], "y": ["b"]}), path)
        reading = engine.read_parquet(path, [(0,), (1,)])
    else:
        path.write_text('[{"x": "a", "y": "b"}]' if kind == "json-array" else '{"x": "a", "y": "b"}\n')
        reading = engine.read_json(path, kind == "json-array", [("x",), ("y",)], [True, True])
    assert [row for batch in reading.batches for row in batch.to_pylist()] == [{"v0": "a", "v1": "b"}]


@pytest.mark.parametrize("odd", [r"\u00001", r"\u0000[1]", r"\u0000{\"item\": 1}", r"\u0000\"x\""])
def test_ids_of_json_that_begin_with_what_marks_whole_objects(read_back: ReadBack, odd: str) -> None:
    rows, bad = read_back(f'{{"user": "{odd}", "item": "i"}}\n{{"user": "u", "item": "i"}}\n'.encode())
    assert rows == [{"user": "u", "item": "i"}]
    assert [(one.code, one.line) for one in bad] == [("bad_character", 1)]
