"""What holds no table is refused by name, with what to do; archives are unpacked within limits."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.data.importing import archive, unpacking
from trainer.errors import BadDataset

Bring = Callable[..., Any]
ROWS = "user,item\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(35))


def zipped(members: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return packed.getvalue()


def tarred(members: dict[str, str], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as file:  # type: ignore[call-overload]
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            file.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "what", "advice"),
    [
        (zipped({"xl/workbook.xml": "x", "[Content_Types].xml": "x"}), "an Excel workbook (.xlsx)", "CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "an Excel workbook (.xls)", "CSV UTF-8"),
        (zipped({"mimetype": "x", "content.xml": "x"}), "an OpenDocument file", "as CSV"),
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
    for given in (data, zipped({"ratings.csv": data})):
        outcome = bring(interactions=given)
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
    ],
    ids=["ml-latest-small", "ml-1m", "ml-100k", "yelp", "amazon", "steam", "goodbooks", "lastfm"],
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


@pytest.mark.parametrize(
    "text",
    [
        '{"user":{"0":"a","1":"b"},"item":{"0":"x","1":"y"}}',
        '{"user": {"0": "a"}, "item": {"0": "x"}, "note": "' + "n" * (2 << 20) + '"}',
        '{\n  "user": "a",\n  "item": "x"\n}\n',
    ],
    ids=["to_json()", "to_json(), one line over 1 MiB", "indented"],
)
def test_json_that_is_one_object(bring: Bring, text: str) -> None:
    outcome = bring(interactions=text)
    assert outcome.code == "unsupported_format"
    assert 'orient="records"' in outcome.message


def test_a_published_name_does_not_take_a_header_for_a_row(bring: Bring) -> None:
    outcome = bring(interactions=("ratings_2024.csv", "datum,kunde,artikel,note\n2024-01-02,a,b,5\n"))
    assert outcome.code == "missing_column"
    assert "datum, kunde, artikel, note" in outcome.message
    rows = "".join(f"A{n % 5},B{n % 7},5.0,1370000000\n" for n in range(35))
    assert bring(interactions=("ratings_Books.csv", rows)).counts["users"] == 5
