"""Shapes of files out of public bug reports, each for its kind: imported as a person would read them, or refused with
the reason and the way out."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from trainer.data.importing import Problem

Bring = Callable[..., Any]
ReadBack = Callable[..., tuple[list[dict[str, str]], list[Any]]]

GIVEN = '{"split": {"kind": "given"}}'
TRAIN = "user_id,item_id\nu1,a\nu1,b\nu2,a\nu2,c\nu3,b\nu3,c\n"
TEST = "user_id,item_id\nu1,c\nu2,b\nu3,a\n"
GRID = [(user, item) for user in range(4) for item in range(6)]


def assert_base(outcome: Any) -> None:
    wanted = {"users": 3, "items": 3, "train": 6, "valid": 0, "test": 3}
    wanted |= {"duplicates_merged": 0, "below_threshold": 0, "cold_dropped": 0}
    assert {name: outcome.counts[name] for name in wanted} == wanted
    assert (outcome.dataset.users.ids(slice(None)), outcome.dataset.items.ids(slice(None))) == (
        ["u1", "u2", "u3"],
        ["a", "b", "c"],
    )


def zipped(**members: str | bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


@pytest.mark.parametrize(
    "train",
    [
        TRAIN,
        "\n".join(["user_id,item_id", *(f"{n},{line}" for n, line in enumerate(TRAIN.split()[1:]))]),  # R
        "\n".join([",user_id,item_id", *(f"{n},{line}" for n, line in enumerate(TRAIN.split()[1:]))]),  # pandas
        "\n".join("\t".join(f'"{cell}"' for cell in line.split(",")) for line in TRAIN.split()),
        "\n".join(line + "," for line in TRAIN.split()),
        "\n".join(["user_id,item_id", *(line + "," for line in TRAIN.split()[1:])]),
        '"user_id" "item_id"\n'
        + "".join(
            f'"{n}" "{line.replace(",", chr(34) + " " + chr(34))}"\n' for n, line in enumerate(TRAIN.split()[1:])
        ),
        "sep=;\r\n" + TRAIN.replace(",", ";").replace("\n", "\r\n"),
        "﻿# exported\n" + TRAIN,
        "user_id,note,note,item_id\n" + "".join(line.replace(",", ",x,y,") + "\n" for line in TRAIN.split()[1:]),
    ],
)
def test_the_base_in_other_dress(bring: Bring, train: str) -> None:
    outcome = bring(GIVEN, train=train, test=TEST)
    assert_base(outcome)
    assert outcome.problems == []


def test_blanks_after_the_separator_go_and_are_counted(bring: Bring) -> None:
    outcome = bring(GIVEN, train=TRAIN.replace(",", ", "), test=TEST)
    assert_base(outcome)
    [told] = outcome.problems
    assert (told.code, told.line, told.message) == ("blanks", 0, "blanks around 6 ids are left out")


@pytest.mark.parametrize(
    ("items", "titles", "bad"),
    [
        ('a,"First line\nsecond line"\nb,"x, ""y"""\nc,Plain\n', ["First line second line", 'x, "y"', "Plain"], []),
        ('a,"The \\"Blue\\" Door, part 2"\nb,Two\nc,Three\n', ['The "Blue" Door, part 2', "Two", "Three"], []),
        ("a,Night, The\nb,Two\nc,Three\n", ["", "Two", "Three"], [("ragged_row", 2)]),
        ("a,One\nb,Two\n,Three\na,\nc,\n", ["One", "Two", ""], [("empty_id", 4)]),
        ('a,"open\nb,Two\nc,Three\n', ["", "Two", "Three"], [("unclosed_quote", 2)]),
        ('a,One\nb,"The \\"Late\\" One, two"\nc,"said ""no"""\n', ["One", 'The "Late" One, two', 'said "no"'], []),
    ],
)
def test_titles_refuse_no_interactions(bring: Bring, items: str, titles: list[str], bad: list[tuple[str, int]]) -> None:
    outcome = bring(GIVEN, train=TRAIN, test=TEST, items="item_id,title\n" + items)
    assert_base(outcome)
    assert list(outcome.titles.values()) == titles
    assert [(one.code, one.line) for one in outcome.problems] == bad
    assert outcome.counts["problems_total"] == outcome.counts["rows_skipped"] == len(bad)


def test_titles_in_latin_1_are_read_and_it_is_said(bring: Bring) -> None:
    outcome = bring(GIVEN, train=TRAIN, test=TEST, items=b"item_id,title\na,One\nb,Caf\xe9 \x96 two\nc,Three\n")
    assert_base(outcome)
    assert outcome.titles["b"] == "Café – two"
    [told] = outcome.problems
    assert (told.code, told.file, "Windows-1252" in told.message) == ("encoding", "items.csv", True)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("1\t10\t5\t881250949\n1\t11\t3\t881250950\n", r"1\t10\t5\t881250949"),
        (
            "A39HTATAQ9V7YF,0205616461,5.0,1369699200\nA3JM6GV9MNOF9X,0558925278,3.0,1355443200\n",
            "A39HTATAQ9V7YF,0205616461",
        ),
        ("u1,a\nu1,b\nu2,a\n", "u1,a"),
        ("anna,x\nanna,y\nbob,x\n", "anna,x"),
    ],
)
def test_no_header_is_refused_with_the_first_line_and_the_way_out(bring: Bring, data: str, line: str) -> None:
    outcome = bring(interactions=data)
    assert outcome.code == "no_header"
    assert line in outcome.message
    assert 'rule={"columns": {"user": 1, "item": 2' in outcome.message


def test_columns_by_position_lose_no_row(bring: Bring) -> None:
    rows = "".join(f"{user}::{item}::5::978300760\n" for user, item in GRID)
    by_position = '{"columns": {"user": 1, "item": 2}}'
    assert bring(by_position, interactions=rows).counts["interactions"] + bring(by_position, interactions=rows).counts[
        "cold_dropped"
    ] == len(GRID)


def test_columns_by_position_take_no_header_for_a_row(bring: Bring) -> None:
    rule = '{"split": {"kind": "given"}, "columns": {"user": 1, "item": 2}}'
    assert_base(bring(rule, train=TRAIN, test=TEST))


def test_columns_are_named_a_file(bring: Bring) -> None:
    rule = json.dumps(
        {
            "split": {"kind": "given"},
            "columns": {"item": "sku", "test": {"item": "what"}, "items": {"item": 2, "title": "text"}},
        }
    )
    outcome = bring(
        rule,
        train=TRAIN.replace("item_id", "sku"),
        test=TEST.replace("item_id", "what"),
        items="text,product\nOne,a\nTwo,b\n",
    )
    assert_base(outcome)
    assert outcome.titles == {"a": "One", "b": "Two", "c": ""}


def test_an_archive_of_one_table_and_the_same_bytes_damaged(bring: Bring) -> None:
    packed = zipped(**{"folder/ratings.csv": "user,item\n" + "".join(f"u{user},i{item}\n" for user, item in GRID)})
    assert bring(interactions=("ratings.zip", packed)).counts["users"] == 4
    for damaged in (packed[:50] + b"zzzz" + packed[54:], packed[:-30], packed[:20]):
        outcome = bring(interactions=("ratings.zip", damaged))
        assert outcome.code == "bad_zip"
        assert "damaged zip" in outcome.message


def test_ids_like_numbers_stay_texts(bring: Bring) -> None:
    ids = ["00123", "123", "123.0", "1.23E+2", "NA", "null", "nan", "None", "true", "-0", "[PAD]"]
    train = "user,item\n" + "".join(f"{user},{item}\n" for user in ("u1", "u2") for item in ids) + "u3,NA\n"
    outcome = bring(GIVEN, train=train, test="user,item\nu3,null\n")
    assert outcome.dataset.items.ids(slice(None)) == sorted(ids)


def test_the_highest_of_several_ratings_decides(bring: Bring) -> None:
    text = "user,item,rating\nu1,a,5\nu1,a,2\nu1,a,4\nu1,a,5\n" + "".join(f"v{user},i{item},5\n" for user, item in GRID)
    outcome = bring('{"minRating": 4}', interactions=text + "".join(f"u1,i{item},5\n" for item in range(3)))
    assert (outcome.counts["duplicates_merged"], outcome.counts["below_threshold"]) == (2, 1)


def test_decimal_commas(bring: Bring) -> None:
    rows = "".join(f"u{user};i{item};{'4,5' if item % 2 else '3,5'}\n" for user, item in GRID)
    counts = bring('{"minRating": 4}', interactions="user;item;rating\n" + rows).counts
    assert counts["below_threshold"] == len(GRID) // 2
    quoted = "".join(f'u{user},i{item},"4,5"\n' for user, item in GRID)
    assert bring('{"minRating": 4.5}', interactions="user,item,rating\n" + quoted).counts["below_threshold"] == 0
    assert bring('{"minRating": 5}', interactions="user,item,rating\n" + quoted).code == "dataset_too_small"


@pytest.mark.parametrize(
    ("header", "separator", "user", "item"),
    [
        ("userId,movieId,rating,timestamp", ",", 0, 1),
        ("user_id:token\tbusiness_id:token\tstars:float", "\t", 0, 1),
        ("user_id,parent_asin,rating,timestamp", ",", 0, 1),
        ("customerId,productId", ",", 0, 1),
        ("visitorid,itemid,event", ",", 0, 1),
        ("user_id,session_id,item_id", ",", 0, 2),
        ('"User-ID";"ISBN";"Book-Rating"', ";", 0, 1),
        ("member_no,sku", ",", 0, 1),
        ("app_id,user_id,hours", ",", 1, 0),
        ("userID\tartistID\tweight", "\t", 0, 1),
        ("User,Song", ",", 0, 1),
        ("buyer,article_id", ",", 0, 1),
        ("PlayerID,Game", ",", 0, 1),
        ("customer,url", ",", 0, 1),
        ("userid,poi", ",", 0, 1),
        ("user,location_id", ",", 0, 1),
        ("reviewerName,reviewerID,asin,parent_asin", ",", 1, 3),
    ],
)
def test_usual_headers(read_back: ReadBack, header: str, separator: str, user: int, item: int) -> None:
    cells = [f"c{place}" for place in range(header.count(separator) + 1)]
    rows, bad = read_back(f"{header}\n{separator.join(cells)}\n".encode())
    assert (rows, bad) == ([{"user": f"c{user}", "item": f"c{item}"}], [])


@pytest.mark.parametrize(
    ("header", "both"),
    [
        ("user,customer,item", "'user' and 'customer' may all be the user column"),
        ("user,product,movie_id", "'product' and 'movie_id' may all be the item column"),
        ("user,item,item", "names the column 'item' twice"),
        ("user_id,userId,item", "'user_id' and 'userId' may all be"),
    ],
)
def test_two_candidates_are_both_named(bring: Bring, header: str, both: str) -> None:
    outcome = bring(interactions=f"{header}\na,b,c\n")
    assert outcome.code in ("ambiguous_column", "missing_column")
    assert both in outcome.message


def test_movielens_with_titles_and_tags(bring: Bring) -> None:
    outcome = bring(
        interactions="userId,movieId,rating,timestamp\n" + "".join(f"{u},{m},4.0,964982703\n" for u, m in GRID),
        items='movieId,title,genres\n0,"Night, The (1990)",Comedy|Drama\n1,Day (1991),Drama\n',
    )
    assert outcome.titles["0"] == "Night, The (1990)"
    assert sorted(outcome.dataset.tags.names) == ["Comedy", "Drama"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_json_lines(bring: Bring, pack: Callable[[bytes], bytes]) -> None:
    lines = [{"user_id": f"u{u}", "asin": f"B{i}", "rating": 5.0, "timestamp": 1588687728923} for u, i in GRID]
    text = "\n".join(map(json.dumps, lines))
    assert bring(interactions=pack(text.encode())).counts["users"] == 4
    outcome = bring('{"skipBadRows": true}', interactions=pack((text + "\n{broken\n").encode()))
    assert [(one.code, one.line) for one in outcome.problems] == [("bad_json", len(GRID) + 1)]
    assert outcome.code == "bad_rows"


def test_gzip_with_something_behind_it(bring: Bring) -> None:
    outcome = bring(GIVEN, train=gzip.compress(TRAIN.encode()) + b"garbage", test=TEST)
    assert outcome.code == "bad_gzip"
    assert "what follows its part 1" in outcome.message


def test_each_role_has_its_own_share_of_bad_rows(bring: Bring) -> None:
    rows = "".join(f"u{n % 7},i{n % 11}\n" for n in range(1000))
    rule = '{"split": {"kind": "given"}, "skipBadRows": true}'
    outcome = bring(rule, train="user,item\n" + rows, test="user,item\nu1,\nu2,i3\n")
    assert outcome.code == "bad_rows"
    assert (
        "1 of 2 rows of test cannot be read; skipBadRows leaves out at most 1% of the rows of each role"
        in outcome.message
    )
    lost = bring(
        '{"split": {"kind": "given"}, "minRating": 3}',
        train="user,item,rating\nu,i,4\nu,j,4\nv,i,4\n",
        test="user,item,rating\nv,j,1\n",
    )
    assert "of 1 rows of test none is left: 0 cannot be read, 1 are rated below minRating" in lost.message


@pytest.mark.parametrize(
    ("spell", "difference"),
    [
        (lambda item: f"{item}.0", "`.0` at the end"),
        (str.upper, "upper and lower case"),
        (lambda item: f"'{item}'", "quotes"),
        (lambda item: f"{item[0]} {item[1:]}", "blanks"),
    ],
)
def test_ids_that_differ_by_their_spelling_are_named(
    bring: Bring, spell: Callable[[str], str], difference: str
) -> None:
    train = "user,item\n" + "".join(f"u{u},i{i}\n" for u, i in GRID)
    test = "user,item\n" + "".join(f"u{u},{spell(f'i{i}')}\n" for u, i in GRID)
    outcome = bring(GIVEN, train=train, test=test)
    assert outcome.code == "dataset_too_small"
    assert f"the ids of items differ only by {difference}" in outcome.message


def test_a_test_part_of_strangers_is_a_warning(bring: Bring) -> None:
    train = "user,item\n" + "".join(f"u{u},i{i}\n" for u, i in GRID[:-1])
    test = "user,item\nu3,i5\n" + "".join(f"new{n},i1\n" for n in range(3))
    outcome = bring(GIVEN, train=train, test=test)
    assert outcome.counts["cold_dropped"] == 3
    [told] = outcome.problems
    assert (told.code, told.line) == ("cold_test", 0)
    assert told.message == "3 of 4 rows of test are left out: 3 users of test are not in train"


def test_problems_are_all_counted(bring: Bring) -> None:
    rows = "".join(f"u{n % 7},i{n % 11}\n" for n in range(20_000)) + ",x\n" * 150
    outcome = bring('{"skipBadRows": true}', interactions="user,item\n" + rows)
    assert (len(outcome.problems), outcome.counts["problems_total"]) == (100, 150)


def test_a_table_that_breaks_off_is_refused_without_a_path_of_ours(bring: Bring) -> None:
    outcome = bring(interactions='[{"user": "a", "item": "b"}, {"user":')
    assert outcome.code == "bad_dataset"
    assert "Malformed JSON in the file" in outcome.message
    assert "tmp" not in outcome.message


def test_an_archive_of_parts_says_how_to_bring_them(bring: Bring) -> None:
    outcome = bring(interactions=("parts.zip", zipped(**{"train.csv": TRAIN, "test.csv": TEST})))
    assert outcome.code == "missing_file"
    assert "unpack the archive and upload each of its files as what it is" in outcome.message


def test_ratings_that_differ_are_said_to_be_taken_once_and_count_as_no_problem(bring: Bring) -> None:
    def told(rule: str, stars: Callable[[int], float]) -> list[Problem]:
        rows = {
            role: "user,item,stars\n"
            + "".join(f"u{u},i{i},{stars(u + i)}\n" for u, i in GRID if ((u + i) % 3 == 0) is (role == "test"))
            for role in ("train", "test")
        }
        outcome = bring(rule, **rows)
        assert outcome.counts["problems_total"] == 0
        return outcome.problems

    # The least is in the one table, the largest in the other.
    [one] = told(GIVEN, lambda n: n % 3 + 0.5)
    assert (one.code, one.file, one.line, one.column) == ("ratings_all_taken", "", 0, "stars")
    assert one.message == "ratings from 0.5 to 2.5, all taken as likes unless minRating is given"
    assert told('{"minRating": 1, "split": {"kind": "given"}}', lambda n: n % 5 + 1) == []
    assert told(GIVEN, lambda n: 5) == []


def test_the_range_of_ratings_is_of_all_rows_that_are_taken(bring: Bring) -> None:
    """Also of those beyond the first batch; what is left out as bad or by the window is in none."""
    rows = "".join(f"u{n % 70},i{n % 110},{n % 3 + 2},{1_767_225_600 + n}\n" for n in range(200_000))
    others = ",i1,-9,1767225600\nu1,i1,99,1999999999\nu1,i1,none,1767225600\nu1,i1,7,1767225601\n"
    rule = '{"skipBadRows": true, "until": "2026-12-01"}'
    [row, one] = bring(rule, interactions="user,item,rating,timestamp\n" + rows + others).problems
    assert (row.code, one.code, one.column) == ("empty_id", "ratings_all_taken", "rating")
    assert one.message == "ratings from 2 to 7, all taken as likes unless minRating is given"
