"""What holds no table is refused by name, with what to do; archives are unpacked within limits."""

import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.data.importing import Head, ImportRule, Preview, archive, preview_files, unpacking
from trainer.errors import BadDataset

Bring = Callable[..., Any]
ReadBack = Callable[..., tuple[list[dict[str, str]], list[Any]]]
ROWS = "user,item\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(35))


def zipped(members: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return packed.getvalue()


def tarred(members: dict[str, str | bytes], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as file:  # type: ignore[call-overload]
        for name, given in members.items():
            data = given.encode() if isinstance(given, str) else given
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "what", "advice"),
    [
        (zipped({"xl/workbook.xml": "x", "[Content_Types].xml": "x"}), "an Excel workbook (.xlsx)", "CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "an Excel workbook (.xls)", "CSV UTF-8"),
        (zipped({"mimetype": "x", "content.xml": "x"}), "an OpenDocument file", "as CSV"),
        (zipped({"Index/Tables/DataList.iwa": "x", "preview.jpg": "x"}), "an Apple Numbers document", "as CSV"),
        (b"SQLite format 3\0" + b"\0" * 99, "a SQLite database", "sqlite3 -header -csv"),
        (b"%PDF-1.7\n", "a PDF document", "a table is needed"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive", "unpack it"),
        (b"\x80\x04\x95\x10", "a Python pickle, which may run any code and is never opened", "to_csv"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "to_csv"),
        (b"\x93NUMPY\x01\0v\0", "a NumPy array", "to_csv"),
        (zipped({"a.npy": b"\x93NUMPY"}), "a NumPy archive (.npz)", "to_csv"),
        (zipped({"model/data.pkl": b"\x80\x02"}), "a PyTorch file", "to_csv"),
        (b"ARROW1\0\0", "an Arrow or Feather file", "to_csv"),
        (b"BZh91AY&SY", "a bzip2 file", "unpack it"),
        (b"\xfd7zXZ\0", "an xz file", "unpack it"),
        (b"<!DOCTYPE html><html>", "a web page", "download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS", "git lfs pull"),
    ],
)
def test_a_known_kind_is_named(bring: Bring, data: bytes, what: str, advice: str) -> None:
    archives = [{"ratings.csv": data}, {"book": data}, {"README.md": "x", "shop/orders.bin": data, "more.bin": data}]
    for given in (data, *map(zipped, archives), tarred({"book": data})):
        outcome = bring(interactions=("a", given))
        assert preview_files([Head("", "a", given, is_whole=True)], ImportRule()).problems[0].message == outcome.message
        assert outcome.code == "unsupported_format"
        assert what in outcome.message
        assert advice in outcome.message


MOVIELENS_SMALL = {
    "ml-latest-small/": "",
    "ml-latest-small/README.txt": "read me",
    "ml-latest-small/links.csv": "movieId,imdbId,tmdbId\n1,0114709,862\n",
    "ml-latest-small/tags.csv": "userId,movieId,tag,timestamp\n2,1,funny,1445714994\n",
    "ml-latest-small/ratings.csv": "userId,movieId,rating,timestamp\n"
    + "".join(f"{n % 5},{n % 7},4.0,964982703\n" for n in range(35)),
    "ml-latest-small/movies.csv": 'movieId,title,genres\n1,"Night, The (1990)",Comedy|Drama\n2,Day (1991),Drama\n',
}
MOVIELENS_1M = {
    "ml-1m/README": "x",
    "ml-1m/users.dat": "1::F::1::10::48067\n",
    "ml-1m/ratings.dat": "".join(f"{n % 5}::{n % 7}::4::978300760\n" for n in range(35)),
    "ml-1m/movies.dat": "1::Misérables, Les (1995)::Drama|Musical\n2::Day (1991)::Drama\n".encode("latin-1"),
}
MOVIELENS_100K = {
    "ml-100k/u.data": "".join(f"{n % 5}\t{n % 7}\t4\t881250949\n" for n in range(35)),
    "ml-100k/u.item": b"1|Caf\xe9 (1995)|01-Jan-1995||http://x|0|0|1\n2|Day (1991)|01-Jan-1995||http://y|0|0|0\n",
    "ml-100k/u.genre": "unknown|0\n",
    "ml-100k/u1.base": "1\t1\t5\t874965758\n",
    "ml-100k/u1.test": "1\t6\t5\t887431973\n",
    "ml-100k/u.user": "1|24|M|technician|85711\n",
}
YELP = {
    "yelp_academic_dataset_review.json": "".join(
        f'{{"review_id":"r{n}","user_id":"u{n % 5}","business_id":"{n % 7}","stars":4.0,'
        '"text":"so \\"good\\"\\nreally","date":"2018-07-07 22:09:11"}\n'
        for n in range(35)
    ),
    "yelp_academic_dataset_business.json": (
        '{"business_id":"1","name":"Café","stars":3.0,"categories":"Food, Bars","hours":null,'
        '"attributes":{"x":"y"}}\n{"business_id":"2","name":"Two","categories":null}\n'
    ),
    "yelp_academic_dataset_user.json": '{"user_id":"u1","name":"Ann"}\n',
    "yelp_academic_dataset_tip.json": '{"user_id":"u1","business_id":"1","text":"x"}\n',
}
AMAZON = {
    "All_Beauty.jsonl": "".join(
        f'{{"rating": 5.0, "title": "Nice", "images": [], "asin": "B{n}", "parent_asin": "{n % 7}", '
        f'"user_id": "u{n % 5}", "timestamp": 1588687728923}}\n'
        for n in range(35)
    ),
    "meta_All_Beauty.jsonl": (
        '{"main_category": "All Beauty", "title": "Howard", "categories": ["Hair", "Care"], '
        '"parent_asin": "1"}\n{"title": "Two", "categories": [], "parent_asin": "2"}\n'
    ),
}
STEAM = {
    "games.csv": "app_id,title,date_release\n1,Prince of Persia,2008-08-21\n2,Two,2009-01-01\n",
    "recommendations.csv": "app_id,helpful,funny,date,is_recommended,hours,user_id,review_id\n"
    + "".join(f"{n % 7},0,0,2022-12-12,true,36.3,{n % 5},{n}\n" for n in range(35)),
    "users.csv": "user_id,products,reviews\n1,2,3\n",
}
LASTFM_HETREC = {
    "user_artists.dat": "userID\tartistID\tweight\n" + "".join(f"{n % 5}\t{n % 7}\t13883\n" for n in range(35)),
    "artists.dat": 'id\tname\turl\tpictureURL\n1\tMALICE "MIZER\thttp://x\thttp://y\n2\tTwo\thttp://x\t\n',
    "tags.dat": b"tagID\ttagValue\n1\tm\xe9tal\n",
    "user_taggedartists.dat": "userID\tartistID\ttagID\tday\n1\t1\t1\t1\n",
    "user_friends.dat": "userID\tfriendID\n1\t2\n",
}


GOODBOOKS = {
    "ratings.csv": "user_id,book_id,rating\n" + "".join(f"{n % 5},{n % 7},4\n" for n in range(35)),
    "books.csv": "book_id,goodreads_book_id,isbn,isbn13,authors,title\n1,7,044,978,A,One\n2,8,045,979,B,Two\n",
    "book_tags.csv": "goodreads_book_id,tag_id,count\n7,1,2\n",
    "to_read.csv": "user_id,book_id\n1,2\n",
}
MOVIELENS_10M = {
    "ml-10M100K/movies.dat": "1::Misérables, Les (1995)::Drama|Musical\n2::Day (1991)::(no genres listed)\n",
    "ml-10M100K/ratings.dat": "".join(f"{n % 5}::{n % 7}::4.5::838985046\n" for n in range(35)),
    "ml-10M100K/tags.dat": "15::4973::excellent!::1215184630\n",
    "ml-10M100K/README.html": "<html>",
    "ml-10M100K/split_ratings.sh": "#!/bin/bash\n",
}
MOVIELENS_25M = {
    **{name.replace("latest-small", "25m"): text for name, text in MOVIELENS_SMALL.items()},
    "ml-25m/genome-scores.csv": "movieId,tagId,relevance\n1,1,0.02875\n",
    "ml-25m/genome-tags.csv": "tagId,tag\n1,007\n",
}
AMAZON_2014 = {
    "reviews_Beauty_5.json": "".join(
        f'{{"reviewerID": "u{n % 5}", "asin": "{n % 7}", "reviewerName": "A", "helpful": [3, 4], "reviewText": "x", '
        f'"overall": 1.0, "summary": "y", "unixReviewTime": 1391040000, "reviewTime": "01 30, 2014"}}\n'
        for n in range(35)
    ),
    "meta_Beauty.json": "".join(
        f"{{'asin': '{item}', 'title': '{title}', 'imUrl': 'x', 'salesRank': {{'Beauty': 1}}, "
        f"'categories': [['Hair', 'Care']], 'related': {{'also_bought': ['B1']}}}}\n"
        for item, title in (("1", "Howard\\'s"), ("2", "Two"))
    ),
}
AMAZON_2018 = {
    "All_Beauty_5.json": "".join(
        f'{{"overall": 5.0, "verified": true, "reviewTime": "09 1, 2016", "reviewerID": "u{n % 5}", "asin": "{n % 7}", '
        f'"style": {{"Size:": " 7"}}, "reviewerName": "A", "reviewText": "x", "unixReviewTime": 1472688000}}\n'
        for n in range(35)
    ),
    "meta_All_Beauty.json": '{"category": ["Hair"], "title": "Howard", "also_buy": [], "brand": "B", "asin": "1"}\n'
    '{"category": [], "title": "Two", "details": {"ASIN: ": "2"}, "asin": "2"}\n',
}
STEAM_UCSD = {
    "steam_reviews.json": "".join(
        f"{{u'username': u'A', u'hours': {n}.5, u'product_id': u'{n % 7}', u'date': u'2017-12-17', "
        f"u'text': u\"it's\", u'early_access': False, u'page': 1, u'user_id': u'{n % 5}'}}\n"
        for n in range(35)
    ),
    "steam_games.json": "".join(
        f"{{u'publisher': u'K', u'genres': [u'Action', u'Indie'], u'app_name': u'{title}', u'title': u'{title}', "
        f"u'id': u'{item}', u'price': 4.99}}\n"
        for item, title in (("1", "Lost"), ("2", "Two"))
    ),
}
STEAM_METADATA = {
    **STEAM,
    "games_metadata.json": '{"app_id":1,"description":"x","tags":["Action","RPG"]}\n{"app_id":2,"tags":[]}\n',
}


@pytest.mark.parametrize(
    ("members", "titles", "tags", "codes"),
    [
        (MOVIELENS_SMALL, ["Night, The (1990)", "Day (1991)"], {"Comedy", "Drama"}, {"left_out"}),
        (MOVIELENS_1M, ["Misérables, Les (1995)", "Day (1991)"], {"Drama", "Musical"}, {"left_out", "encoding"}),
        (MOVIELENS_100K, ["Café (1995)", "Day (1991)"], set(), {"left_out", "encoding"}),
        (YELP, ["Café", "Two"], {"Food", "Bars"}, {"left_out"}),
        (AMAZON, ["Howard", "Two"], {"Hair", "Care"}, set()),
        (STEAM, ["Prince of Persia", "Two"], set(), {"left_out"}),
        (GOODBOOKS, ["One", "Two"], set(), {"left_out"}),
        (LASTFM_HETREC, ['MALICE "MIZER', "Two"], set(), {"left_out"}),
        (MOVIELENS_10M, ["Misérables, Les (1995)", "Day (1991)"], {"Drama", "Musical"}, {"left_out"}),
        (MOVIELENS_25M, ["Night, The (1990)", "Day (1991)"], {"Comedy", "Drama"}, {"left_out"}),
        (AMAZON_2014, ["Howard's", "Two"], {"Hair", "Care"}, set()),
        (AMAZON_2018, ["Howard", "Two"], {"Hair"}, set()),
        (STEAM_UCSD, ["Lost", "Two"], {"Action", "Indie"}, set()),
        (STEAM_METADATA, ["Prince of Persia", "Two"], {"Action", "RPG"}, {"left_out", "merged"}),
    ],
    ids=[
        *("ml-latest-small", "ml-1m", "ml-100k", "yelp", "amazon", "steam", "goodbooks", "lastfm", "ml-10m", "ml-25m"),
        *("amazon-2014", "amazon-2018", "steam-ucsd", "steam-metadata"),
    ],
)
def test_published_archives(
    bring: Bring, members: dict[str, str | bytes], titles: list[str], tags: set[str], codes: set[str]
) -> None:
    outcome = bring(interactions=("published.zip", zipped(members)))
    assert outcome.counts["users"] == 5
    assert outcome.counts["interactions"] + outcome.counts["cold_dropped"] == 35
    assert [outcome.titles[item] for item in ("1", "2")] == titles
    assert set(outcome.dataset.tags.names) == tags
    assert {one.code for one in outcome.problems} == codes


@pytest.mark.parametrize(
    ("name", "row", "item"),
    [
        (
            "lastfm-dataset-1K/userid-timestamp-artid-artname-traid-traname.tsv",
            'user_{user:06d}\t2009-05-04T23:08:57Z\t{item:036x}\tartist {item}\t\tA "quoted\n',
            "artist 0",
        ),
        ("steam-200k.csv", "15160313{user},Game {item},play,27.0,0\n", "Game 0"),
        ("ratings_Beauty.csv", "A{user},{item:010d},5.0,1369699200\n", "0000000000"),
    ],
)
def test_published_tables_without_a_header(bring: Bring, name: str, row: str, item: str) -> None:
    rows = "".join(row.format(user=n % 5, item=n % 7) for n in range(35))
    for given in ((name, rows), ("published.zip", zipped({name: rows}))):
        outcome = bring(interactions=given)
        assert (outcome.counts["users"], outcome.dataset.items.id(0)) == (5, item)
        assert {one.code for one in outcome.problems} <= {"ratings_all_taken"}


def test_a_tar_that_is_packed(bring: Bring) -> None:
    rows = "".join(f"{n % 5:040x}\t\tartist {n % 7}\t{n + 1}\n" for n in range(35))
    members = {
        "lastfm-dataset-360K/usersha1-artmbid-artname-plays.tsv": rows,
        "lastfm-dataset-360K/usersha1-profile.tsv": "00000c28\tm\t\tGermany\tFeb 1, 2007\n",
        "lastfm-dataset-360K/README.txt": "x",
    }
    outcome = bring(interactions=("lastfm-dataset-360K.tar.gz", tarred(members, "w:gz")))
    assert outcome.counts["users"] == 5
    assert outcome.dataset.items.id(0).startswith("artist ")
    yelp = {name: str(text) for name, text in YELP.items()}
    nested = zipped({"Yelp JSON/yelp_dataset.tar": tarred(yelp), "Yelp JSON/Dataset_User_Agreement.pdf": b"%PDF-"})
    assert bring(interactions=("yelp_json.zip", nested)).counts["users"] == 5


def test_reviews_as_python_writes_them(bring: Bring) -> None:
    """As the reviews of Steam and Amazon's metadata of 2014 are published."""
    text = "".join(
        f"{{u'username': u'Ann', u'hours': {n}.5, u'product_id': u'{n % 7}', u'user_id': u'00{n % 5}'}}\n"
        for n in range(35)
    )
    outcome = bring(interactions=text)
    assert outcome.dataset.users.ids(slice(0, 2)) == ["000", "001"]


def test_an_archive_that_says_nothing_is_refused_with_what_is_in_it(bring: Bring) -> None:
    outcome = bring(interactions=("x.zip", zipped({"a.csv": ROWS, "b.csv": ROWS})))
    assert outcome.code == "missing_file"
    assert "a.csv, b.csv" in outcome.message


@pytest.mark.parametrize("name", ["ratings", "shop/u.rows"])
def test_a_table_without_a_usual_ending_is_known_by_what_it_holds(bring: Bring, name: str) -> None:
    assert bring(interactions=("x.zip", zipped({name: ROWS, "README": "x"}))).counts["users"] == 5
    rows = "user,item\n" + "".join(f"u{n},i{n * 7919 % 100_003}\n" for n in range(60_000))
    made = preview_of_ends(zipped({name: rows}))
    assert (made.problems, [len(one.rows) for one in made.tables]) == ([], [20])


def test_the_ends_of_an_archive_tell_a_workbook_in_it() -> None:
    workbook = zipped({"[Content_Types].xml": "x", "xl/sheet.xml": random.Random(1).randbytes(300_000)})
    [problem] = preview_of_ends(zipped({"orders.xlsx": workbook})).problems
    assert "x.zip: orders.xlsx is an Excel workbook" in problem.message


def preview_of_ends(data: bytes) -> Preview:
    return preview_files([Head("", "x.zip", data[:60_000], False, data[-60_000:], len(data) - 60_000)], ImportRule())


def test_names_in_archives_are_never_paths(bring: Bring, tmp_path: Any) -> None:
    outcome = bring(interactions=("x.zip", zipped({"../../../evil-ratings.csv": ROWS})))
    assert outcome.counts["users"] == 5
    assert not list(tmp_path.rglob("evil*"))


def test_archives_have_limits(bring: Bring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bomb = zipped({"ratings.csv": "user,item\n" + "aaaa,b\n" * (6 << 20)})
    assert bring(interactions=("x.zip", bomb)).code == "too_large"
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    assert bring(interactions=("x.zip", zipped({f"{n}.csv": ROWS for n in range(4)}))).code == "too_large"
    scratch = unpacking.Scratch(tmp_path, most=100)
    scratch.unpack(iter([b"a" * 60]), "a.csv")
    scratch.copy(iter([b"a" * 60]))  # of what is here already
    with pytest.raises(BadDataset, match=r"b\.csv unpacks to more than 100 bytes"):
        scratch.unpack(iter([b"b" * 41]), "b.csv")
    nested = zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"d.zip": zipped({"e.csv": ROWS})})})})})
    assert bring(interactions=("x.zip", nested)).code == "unsupported_format"


OBJECTS = [{"user": f"u{n % 5}", "item": f"i{n % 7}"} for n in range(35)]
ROWS_OF_LISTS = [list(one.values()) for one in OBJECTS]
OF_LISTS, AROUND, OF_COLUMNS = (
    "JSON whose rows are lists",
    "one JSON object around the rows",
    "one JSON object of columns",
)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"user":{"0":"a","1":"b"},"item":{"0":"x","1":"y"}}', OF_COLUMNS),
        ('{"user": {"0": "a"}, "item": {"0": "x"}, "note": "' + "n" * (2 << 20) + '"}', OF_COLUMNS),
        ('{\n  "user": "a",\n  "item": "x"\n}\n', "a JSON object over several lines"),
        (json.dumps(ROWS_OF_LISTS), OF_LISTS),
        (json.dumps(ROWS_OF_LISTS, indent=1), OF_LISTS),
        ("\n".join(map(json.dumps, ROWS_OF_LISTS)), OF_LISTS),
        ("[0, 2]\n[1, 3]\n", OF_LISTS),
        (json.dumps({"interactions": OBJECTS}), AROUND),
        ("\ufeff" + json.dumps({"interactions": OBJECTS}, indent=1), "a JSON object over several lines"),
        ('{"data": [' + ",\n".join(map(json.dumps, OBJECTS)) + "\n]}\n", AROUND),
        (json.dumps({"count": 35, "next": None, "data": OBJECTS * 9_000}), AROUND),
        (json.dumps({"meta": {"count": 35}, "data": OBJECTS}), AROUND),
        (json.dumps({"columns": ["user", "item"], "index": [0], "data": ROWS_OF_LISTS * 9_000}), AROUND),
        (json.dumps(dict(enumerate(OBJECTS))), AROUND),
    ],
)
def test_json_without_an_object_a_row(bring: Bring, text: str, what: str) -> None:
    for rule in ("{}", '{"columns": {"user": 1, "item": 2}}'):
        outcome = bring(rule, interactions=("a.json", text))
        assert outcome.code == "unsupported_format"
        assert outcome.message.startswith(f"a.json is {what}")
        assert 'orient="records"' in outcome.message


@pytest.mark.parametrize(
    "more", [{"images": [{"url": "x"}]}, {"images": []}, {"parts": [[1], [2]]}, {"a": {"b": [{}]}}]
)
@pytest.mark.parametrize("first", ["", '{"images": [{"url": \n'])
def test_objects_a_row_may_hold_lists(read_back: ReadBack, more: dict, first: str) -> None:
    lines = [json.dumps(more | one) for one in OBJECTS]
    for text in ("\n".join(lines), *([lines[0]] if not first else [])):
        rows, bad = read_back((first + text).encode())
        assert (rows, len(bad)) == (OBJECTS[: len(rows)], bool(first))
        assert rows


def test_a_published_name_does_not_take_a_header_for_a_row(bring: Bring) -> None:
    outcome = bring(interactions=("ratings_2024.csv", "paiva,asiakas,tuote,arvio\n2024-01-02,a,b,5\n"))
    assert outcome.code == "missing_column"
    assert "paiva, asiakas, tuote, arvio" in outcome.message
    rows = "".join(f"A{n % 5},B{n % 7},5.0,1370000000\n" for n in range(35))
    assert bring(interactions=("ratings_Books.csv", rows)).counts["users"] == 5
