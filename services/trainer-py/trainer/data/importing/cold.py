"""Why rows of the given parts find no user or item in train."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

_MOST_COMPARED = 200_000
_AT_ONCE = 100_000
_ENOUGH = 0.5


def without_decimal(text: str) -> str:
    return text.removesuffix(".0")


_DIFFERENCES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("blanks", lambda text: "".join(text.split())),
    ("upper and lower case", str.casefold),
    ("quotes", lambda text: text.strip("\"'")),
    ("`.0` at the end", without_decimal),
    ("zeros before the number", lambda text: text.lstrip("0") if text.isdigit() else text),
)


def difference(ids: pa.StringArray, unknown: np.ndarray, known: np.ndarray) -> tuple[str, str, str] | None:
    """By what most of the unknown ids differ from known ones, and one of each for an example; None: they are others.
    `unknown` and `known` are positions among `ids`; of the known, which may be millions, some are at hand at a time."""
    strange = ids.take(pa.array(unknown[:_MOST_COMPARED])).to_pylist()
    for what, bare in _DIFFERENCES:
        wanted = {bare(an_id) for an_id in strange}
        found: dict[str, str] = {}
        for start in range(0, len(known), _AT_ONCE):
            for an_id in ids.take(pa.array(known[start : start + _AT_ONCE])).to_pylist():
                if (form := bare(an_id)) in wanted:
                    found[form] = an_id
        pairs = [(an_id, found[bare(an_id)]) for an_id in strange if bare(an_id) in found]
        if strange and len(pairs) >= _ENOUGH * len(strange):
            return what, *pairs[0]
    return None
