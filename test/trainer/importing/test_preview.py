"""A preview says what an import would make of the first bytes."""

import gzip
import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet
import pytest

from trainer.data.importing import Head, ImportRule, Preview, preview_files
from trainer.data.importing import preview as preview_module
from trainer.data.importing.heads import HEAD_BYTES

RATINGS = "userId,movieId,rating,timestamp\n" + "".join(f"{n % 99},{n},4.5,964982703\n" for n in range(9_000))


def preview(*files: tuple[str, str, bytes | str], rule: str = "{}") -> Preview:
    heads = []
    for role, name, given in files:
        data = given.encode() if isinstance(given, str) else given
        heads.append(Head(role, name, data[:HEAD_BYTES], len(data) < HEAD_BYTES))
    return preview_files(heads, ImportRule.parse(rule))


def roles(made: Preview, table: int = 0) -> dict[str, str]:
    return {column.name: column.role for column in made.tables[table].columns}


def test_columns_rows_and_dialect_of_the_beginning_of_a_file() -> None:
    made = preview(("interactions", "ratings.csv", RATINGS))
    [table] = made.tables
    assert (table.format, table.separator, table.quote, table.encoding) == ("csv", ",", '"', "utf-8")
    assert (table.header, table.first_line) == (True, 2)
    assert roles(made) == {"userId": "user", "movieId": "item", "rating": "rating", "timestamp": "timestamp"}
    assert table.columns[0].why == "'userId' is a usual name"
    assert (len(table.rows), table.rows[1]) == (20, ["1", "1", "4.5", "2000-07-30T18:45:03Z"])
    assert table.columns[3].form == "seconds"
    assert (made.problems, made.warnings) == ([], [])  # the last line is cut, which is none of its faults


def test_packed_files_whose_end_is_missing() -> None:
    for packed in (gzip.compress(RATINGS.encode()), pa.compress(RATINGS.encode(), "zstd", asbytes=True)):
        made = preview_files([Head("interactions", "ratings", packed[:20_000], is_whole=False)], ImportRule())
        assert [len(table.rows) for table in made.tables] == [20]
        assert made.problems == []
    [damaged] = preview(("interactions", "ratings.csv.gz", b"\x1f\x8b\x08" + b"\xff" * HEAD_BYTES)).problems
    assert damaged.code == "bad_gzip"


def test_an_archive_by_the_members_at_its_beginning() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml/links.csv", "movieId,imdbId\n1,2\n")
        archive.writestr("ml/movies.csv", "movieId,title,genres\n1,One,A|B\n")
        archive.writestr("ml/ratings.csv", RATINGS)
    made = preview_files([Head("interactions", "ml.zip", file.getvalue()[:20_000], is_whole=False)], ImportRule())
    assert [(table.name, table.role) for table in made.tables] == [
        ("ml.zip: ml/movies.csv", "items"),
        ("ml.zip: ml/ratings.csv", "interactions"),
    ]
    assert made.problems == []
    assert [one.code for one in made.warnings] == ["not_shown"]


def test_an_archive_whose_first_member_fills_its_beginning() -> None:
    """As MovieLens' are: what the first member is nobody knows before the others are seen."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ml/links.csv", "movieId,imdbId\n" + "".join(f"{n},{n}\n" for n in range(9_000)))
        archive.writestr("ml/movies.csv", "movieId,title,genres\n1,One,A|B\n")
        archive.writestr("ml/ratings.csv", RATINGS)
    made = preview(("", "ml.zip", file.getvalue()))
    assert (made.tables, made.problems) == ([], [])
    assert [(one.code, one.file, "seen on import" in one.message) for one in made.warnings] == [
        ("not_shown", "ml.zip", True)
    ]


def test_what_unpacks_to_more_than_is_shown_is_cut_behind_a_line() -> None:
    text = "user,item\n" + "".join(f"u{n % 9},i{n % 8}\r\n" for n in range(300_000))
    packed = gzip.compress(text.encode())
    assert len(packed) < HEAD_BYTES < preview_module._MOST_UNPACKED < len(text)
    for name, data in (("a.csv.gz", packed), ("a.zip", zipped(text))):
        made = preview(("interactions", name, data))
        assert ([len(table.rows) for table in made.tables], made.problems) == ([20], [])


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", text)
    return file.getvalue()


def test_a_quote_that_swallows_what_follows_is_named() -> None:
    rows = "".join(f"u{n % 9},i{n}\n" for n in range(3_000))
    made = preview(("interactions", "a.csv", f'user,item\nu1,i1\nu2,"i2\n{rows}'))
    assert [(one.code, one.line) for one in made.problems] == [("unclosed_quote", 3)]


def test_a_beginning_that_ends_within_a_cell_of_several_lines() -> None:
    head = "user,item,text\n" + 'u,i,"two\nlines"\n' * 20 + 'u,i,"cut\nhere, and'
    made = preview_files([Head("interactions", "a.csv", head.encode(), is_whole=False)], ImportRule())
    assert (len(made.tables[0].rows), made.problems) == (20, [])
    whole = preview(("interactions", "a.csv", head))
    assert [(one.code, one.line) for one in whole.problems] == [("unclosed_quote", 42), ("ragged_row", 43)]


def test_only_columns_that_an_import_looks_at_are_refused() -> None:
    twice = "user,item,date,date\na,b,1,2\n"
    assert preview(("interactions", "a.csv", twice)).problems == []
    named = preview(("interactions", "a.csv", twice), rule='{"columns": {"timestamp": "when"}}')
    assert [(one.code, "'when'" in one.message) for one in named.problems] == [("missing_column", True)]


def test_titles_in_latin_1_are_told_by_their_columns() -> None:
    orders = ("", "orders.csv", "user,item\nu,i\n")
    made = preview(orders, ("", "katalog.csv", b"item,title\ni,Caf\xe9\n"))
    assert [(one.role, one.encoding) for one in made.tables] == [("interactions", "utf-8"), ("items", "windows-1252")]
    assert (made.problems, [one.code for one in made.warnings]) == ([], ["encoding"])
    for data in (b"user,item,title\nu,i,Caf\xe9\n", b"konto,name\n1,Caf\xe9\n"):
        made = preview(orders, ("", "katalog.csv", data))
        assert ([one.code for one in made.problems], made.warnings) == (["not_utf8"], [])


def test_roles_are_guessed_where_nobody_knows_them() -> None:
    made = preview(
        ("", "shop.csv", "sku,name,genre\n1,One,x\n"),
        ("", "x.csv", "customer,sku\na,1\n"),
        ("", "x.test.csv", "user,sku\na,1\n"),
    )
    assert {table.name: table.role for table in made.tables} == {
        "shop.csv": "items",
        "x.csv": "interactions",
        "x.test.csv": "test",
    }


DUMPS = {
    "HetRec": {
        "user_artists.dat": ("interactions", "userID\tartistID\tweight\n2\t51\t13883\n"),
        "artists.dat": ("items", "id\tname\turl\tpictureURL\n51\tDuran\thttp://x\thttp://y\n"),
        "user_friends.dat": ("", "userID\tfriendID\n2\t275\n"),
        "tags.dat": ("", "tagID\ttagValue\n1\tmetal\n"),
        "user_taggedartists.dat": ("", "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t52\t13\t1\t4\t2009\n"),
        "readme.txt": ("", "Last.FM\n"),
    },
    "Yelp": {
        "yelp_academic_dataset_review.json": (
            "interactions",
            '{"review_id": "r", "user_id": "u", "business_id": "b", "stars": 4.0, "date": "2018-07-07 22:09:11"}\n',
        ),
        "yelp_academic_dataset_business.json": ("items", '{"business_id": "b", "name": "B", "categories": "A, C"}\n'),
        "yelp_academic_dataset_checkin.json": ("", '{"business_id": "b", "date": "2020-03-13 21:10:56"}\n'),
        "yelp_academic_dataset_tip.json": ("", '{"user_id": "u", "business_id": "b", "date": "2012-05-18 02:17:21"}\n'),
        "yelp_academic_dataset_user.json": ("", '{"user_id": "u", "name": "Walker", "friends": "a, b"}\n'),
    },
    "Steam": {
        "games.csv": ("items", "app_id,title,date_release\n1,One,2011-02-18\n"),
        "games_metadata.json": ("items", '{"app_id": 1, "description": "x", "tags": ["Action"]}\n'),
        "recommendations.csv": (
            "interactions",
            "app_id,helpful,date,is_recommended,user_id\n1,0,2022-12-12,true,51580\n",
        ),
        "users.csv": ("", "user_id,products,reviews\n51580,4,2\n"),
    },
    "MovieLens": {
        "ratings.csv": ("interactions", RATINGS),
        "movies.csv": ("items", "movieId,title,genres\n1,One,A|B\n"),
        "links.csv": ("", "movieId,imdbId,tmdbId\n1,114709,862\n"),
        "tags.csv": ("", "userId,movieId,tag,timestamp\n2,1,funny,1445714994\n"),
        "genome-scores.csv": ("", "movieId,tagId,relevance\n1,1,0.02\n"),
        "README.txt": ("", "Summary\n"),
    },
    "Amazon": {
        "Books.csv": ("interactions", "user_id,parent_asin,rating,timestamp\nA,B1,5.0,1441260345000\n"),
        "meta_Books.jsonl": ("items", '{"parent_asin": "B1", "title": "One", "categories": ["Books"]}\n'),
    },
    "Book-Crossing": {
        "BX-Book-Ratings.csv": ("interactions", '"User-ID";"ISBN";"Book-Rating"\n"276725";"034545104X";"0"\n'),
        "BX-Books.csv": ("items", '"ISBN";"Book-Title";"Book-Author"\n"034545104X";"One";"A. B."\n'),
        "BX-Users.csv": ("", '"User-ID";"Location";"Age"\n"276725";"tyler, texas, usa";NULL\n'),
    },
    "RecBole": {
        "ml.inter": ("interactions", "user_id:token\titem_id:token\n1\t2\n"),
        "ml.item": ("items", "item_id:token\ttitle:token_seq\n2\tTwo\n"),
        "ml.user": ("", "user_id:token\tage:token\n1\t24\n"),
        "ml.topics.json": ("", "{}\n"),
    },
}


@pytest.mark.parametrize("dump", DUMPS)
def test_the_files_of_an_unpacked_dump_are_what_they_are_in_its_archive(dump: str) -> None:
    files = DUMPS[dump]
    made = preview(*(("", name, text) for name, (_, text) in files.items()))
    assert {table.name: table.role for table in made.tables} == {n: role for n, (role, _) in files.items() if role}
    left = [name for name, (role, _) in files.items() if not role]
    assert sorted(one.file for one in made.warnings if one.code == "not_needed") == sorted(left)
    assert made.problems == []
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, (_, text) in files.items():
            archive.writestr(name, text)
    packed = preview_files([Head("interactions", "a.zip", file.getvalue(), is_whole=True)], ImportRule())
    in_archive = {table.name.removeprefix("a.zip: "): table.role for table in packed.tables}
    assert in_archive == {table.name: table.role for table in made.tables}


def test_nothing_is_left_out_of_files_of_ones_own_nor_what_somebody_has_said() -> None:
    pairs, titles = "user,item\na,b\n", "item,title\nb,B\n"
    own = preview(("", "orders.csv", pairs), ("", "more.csv", pairs), ("", "tags.csv", titles))
    assert [(table.name, table.role) for table in own.tables] == [
        ("orders.csv", "interactions"),
        ("more.csv", "interactions"),
        ("tags.csv", "items"),
    ]
    assert own.warnings == []
    # Who only tells of users is left out, whatever the others are called.
    users = preview(("", "orders.csv", pairs), ("", "users.csv", "user,age\na,7\n"))
    assert [table.name for table in users.tables] == ["orders.csv"]
    assert [(one.file, one.code) for one in users.warnings] == [("users.csv", "not_needed")]
    assert [one.code for one in preview(("", "users.csv", "user,age\na,7\n")).problems] == ["missing_column"]
    said = preview(("", "ratings.dat", RATINGS), ("interactions", "tags.dat", pairs))
    assert [table.name for table in said.tables] == ["ratings.dat", "tags.dat"]
    named = preview(
        ("", "ratings.dat", RATINGS), ("", "tags.dat", pairs), rule='{"columns": {"files": {"tags.dat": {}}}}'
    )
    assert [table.name for table in named.tables] == ["ratings.dat", "tags.dat"]
    alone = preview(("", "readme.txt", pairs))
    assert [table.name for table in alone.tables] == ["readme.txt"]


def test_columns_of_pairs_say_more_than_a_name_of_items() -> None:
    ratings, titles = b"userId,movieId,rating\n1,2,5\n2,3,4\n", b"movieId,title\n2,Two\n3,Three\n"
    made = preview(("", "Movies_and_TV.csv", ratings), ("", "films.csv", titles), ("", "movies.csv", titles))
    assert {table.name: table.role for table in made.tables} == {
        "Movies_and_TV.csv": "interactions",
        "films.csv": "items",
        "movies.csv": "items",
    }


def test_what_an_import_would_refuse_and_what_it_would_say() -> None:
    text = "user,customer,item,date\na,b,c,yesterday\n"
    made = preview(("interactions", "a.csv", text))
    assert [(one.code, one.line) for one in made.problems] == [("ambiguous_column", 1)]
    assert roles(made) == {"user": "", "customer": "", "item": "item", "date": "timestamp"}
    assert [(one.code, one.column) for one in made.warnings] == [("no_times", "date")]
    mended = preview(("interactions", "a.csv", text), rule='{"columns": {"interactions": {"user": "customer"}}}')
    assert mended.problems == []
    assert mended.tables[0].columns[1].why == "named in the rule"
    rows = preview(("interactions", "a.csv", "user,item\na,b\n,c\n d ,e,f\n"))
    assert [(one.code, one.line) for one in rows.problems] == [("empty_id", 3), ("ragged_row", 4)]
    titles = preview(("items", "i.csv", b"item,title\na,Caf\xe9\nb,x,y\n"))
    assert titles.problems == []
    assert [(one.code, one.line) for one in titles.warnings] == [("encoding", 0), ("ragged_row", 3)]


def test_ratings_that_differ_are_said_to_be_taken_all_the_same() -> None:
    data = "user,item,rating\na,b,0.5\na,c,5\n"

    def told(data: str, rule: str = "{}") -> list[tuple[str, str, str]]:
        made = preview(("train", "a.csv", data), ("test", "b.csv", data), rule=rule)
        return [(one.code, one.file, one.message) for one in made.warnings]

    said = "ratings from 0.5 to 5, all taken as likes unless minRating is given"
    assert told(data) == [("ratings_all_taken", "", said)]
    [one] = preview_files([Head("train", "a.csv", data.encode(), is_whole=False)], ImportRule()).warnings
    assert (one.code, one.file, one.column) == ("ratings_all_taken", "a.csv", "rating")
    assert one.message == "ratings from 0.5 to 5 in the first rows, all taken as likes unless minRating is given"
    assert told(data, '{"minRating": 4}') == []
    assert told(data.replace("0.5", "5")) == []


def test_of_several_columns_of_times_the_others_are_said() -> None:
    data = "user,item,created_at,purchased_at\na,b,2026-01-01,26.11.2026 12:43\n"
    taken, other = preview(("interactions", "a.csv", data)).tables[0].columns[2:]
    assert (taken.role, taken.why) == ("timestamp", "'created_at' is a usual name, and so is 'purchased_at'")
    assert other.role == ""
    asked = preview(("interactions", "a.csv", data), rule='{"columns": {"timestamp": "purchased_at"}}').tables[0]
    assert (asked.columns[3].form, asked.rows[0][3]) == ("DD.MM.YYYY hh:mm:ss", "2026-11-26T12:43:00Z")


def test_of_several_columns_of_ratings_titles_or_tags_the_others_are_said() -> None:
    data = "user,item,score,rating\na,b,4,5\n"
    columns = preview(("interactions", "a.csv", data), rule='{"minRating": 5}').tables[0].columns
    assert [one.role for one in columns] == ["user", "item", "rating", ""]
    assert columns[2].why == "'score' is a usual name, and so is 'rating'"
    data = "item,name,title,genre,category\nb,One,Two,x,y\n"
    described = preview(("interactions", "a.csv", "user,item\na,b\n"), ("items", "b.csv", data)).tables[1].columns
    assert {one.role: one.why.count("and so is") for one in described if one.role in ("title", "tags")} == {
        "title": 1,
        "tags": 1,
    }


def test_a_header_below_the_line_of_its_separator_is_named_by_its_own_line() -> None:
    data = "sep=;\nuser;item\na;b\n"
    made = preview(("interactions", "a.csv", data), rule='{"columns": {"item": "sku"}}')
    [problem] = made.problems
    assert (problem.line, problem.message) == (2, "a.csv: line 2 has no column 'sku'; it has user, item")


def test_a_file_without_header_shows_its_cells_for_the_choice() -> None:
    data = "1\t10\t5\t881250949\n1\t11\t3\t881250950\n"
    made = preview(("interactions", "u.data.txt", data))
    assert [one.code for one in made.problems] == ["no_header"]
    assert ([column.name for column in made.tables[0].columns][:2], made.tables[0].header) == (
        ["column 1", "column 2"],
        False,
    )
    assert made.tables[0].rows[0] == ["1", "10", "5", "881250949"]
    named = preview(("interactions", "u.data.txt", data), rule='{"columns": {"user": 1, "item": 2, "timestamp": 4}}')
    assert (named.problems, named.tables[0].columns[3].role) == ([], "timestamp")


def test_json_and_parquet(tmp_path: object) -> None:
    array = json.dumps([{"user": {"id": n}, "item": f"i{n}"} for n in range(9_000)])
    made = preview(("interactions", "a.json", array))
    assert (made.tables[0].format, len(made.tables[0].rows), made.problems) == ("json-array", 20, [])
    assert roles(made) == {"user.id": "user", "item": "item"}
    file = io.BytesIO()
    pa.parquet.write_table(pa.table({"user": ["a"], "item": ["b"]}), file)
    assert roles(preview(("interactions", "a.parquet", file.getvalue()))) == {"user": "user", "item": "item"}
    cut = preview_files([Head("interactions", "a.parquet", file.getvalue()[:100], is_whole=False)], ImportRule())
    assert (cut.tables, cut.problems) == ([], [])
    assert [(one.code, "at its end" in one.message) for one in cut.warnings] == [("not_shown", True)]


def test_what_is_no_table_is_a_problem() -> None:
    made = preview(("interactions", "a.db", b"SQLite format 3\0" + b"\0" * 100), ("items", "b.csv", b""))
    assert [one.code for one in made.problems] == ["unsupported_format"]
    assert [(one.code, one.file, one.message) for one in made.warnings] == [("left_out", "b.csv", "b.csv is empty")]
    assert made.tables == []


def ends(name: str, data: bytes, rule: str = "{}", head: int = HEAD_BYTES, tail: int = HEAD_BYTES) -> Preview:
    """Of a file of which the first and the last bytes are here."""
    at = max(len(data) - tail, 0)
    return preview_files([Head("", name, data[:head], len(data) < head, data[at:], at)], ImportRule.parse(rule))


def test_the_end_of_a_zip_says_what_it_holds() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ml/links.csv", "movieId,imdbId\n" + "".join(f"{n},{n}\n" for n in range(9_000)))
        archive.writestr("ml/ratings.csv", RATINGS)
        archive.writestr("ml/movies.csv", "movieId,title,genres\n1,One,A|B\n")
    made = ends("ml.zip", file.getvalue())
    assert [(table.name, table.role) for table in made.tables] == [("ml.zip: ml/movies.csv", "items")]
    assert made.problems == []
    assert [(one.code, one.message) for one in made.warnings] == [
        ("left_out", "left out, for their names do not say that they are needed: ml/links.csv"),
        ("not_shown", "ml.zip: what ml/ratings.csv holds lies further in; it is seen on import"),
    ]
    whole = ends("ml.zip", file.getvalue(), head=len(file.getvalue()) // 2, tail=len(file.getvalue()))
    assert [table.role for table in whole.tables] == ["interactions", "items"]
    assert [one.code for one in whole.warnings] == ["left_out"]


def test_the_first_member_of_a_zip_is_shown_from_its_beginning() -> None:
    """The one table, whatever it is called: its directory says that there is no other."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export.csv", RATINGS)
    made = ends("shop.zip", file.getvalue(), head=20_000, tail=2_000)
    [table] = made.tables
    assert (table.name, table.role, len(table.rows)) == ("shop.zip: export.csv", "interactions", 20)
    assert (made.problems, made.warnings) == ([], [])


def test_an_end_that_holds_no_directory_is_as_good_as_none() -> None:
    data = zipped(RATINGS)[:-40] + bytes(200_000)
    made = ends("a.zip", data)
    assert [one.code for one in made.warnings] == ["not_shown"]
    [unread] = ends("a.parquet", b"PAR1" + bytes(200_000) + b"\xff\xff\xff\x7fPAR1").warnings
    assert (unread.code, "seen on import" in unread.message) == ("not_shown", True)


def test_parquet_of_which_nothing_is_shown_is_what_its_name_says() -> None:
    beginning = b"PAR1" + bytes(HEAD_BYTES - 4)
    made = preview_files([Head("", name, beginning, False) for name in ("a.train.parquet", "x.parquet")], ImportRule())
    assert [(table.file, table.role, table.columns) for table in made.tables] == [
        ("a.train.parquet", "train", []),
        ("x.parquet", "interactions", []),
    ]
    assert [one.code for one in made.warnings] == ["not_shown", "not_shown"]


def parquet(rows: int, **options: int) -> bytes:
    file = io.BytesIO()
    columns = {"user": [f"u{n * 7919 % rows}" for n in range(rows)], "item": list(range(rows))}
    times = {"at": [1_577_836_800 + n * 104_729 % 10**7 for n in range(rows)]}
    pa.parquet.write_table(pa.table(columns | times), file, use_dictionary=False, **options)
    return file.getvalue()


def test_the_ends_of_a_parquet_file_show_its_columns_and_perhaps_its_first_rows() -> None:
    data = parquet(100_000)
    made = ends("a.parquet", data, '{"split": {"kind": "temporal"}}')
    [table] = made.tables
    assert ([column.name for column in table.columns], table.rows) == (["user", "item", "at"], [])
    assert roles(made) == {"user": "user", "item": "item", "at": "timestamp"}
    assert (made.problems, [one.code for one in made.warnings]) == ([], ["not_shown"])
    missing = ends("a.parquet", data, '{"columns": {"user": "customer"}}')
    assert [one.code for one in missing.problems] == ["missing_column"]

    made = ends("a.parquet", parquet(100_000, row_group_size=1_000))
    [table] = made.tables
    assert (len(table.rows), table.rows[1]) == (20, ["u7919", "1", "2020-01-02T05:05:29Z"])
    assert (made.problems, made.warnings) == ([], [])
