"""Shapes of files out of public bug reports, each for its kind: imported as a person would read them, or refused with
the reason and the way out."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from trainer.data.importing import Head, ImportRule, Problem, preview_files

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


@pytest.mark.parametrize(
    ("items", "good"),
    [
        ("item,title\n" + "".join(f"{item},Night {n}, The\n" for n, item in enumerate("abc")), []),
        ("item,title\na,Night, The\nb,Two\nc,Day, The\n", ["b"]),
        ("item,title\n" + "".join(f"{n},Night {n}, The\n" for n in range(1, 4)), []),
        ("id,title\n" + "".join(f"{n},Night {n}, The\n" for n in range(3)), []),
        ("item,title\n" + 'a,Night, The\n"b","Two"\nc,Day, The\n', ["b"]),
    ],
)
def test_a_title_with_a_separator_in_it_shifts_no_column(bring: Bring, items: str, good: list[str]) -> None:
    outcome = bring(GIVEN, train=TRAIN, test=TEST, items=items)
    assert_base(outcome)
    assert [item for item, title in outcome.titles.items() if title] == good
    rows = items.count("\n") - 1
    bad = [(one.code, one.line) for one in outcome.problems if one.code == "ragged_row"]
    assert (len(bad), outcome.counts["rows_skipped"]) == (rows - len(good), rows - len(good))


@pytest.mark.parametrize("header", ["id,user,item,rating", "review_id,user,item,rating", ",user,item,rating"])
def test_a_decimal_comma_that_separates_shifts_no_column(bring: Bring, header: str) -> None:
    rows = "".join(f"{n},u{user},i{item},{item},5\n" for n, (user, item) in enumerate(GRID))
    quoted = '"id","user","item","rating"\n' + "".join(f'"{n}","u{u}","i{i}",{i},5\n' for n, (u, i) in enumerate(GRID))
    for text in (f"{header}\n{rows}", quoted):
        outcome = bring('{"minRating": 3}', interactions=text)
        assert (outcome.code, outcome.problems[0].message) == ("bad_rows", "5 fields where 4 are named")


def test_titles_with_row_names_of_r(bring: Bring) -> None:
    items = '"item_id","title"\n"1","a","Night, The"\n"2","c","Day"\n'
    assert bring(GIVEN, train=TRAIN, test=TEST, items=items).titles == {"a": "Night, The", "b": "", "c": "Day"}


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


UNREADABLE = [
    (b"item_id,title,title\na,One,1\n", "names the column 'title' twice"),
    (b"item_id,colour\na,red\n", "no title and no tags column is recognised among item_id, colour"),
    ("item_id,title\na,One\n".encode("utf-16"), "line 1 is UTF-16"),
    (b"", "is empty"),
    (gzip.compress(b"item_id,title\na,One\n" * 99)[:-9], "ends in the middle of its gzip data"),
    (b"SQLite format 3\0" + bytes(99), "is a SQLite database"),
    (b"PAR1 and no more PAR1", "is a damaged Parquet file"),
    (b'[{"item_id": "a", "title": "One"}, {"item_id":', "Malformed JSON"),
]


@pytest.mark.parametrize(("items", "why"), UNREADABLE)
@pytest.mark.parametrize("is_member", [False, True])
def test_titles_that_cannot_be_read_refuse_no_interactions(
    bring: Bring, items: bytes, why: str, is_member: bool
) -> None:
    rows = "user_id,item_id\n" + "".join(f"u{user},i{item}\n" for user, item in GRID)
    name = "shop.zip: titles.csv" if is_member else "titles.csv"
    files = {"interactions": ("orders.csv", rows.encode()), "items": ("titles.csv", items)}
    if is_member:
        files = {"interactions": ("shop.zip", zipped(**dict(files.values())))}
    outcome = bring(**files, items_2="item_id,title\ni1,First\n")
    assert outcome.counts["users"] == 4
    [told] = outcome.problems
    assert (told.code, told.file, told.line) == ("left_out", name, 0)
    assert told.message.startswith(name) and why in told.message
    assert (outcome.counts["problems_total"], outcome.counts["titled_items"]) == (1, 1)
    seen = preview_files([Head(role, *file, is_whole=True) for role, file in files.items()], ImportRule())
    assert (seen.problems, seen.warnings) == ([], [told])


@pytest.mark.parametrize("is_named", [False, True])
def test_titles_whose_columns_are_named_must_have_them(bring: Bring, is_named: bool) -> None:
    own = {"files": {"titles.csv": {"title": "label"}}} if is_named else {"items": {"title": "label"}}
    rule = json.dumps({"split": {"kind": "given"}, "columns": own})
    outcome = bring(rule, train=TRAIN, test=TEST, items=("titles.csv", "item_id,title\na,One\n"))
    assert (outcome.code, "has no column 'label'" in outcome.message) == ("missing_column", True)
    empty = bring(rule, train=TRAIN, test=TEST, items=("titles.csv", ""))
    assert_base(empty)
    assert [(one.code, one.message) for one in empty.problems] == [("left_out", "titles.csv is empty")]


def test_titles_in_latin_1_are_read_and_it_is_said(bring: Bring) -> None:
    outcome = bring(GIVEN, train=TRAIN, test=TEST, items=b"item_id,title\na,One\nb,Caf\xe9 \x96 two\nc,Three\n")
    assert_base(outcome)
    assert outcome.titles["b"] == "Café – two"
    [told] = outcome.problems
    assert (told.code, told.file, "Windows-1252" in told.message) == ("encoding", "items.csv", True)


@pytest.mark.parametrize(
    "form",
    [
        'item_id,title\n{a},Café 東京\nb,"{b}"\nc,Three\n',
        '[{{"item_id": "{a}", "title": "Café 東京"}}, {{"item_id": "b", "title": "{b}"}}]',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_one_line_in_latin_1_spoils_no_other(bring: Bring, form: str, end: str) -> None:
    text = form.format(a="a", b="?").replace("\n", end).encode()
    outcome = bring(GIVEN, train=TRAIN, test=TEST, items=text.replace(b"?", b"Caf\xe9 \x96 \x81two"))
    assert (outcome.titles["a"], outcome.titles["b"]) == ("Café 東京", "Café – \x81two")
    assert [one.code for one in outcome.problems] == ["encoding"]


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
        ("SessionId,ItemId,Time", ",", 0, 1),
        ("session,product_id", ",", 0, 1),
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
        ("id_user,id_item", ",", 0, 1),
        ("Kundennummer;Kundenname;Artikelnummer;Artikelbezeichnung;Menge", ";", 0, 2),
        ("Käufer;Produkt-Nr", ";", 0, 1),
        ("id_cliente;producto", ";", 0, 1),
        ("ID Utilisateur;Produit", ";", 0, 1),
        ("codice,utente,prodotto", ",", 1, 2),
    ],
)
def test_usual_headers(read_back: ReadBack, header: str, separator: str, user: int, item: int) -> None:
    cells = [f"c{place}" for place in range(header.count(separator) + 1)]
    rows, bad = read_back(f"{header}\n{separator.join(cells)}\n".encode())
    assert (rows, bad) == ([{"user": f"c{user}", "item": f"c{item}"}], [])


def test_a_spreadsheet_of_a_german_shop(bring: Bring) -> None:
    rows = "".join(f"K{user};A{item};{'4,5' if item % 2 else '3,5'};{1 + item}.11.2026\n" for user, item in GRID)
    titles = "".join(f"A{item};Ding {item};Dinge\n" for item in sorted({item for _, item in GRID}))
    outcome = bring(
        '{"minRating": 4}',
        interactions="Kunden-Nr;Artikel-Nr;Bewertung;Datum\n" + rows,
        items="Artikelnummer;Bezeichnung;Kategorie\n" + titles,
    )
    assert (outcome.message, outcome.counts["below_threshold"]) == ("", len(GRID) // 2)
    assert outcome.titles["A1"] == "Ding 1"


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
    imported = bring(interactions=pack(text.encode()))
    assert imported.counts["users"] == 4
    assert imported.dataset.statistics["times"]["from_ms"] == 1588687728923
    assert "milliseconds" in imported.dataset.statistics["times"]["form"]
    outcome = bring('{"skipBadRows": true}', interactions=pack((text + "\n{broken\n").encode()))
    assert [(one.code, one.line) for one in outcome.problems] == [("bad_json", len(GRID) + 1)]
    assert outcome.code == "bad_rows"


def test_gzip_with_something_behind_it(bring: Bring) -> None:
    outcome = bring(GIVEN, train=gzip.compress(TRAIN.encode()) + b"garbage", test=TEST)
    assert outcome.code == "bad_gzip"
    assert "what follows its part 1" in outcome.message


def test_leaving_rows_out_is_offered_where_it_is_possible(bring: Bring) -> None:
    rows = "".join(f"u{n % 7},i{n % 11}\n" for n in range(200))
    few = bring("{}", interactions="user,item\n" + rows + "u1,\n")
    assert "1 of 201 rows of interactions cannot be read; mend them or ask for skipBadRows" in few.message
    many = bring("{}", interactions="user,item\n" + rows + "u1,\n" * 3)
    assert "3 of 203 rows of interactions cannot be read; mend them: skipBadRows leaves out at most 1%" in many.message


def test_each_role_has_its_own_share_of_bad_rows(bring: Bring) -> None:
    rows = "".join(f"u{n % 7},i{n % 11}\n" for n in range(1000))
    rule = '{"split": {"kind": "given"}, "skipBadRows": true}'
    outcome = bring(rule, train="user,item\n" + rows, test="user,item\nu1,\nu2,i3\n")
    assert outcome.code == "bad_rows"
    assert (
        "1 of 2 rows of test cannot be read; mend them: skipBadRows leaves out at most 1% of the rows of each role"
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


@pytest.mark.parametrize(
    ("spell", "why"),
    [
        (lambda item: f"{item}.0", "differ only by `.0` at the end ('0.0' here, '0' in the interactions)"),
        (lambda item: f"0{item}", "differ only by zeros before the number ('00' here, '0' in the interactions)"),
        (lambda item: f"title {item}", ""),
        (lambda item: f"{item}.0" if item > 1 else str(item), "2 of 6 items of the interactions have a title or tags"),
        (lambda item: str(item) if item > 4 else f"title {item}", None),
        (str, None),
    ],
)
@pytest.mark.parametrize("what", ["title", "tags"])
def test_titles_that_meet_no_item_are_told(
    bring: Bring, spell: Callable[[int], str], why: str | None, what: str
) -> None:
    rows = "user,item\n" + "".join(f"u{user},{item}\n" for user, item in GRID)
    items = f"item,{what}\n" + "".join(f"{spell(item)},x\n" for item in range(6))
    told = bring(interactions=rows, items=("katalog.csv", items)).problems
    assert [(one.code, one.file, one.line) for one in told] == (
        [] if why is None else [("unmet_titles", "katalog.csv", 0)]
    )
    assert why is None or (why in told[0].message and ("differ" in told[0].message) is bool(why))


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
    assert "say that the split is given" in outcome.message
    outcome = bring(interactions=("parts.zip", zipped(**{"train.csv": TRAIN, "valid.csv": TEST})))
    assert "unpack the archive and upload each of its files as what it is" in outcome.message


def test_an_archive_of_parts_is_read_as_its_files_are(bring: Bring) -> None:
    parts = {"train": TRAIN, "test": TEST}
    packed = bring(GIVEN, interactions=("parts.zip", zipped(**{f"{name}.csv": text for name, text in parts.items()})))
    assert packed.counts == bring(GIVEN, **parts).counts
    whole = bring(GIVEN, interactions=("one.zip", zipped(**{"ratings.csv": TRAIN})))
    assert whole.code == "missing_file"
    assert "made from train and test, not from interactions" in whole.message
    assert bring(GIVEN, interactions=TRAIN).code == "missing_file"


def test_a_test_part_of_strangers_in_an_archive_is_a_warning_that_names_it(bring: Bring) -> None:
    train = "user,item\n" + "".join(f"u{u},i{i}\n" for u, i in GRID[:-1])
    test = "user,item\nu3,i5\n" + "".join(f"new{n},i1\n" for n in range(3))
    outcome = bring(GIVEN, interactions=("parts.zip", zipped(**{"train.csv": train, "test.csv": test})))
    assert [told.file for told in outcome.problems if told.code == "cold_test"] == ["parts.zip"]


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
