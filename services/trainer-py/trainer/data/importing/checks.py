"""What is wrong with single values: ids and ratings; and the values as they are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_ID_BYTES = 512
# Characters; a longer title is cut. An answer holds up to a thousand titles, and its message 4 MiB.
MOST_TITLE = 300
BLANKS = " \t\u00a0\u2002\u2003\u2009\u3000"
NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_DECIMAL_COMMA = r"^\s*([+-]?[0-9]+),([0-9]+)\s*$"


@dataclass(frozen=True)
class BadRow:
    """line  of the row in its file; of Parquet and JSON arrays its number."""

    code: str
    line: int
    column: str
    message: str


@dataclass(frozen=True)
class Wrong:
    """One kind of fault: which rows have it, [rows] bool."""

    code: str
    message: str
    rows: np.ndarray


@dataclass(frozen=True)
class Ids:
    """values  dictionary-encoded [rows], blanks around them gone; trimmed  rows that had some."""

    values: pa.DictionaryArray
    wrong: list[Wrong]
    trimmed: int


def checked_ids(values: pa.StringArray) -> Ids:
    """Ids are any Unicode of 1 to 512 bytes without control characters. Each different value is looked at once."""
    encoded = values.dictionary_encode()
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    spelt = encoded.dictionary
    bare = pc.utf8_trim(spelt, characters=BLANKS)
    had_blanks = pc.not_equal(pc.binary_length(spelt), pc.binary_length(bare)).to_numpy(zero_copy_only=False)
    trimmed = 0
    if had_blanks.any():
        trimmed = int(had_blanks[indices].sum())
        again = bare.dictionary_encode()
        indices = again.indices.to_numpy(zero_copy_only=False)[indices]
        bare = again.dictionary
        encoded = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), bare)
    length = pc.binary_length(bare).to_numpy(zero_copy_only=False)
    control = pc.match_substring_regex(bare, r"[\x00-\x1f\x7f]").to_numpy(zero_copy_only=False)
    checks = (
        ("empty_id", length == 0, "the id is empty"),
        ("id_too_long", length > MOST_ID_BYTES, f"the id is longer than {MOST_ID_BYTES} bytes"),
        ("bad_character", control, "the id holds a control character"),
    )
    wrong = [Wrong(code, message, which[indices]) for code, which, message in checks if which.any()]
    return Ids(encoded, wrong, trimmed)


def checked_ratings(values: pa.StringArray) -> tuple[np.ndarray, list[Wrong]]:
    """The ratings as float64 [rows], NaN where the text is no finite plain number. A comma is a decimal one: a file in
    which it separates columns holds it in quotes only."""
    text = pc.utf8_trim(values, characters=BLANKS)
    text = pc.replace_substring_regex(text, _DECIMAL_COMMA, r"\1.\2")
    plain = pc.match_substring_regex(text, NUMBER)
    text = pc.if_else(plain, pc.utf8_ltrim(text, "+"), "nan")
    numbers = pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)
    wrong = ~np.isfinite(numbers)
    message = "the rating is not a finite number such as 4 or 3.5"
    return numbers, [Wrong("bad_rating", message, wrong)] if wrong.any() else []


def range_of(values: pa.StringArray) -> tuple[float, float] | None:
    """The least and the largest number among the texts. Each different text is looked at once."""
    ratings, _ = checked_ratings(pc.unique(values))
    ratings = ratings[np.isfinite(ratings)]
    return (float(ratings.min()), float(ratings.max())) if len(ratings) else None


def shown_titles(values: pa.StringArray) -> pa.StringArray:
    """Line breaks and other control characters become one blank; long titles are cut."""
    titles = pc.replace_substring_regex(values, r"[\x00-\x1f\x7f]+", " ")
    titles = pc.utf8_trim(titles, characters=BLANKS)
    is_long = pc.greater(pc.utf8_length(titles), MOST_TITLE)
    return pc.if_else(is_long, pc.utf8_replace_slice(titles, MOST_TITLE - 1, 1 << 30, "…"), titles)
