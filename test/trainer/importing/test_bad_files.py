"""Every way in which a file can be wrong gets its own answer, with the line."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer.data.importing import (
    Finished,
    ImportRule,
    Problem,
    SourceFile,
    import_dataset,
    plain_text,
    ratings,
    unpacking,
)
from trainer.errors import BadDataset

GOOD = "user,item,rating\n" + "".join(f"u{n % 9},i{n % 13},{n % 5}\n" for n in range(120))

Bring = Callable[..., Any]


def outcome(folder: Path, data: bytes | str, rule: str = "{}", role: str = "interactions") -> tuple[list[Problem], str]:
    """The problems, and the code of the refusal or "" when the import ended well."""
    path = folder / "file"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    problems: list[Problem] = []
    try:
        for event in import_dataset(
            [SourceFile(role, path, "ratings.csv")], ImportRule.parse(rule), folder / "artifacts", "f" * 64
        ):
            # That ratings differ is said of good files.
            if isinstance(event, Problem) and event.code != ratings.CODE:
                problems.append(event)
    except BadDataset as error:
        return problems, error.code
    assert isinstance(event, Finished)
    return problems, ""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        ("user,item\n", "dataset_too_small"),
        ("user,item\na,b\n", "dataset_too_small"),
        ("who,what\na,b\n", "missing_column"),
        ("user;item\n", "dataset_too_small"),
        ("justonecolumn\na\n", "missing_column"),
        ("user,user\na,b\n", "missing_column"),
        ("user,item," + "x" * 200_000 + "\na,b,c\n", "dataset_too_small"),
        (GOOD.encode("utf-16"), "not_utf8"),
        (GOOD.encode() + b"\xe9,i1,2\n", "not_utf8"),
        (gzip.compress(GOOD.encode())[:-9], "truncated_gzip"),
        (b"\x1f\x8b" + b"not gzip at all", "bad_gzip"),
        (gzip.compress(b"user,item\n" + b"aaaa,b\n" * (6 << 20)), "too_large"),
        (b"user,item\n" + b"a" * (plain_text.MOST_LINE_BYTES + unpacking.BLOCK_BYTES) + b",b\n", "line_too_long"),
    ],
)
def test_a_whole_file_is_refused(tmp_path: Path, data: bytes | str, code: str) -> None:
    assert outcome(tmp_path, data)[1] == code


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        (",i1,3", "empty_id", "user"),
        ("u1,,3", "empty_id", "item"),
        ("u" * 513 + ",i1,3", "id_too_long", "user"),
        ("u\x001,i1,3", "bad_character", "user"),
        ("u1,i1", "ragged_row", ""),
        ("u1,i1,3,4", "ragged_row", ""),
        ('u1,"i1,3', "unclosed_quote", ""),
        ("u1,i1,NaN", "bad_rating", "rating"),
        ("u1,i1,inf", "bad_rating", "rating"),
        ("u1,i1,1_000", "bad_rating", "rating"),
        ("u1,i1,١٢", "bad_rating", "rating"),
        ("u1,i1,1e999", "bad_rating", "rating"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, code: str, column: str) -> None:
    good = GOOD.splitlines()
    data = "\n".join([*good[:50], "", row, *good[50:]])
    problems, refused = outcome(tmp_path, data, '{"minRating": 0}')
    assert refused == "bad_rows"
    assert [(one.code, one.line, one.column, one.file) for one in problems] == [(code, 52, column, "ratings.csv")]


def test_lines_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_text, "BLOCK_BYTES", 64)
    problems, _ = outcome(tmp_path, GOOD + "u1,,1\r\n" + GOOD[17:] + ",i1,1")
    assert [one.line for one in problems] == [122, 243]


def test_bad_rows_are_skipped_only_up_to_a_hundredth(tmp_path: Path) -> None:
    many = GOOD * 1 + GOOD[17:] * 9
    assert outcome(tmp_path, many + "u1,,1\n" * 5, '{"skipBadRows": true}')[1] == ""
    assert outcome(tmp_path, many + "u1,,1\n" * 50, '{"skipBadRows": true}')[1] == "bad_rows"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", ";"),
        gzip.compress(GOOD.encode()[:300]) + gzip.compress(GOOD.encode()[300:]),
        "user_id:token\titem_id:token\trating:float\n" + GOOD[17:].replace(",", "\t"),
        GOOD + '"u, with ""quotes""",i1,3\n',
        GOOD + "u1,i1,3\r\r\n" + GOOD[17:],
        GOOD.replace("\n", "\r"),
        '"user","item","rating, of 5"\n' + GOOD[17:],
        "user,item,dc:rating\n" + GOOD[17:],
    ],
)
def test_the_usual_shapes_of_a_table_are_read(tmp_path: Path, data: bytes | str) -> None:
    assert outcome(tmp_path, data) == ([], "")


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        ("u1,i1,3\ru2,i2,4", "ragged_row", "5 fields where 3 are named"),
        ("u1,i\r1,3", "bad_character", "the id holds a control character"),
        ('u1,a"b,"c', "unclosed_quote", "a quoted field is not closed"),
        ('u1,a"b,c"d,4', "ragged_row", "4 fields where 3 are named"),
        ('u1,a"b,"c"d,"e', "unclosed_quote", ""),
        ('u1,a"b,"3', "unclosed_quote", "a quoted field is not closed"),
    ],
)
def test_what_the_parser_would_stumble_over_is_a_bad_row(tmp_path: Path, row: str, code: str, message: str) -> None:
    data = GOOD + row + "\n" + GOOD[17:]
    problems, refused = outcome(tmp_path, data)
    assert refused == "bad_rows"
    assert [(one.code, one.line) for one in problems] == [(code, 122)]
    assert message in problems[0].message


def test_a_quote_inside_a_plain_field_is_text(tmp_path: Path) -> None:
    data = "item,title\n" + 'i1,The "Great" Escape\n' + 'i2,"7"", live"\n' + 'i3,"a" b\n'
    (tmp_path / "items").write_text(data)
    (tmp_path / "ratings").write_text(GOOD)
    files = [SourceFile("items", tmp_path / "items", ""), SourceFile("interactions", tmp_path / "ratings", "")]
    *_, last = import_dataset(files, ImportRule(), tmp_path / "artifacts", "f" * 64)
    assert isinstance(last, Finished)
    titles = [last.dataset.titles[last.dataset.items.index(item) or 0] for item in ("i1", "i2", "i3")]
    assert titles == ['The "Great" Escape', '7", live', "a b"]


def test_the_message_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(GOOD.encode() + b"u1,caf\xe9,2\n")
    way = r"save the file as UTF-8, in Excel as CSV UTF-8 \(comma delimited\)"
    with pytest.raises(BadDataset, match=rf"^ratings\.csv: line 122 is not UTF-8; {way}$"):
        list(
            import_dataset(
                [SourceFile("interactions", tmp_path / "file", "ratings.csv")], ImportRule(), tmp_path / "a", "f" * 64
            )
        )


def test_only_the_first_hundred_problems_are_told(tmp_path: Path) -> None:
    problems, refused = outcome(tmp_path, GOOD + ",i1,1\n" * 250)
    assert (len(problems), refused) == (100, "bad_rows")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: f"user,item\n{text}".encode())))
def test_no_bytes_break_the_import(tmp_path: Path, data: bytes) -> None:
    outcome(tmp_path, data)


PIECES = (
    b'"',
    b'""',
    b",",
    b";",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    "é".encode(),
    b"nan",
    b"",
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 9), st.sampled_from(PIECES)), min_size=1, max_size=5),
    st.sampled_from(["{}", '{"minRating": 2}', '{"kCore": 2}', '{"skipBadRows": true}']),
    st.sampled_from([bytes, gzip.compress, lambda data: gzip.compress(data)[: len(data) // 5]]),
)
def test_no_slip_in_a_good_table_breaks_the_import(
    tmp_path: Path, slips: list[tuple[int, int, bytes]], rule: str, packed: Callable[[bytes], bytes]
) -> None:
    """Pieces put in or over the text: a dataset comes of it or an error with a code, and bad rows have their line."""
    data = GOOD.encode()
    for place, length, piece in slips:
        data = data[:place] + piece + data[place + length :]
    problems, refused = outcome(tmp_path, packed(data), rule)
    lines_in_all = data.count(b"\n") + 1
    assert all(
        one.file == "ratings.csv" and (one.code == "blanks" or 2 <= one.line <= lines_in_all) for one in problems
    )
    assert refused != "bad_rows" or problems


def test_zeros_behind_a_gzip_are_padding_and_nothing_else_is(bring: Bring) -> None:
    rows = gzip.compress(("user,item\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(35))).encode())
    assert bring(interactions=("a.csv.gz", rows + bytes(1 << 20))).counts["users"] == 5
    assert bring(interactions=("a.csv.gz", rows + bytes(1 << 20) + b"x")).code == "bad_gzip"


@pytest.mark.parametrize("first", [0x50, 0x5F])
def test_a_zstd_file_may_begin_with_what_is_skipped(bring: Bring, first: int) -> None:
    rows = "user,item\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(35))
    skipped = bytes([first]) + b"\x2a\x4d\x18" + struct.pack("<I", 9) + b"no,data\n\xff"
    assert bring(interactions=skipped + pa.compress(rows.encode(), "zstd", asbytes=True)).counts["users"] == 5


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_is_told_from_binary_data(bring: Bring, encoding: str) -> None:
    wide = bring(interactions="user,item\nanna,eins\n".encode(encoding))
    way = "line 1 is UTF-16; save the file as UTF-8, in Excel as CSV UTF-8 (comma delimited)"
    assert (wide.code, wide.message) == ("not_utf8", f"interactions.csv: {way}")
    binary = b"".join(struct.pack("<If", n, n / 2) for n in range(100)) + b"\n"
    outcome = bring(interactions=binary)
    assert outcome.code == "unsupported_format"
    assert "binary data" in outcome.message
