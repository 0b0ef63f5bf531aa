"""The first line of a file: what separates the columns, and what they are called."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from ..errors import BadDataset

SEPARATORS = (b"\t", b",", b";")
_RECBOLE_TYPE = re.compile(r":(token|float)(_seq)?$")


@dataclass(frozen=True)
class Header:
    """names without RecBole's `:type`; separator one byte; CSV fields may be quoted, tab-separated ones never are."""

    names: tuple[str, ...]
    separator: bytes

    @property
    def quoted(self) -> bool:
        return self.separator != b"\t"


def header_of(line: bytes, name: str) -> Header:
    """Raises BadDataset when the first line is not a header of at least two distinct names."""
    try:
        text = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadDataset(f"{name}: line 1 is not UTF-8", code="not_utf8") from None
    counts = {separator: text.count(separator.decode()) for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda candidate: counts[candidate])
    if counts[separator] == 0:
        raise BadDataset(
            f"{name}: line 1 must name the columns, separated by tab, comma or semicolon", code="missing_column"
        )
    try:
        fields = next(
            csv.reader(
                [text],
                delimiter=separator.decode(),
                quoting=csv.QUOTE_NONE if separator == b"\t" else csv.QUOTE_MINIMAL,
                skipinitialspace=True,
            )
        )
    except csv.Error as error:
        raise BadDataset(f"{name}: line 1 cannot be read as a header: {error}", code="missing_column") from None
    names = tuple(_RECBOLE_TYPE.sub("", field.strip().strip('"')) for field in fields)
    if len(set(names)) != len(names) or not all(names):
        raise BadDataset(f"{name}: line 1 names a column twice or leaves one unnamed", code="missing_column")
    return Header(names, separator)
