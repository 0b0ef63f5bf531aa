"""What a file is, by its first bytes: compressed, an archive, Parquet, or something that holds no table we read."""

from __future__ import annotations

from ...errors import BadDataset

HEAD_BYTES = 512
GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
# Of frames that hold no data and may stand before it; their first byte is any of sixteen.
_ZSTD_SKIPPED = b"\x2a\x4d\x18"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PARQUET = b"PAR1"
_TAR_AT, _TAR = 257, b"ustar"

_FROM_PYTHON = "in Python, load it and write it with pandas' to_csv(index=False) or to_parquet"
_UNPACK = "unpack it and upload the tables in it, plain, gzip, zstd or as a zip"
# First bytes → what the file is, and the way out.
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)", "save the sheet as CSV UTF-8 and upload that"),
    (b"SQLite format 3\0", "a SQLite database", "export the table: sqlite3 -header -csv FILE 'select ...' > table.csv"),
    (b"%PDF-", "a PDF document", "a table is needed, as CSV or Parquet"),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"\xfd7zXZ\0", "an xz file", _UNPACK),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\x04\x22\x4d\x18", "an LZ4 file", _UNPACK),
    (b"\xff\x06\0\0sNaPpY", "a Snappy file", _UNPACK),
    (b"\x1f\x9d", "a file of Unix compress (.Z)", _UNPACK),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _FROM_PYTHON),
    (b"\x93NUMPY", "a NumPy array (.npy)", _FROM_PYTHON),
    (b"ARROW1", "an Arrow or Feather file", _FROM_PYTHON),
    (b"FEA1", "a Feather file", _FROM_PYTHON),
    (b"ORC", "an ORC file", _FROM_PYTHON),
    (b"Obj\x01", "an Avro file", _FROM_PYTHON),
    (b"MATLAB 5.0", "a MATLAB file", "in MATLAB, write it with writetable"),
    (b"RDX", "an R workspace", "in R, write the table with write.csv(x, row.names = FALSE)"),
    (b"RDA", "an R workspace", "in R, write the table with write.csv(x, row.names = FALSE)"),
    (b"X\n\0\0\0", "an R object (.rds)", "in R, write the table with write.csv(x, row.names = FALSE)"),
    (b"<stata_dta>", "a Stata file", "in Stata, export delimited"),
    (b"$FL2", "an SPSS file", "in SPSS, save it as CSV"),
    (b"PGDMP", "a PostgreSQL dump", "export the table: \\copy table to 'table.csv' csv header"),
    (b"-- PostgreSQL database dump", "a PostgreSQL dump", "export the table: \\copy table to 'table.csv' csv header"),
    (b"-- MySQL dump", "a MySQL dump", "export the table as CSV"),
    (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS, not the file", "fetch it: git lfs pull"),
    (b"\x89PNG", "a picture", "a table is needed, as CSV or Parquet"),
    (b"\xff\xd8\xff", "a picture", "a table is needed, as CSV or Parquet"),
    (b"GIF8", "a picture", "a table is needed, as CSV or Parquet"),
    (b"\x7fELF", "a program", "a table is needed, as CSV or Parquet"),
)
_PAGES = (b"<!doctype html", b"<html", b"<?xml")


def is_zstd(head: bytes) -> bool:
    return head.startswith(_ZSTD) or (head[1:4] == _ZSTD_SKIPPED and head[0] >> 4 == 5)


def is_tar(head: bytes) -> bool:
    return head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR


def refuse_foreign(head: bytes, name: str) -> None:
    """Raises BadDataset(unsupported_format) that names what the file is and what to do."""
    for magic, what, advice in _FOREIGN:
        if head.startswith(magic) and (magic != b"ORC" or b"\0" in head[:8]):
            raise _unsupported(name, what, advice)
    # A pickle of protocol 2 to 5. Below 2 nothing tells it from text.
    if len(head) > 2 and head[0] == 0x80 and head[1] in (2, 3, 4, 5):
        raise _unsupported(name, "a Python pickle, which may run any code and is never opened", _FROM_PYTHON)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for page in _PAGES:
        if text.startswith(page):
            raise _unsupported(name, "a web page or XML", "download the file itself, or export the table as CSV")


def refuse_office(members: list[str], name: str) -> None:
    """The same for zips that are something else: workbooks, documents, NumPy's .npz, PyTorch's .pt."""
    kinds = (
        ("xl/", "an Excel workbook (.xlsx)", "save the sheet as CSV UTF-8 and upload that"),
        ("word/", "a Word document", "a table is needed, as CSV or Parquet"),
        ("ppt/", "a presentation", "a table is needed, as CSV or Parquet"),
        ("content.xml", "an OpenDocument file", "save the sheet as CSV (UTF-8) and upload that"),
    )
    for start, what, advice in kinds:
        if any(member.startswith(start) for member in members):
            raise _unsupported(name, what, advice)
    if any(member.endswith(".iwa") for member in members):
        raise _unsupported(name, "an Apple Numbers document", "in Numbers, export the table as CSV (UTF-8)")
    if members and all(member.endswith(".npy") for member in members):
        raise _unsupported(name, "a NumPy archive (.npz)", _FROM_PYTHON)
    if any(member.endswith("/data.pkl") for member in members):
        raise _unsupported(name, "a PyTorch file", _FROM_PYTHON)


def _unsupported(name: str, what: str, advice: str) -> BadDataset:
    return BadDataset(f"{name} is {what}, which is not read; {advice}", code="unsupported_format")
