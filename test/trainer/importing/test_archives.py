"""Archives that would unpack to more than they hold, hold what is not read, or hold several tables."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.data.importing import Head, ImportRule, archive, layouts, preview_files
from trainer.errors import BadDataset

ROWS = "user,item\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(35))

Bring = Callable[..., Any]


def tarred(**members: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as file:
        for name, text in members.items():
            info = tarfile.TarInfo(f"{name}.csv")
            info.size = len(text)
            file.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def zipped(members: dict[str, str | bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def sparse(size: int) -> bytes:
    """A member of GNU's sparse form: one block of data, and a hole of nearly all its size."""
    info = tarfile.TarInfo("ratings.csv")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[482:483] = b"\0"
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + ROWS.encode().ljust(512, b"\n")[:512] + bytes(1024)


def test_a_sparse_member_is_refused_before_its_holes_are_written(bring: Bring) -> None:
    data = sparse(4 << 30)
    with tarfile.open(fileobj=io.BytesIO(data)) as file:
        [member] = file.getmembers()
    assert member.issparse()
    assert member.size == 4 << 30
    outcome = bring(interactions=("ratings.tar", data))
    assert outcome.code == "unsupported_format"
    assert "sparse" in outcome.message


def test_a_member_longer_than_its_tar_is_damage(bring: Bring) -> None:
    header = bytearray(tarred(ratings=ROWS)[:512])
    header[124:136] = b"%011o\0" % (1 << 32)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert bring(interactions=("ratings.tar", bytes(header) + ROWS.encode())).code == "bad_zip"


def test_too_many_members_are_refused_before_they_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    path = tmp_path / "many.tar"
    path.write_bytes(tarred(a=ROWS, b=ROWS, c=ROWS))
    with pytest.raises(BadDataset) as caught:
        archive.names_of(path, "many.tar")
    assert caught.value.code == "too_large"


def test_a_packing_that_is_not_read_is_no_damage(bring: Bring) -> None:
    data = bytearray(zipped({"ratings.csv": ROWS}))
    at = data.index(b"PK\1\2")
    data[8:10] = data[at + 10 : at + 12] = struct.pack("<H", 9)  # Deflate64
    outcome = bring(interactions=("ratings.zip", bytes(data)))
    assert outcome.code == "unsupported_format"
    assert "packed by a method that is not read; pack it again" in outcome.message


def test_bzip2_in_a_zip_is_read_and_its_damage_told(bring: Bring) -> None:
    data = bytearray(zipped({"ratings.csv": ROWS}, zipfile.ZIP_BZIP2))
    assert bring(interactions=("ratings.zip", bytes(data))).counts["users"] == 5
    at = data.index(b"BZh")
    data[at + 4 : at + 10] = b"broken"
    assert bring(interactions=("ratings.zip", bytes(data))).code == "bad_zip"


def test_archives_in_an_archive_that_are_not_taken_are_told(bring: Bring) -> None:
    inner = zipped({"ratings.csv": ROWS})
    outcome = bring(interactions=("all.zip", zipped({"one.zip": inner, "two.zip": inner})))
    assert outcome.counts["users"] == 5
    assert [(one.code, "two.zip" in one.message) for one in outcome.problems] == [("left_out", True)]
    outcome = bring(interactions=("both.zip", zipped({"data.csv": ROWS, "more.zip": inner})))
    assert outcome.counts["users"] == 5
    assert [(one.code, "more.zip" in one.message) for one in outcome.problems] == [("left_out", True)]


def test_tables_that_are_read_as_one_are_told(bring: Bring) -> None:
    years = {f"ratings-{year}.csv": ROWS for year in (2019, 2020)}
    outcome = bring(interactions=("ratings.zip", zipped(years)))
    assert outcome.counts["duplicates_merged"] == 35
    [told] = outcome.problems
    assert told.code == "merged"
    assert "ratings-2019.csv" in told.message
    assert "ratings-2020.csv" in told.message
    heads = [Head(role, "ratings.zip", zipped(years), is_whole=True) for role in ("", "interactions")]
    assert [preview_files([head], ImportRule()).warnings for head in heads] == [[told], [told]]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("display.csv", None),
        ("interviews.csv", None),
        ("overview-of-users.csv", None),
        ("plays.csv", "interactions"),
        ("user_ratings.csv", "interactions"),
        ("ratings2.csv", "interactions"),
        ("BX-Book-Ratings.csv", "interactions"),
        ("movies.csv", "items"),
        ("ratings_Books.csv", "interactions"),
        # What is to be tested on is never one of Amazon's categories.
        ("ratings_train.csv", "train"),
        ("ratings_2023_validation.csv", "valid"),
        ("ratings_test.csv", "test"),
    ],
)
def test_a_role_is_a_whole_word_of_the_name(name: str, role: str | None) -> None:
    assert layouts.role_of(name) == role
