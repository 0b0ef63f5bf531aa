"""The text of a tag column becomes the tags of the items."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from ..tags import Tags

# Of one item; characters of a tag, a longer one is cut; of a dataset: with four bytes a character they fit one message.
MOST_TAGS = 100
MOST_LENGTH = 100
MOST_DIFFERENT = 10_000
# What MovieLens says of a film without any.
NO_GENRES = "(no genres listed)"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
# A JSON list can hold half of a pair, which is no character.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def tags_of(text: str, spaced: bool) -> list[str]:
    """A JSON list is one. Else `|` separates where there is one, else spaces do in a RecBole sequence (`spaced`), and
    commas elsewhere. Each tag once, case aside, as it is spelt first; control characters become a blank."""
    listed = _listed(text) if text.startswith("[") else None
    if listed is not None:
        parts = listed
    else:
        parts = text.split("|") if "|" in text else text.split() if spaced else text.split(",")
    if parts == [NO_GENRES]:
        return []
    named = (part if len(part) <= MOST_LENGTH else part[: MOST_LENGTH - 1] + "…" for part in map(_shown, parts))
    kept: dict[str, str] = {}
    for tag in named:
        if tag:
            kept.setdefault(tag.casefold(), tag)
    return list(kept.values())[:MOST_TAGS]


def _shown(tag: str) -> str:
    return _CONTROL.sub(" ", _SURROGATE.sub("", tag)).strip()


def _listed(text: str) -> list[str] | None:
    """The texts of a JSON list and of the lists in it; None when it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    found, left = [], [value]
    while left:
        one = left.pop(0)
        if isinstance(one, list):
            left = one + left
        elif isinstance(one, str):
            found.append(one)
    return found


def collected(items: Iterable[list[str]]) -> tuple[Tags, int]:
    """The tags of all items, in the order of their columns, spelt as the first item spells them; and how many were left
    out because there were more than MOST_DIFFERENT: those that the fewest items have, the later ones of equals."""
    lists = list(items)
    spelling: dict[str, str] = {}
    counts = Counter[str]()
    for tags in lists:
        for tag in tags:
            spelling.setdefault(tag.casefold(), tag)
        counts.update(map(str.casefold, tags))
    kept = dict(counts.most_common(MOST_DIFFERENT))
    names = [key for key in spelling if key in kept]
    position = {key: place for place, key in enumerate(names)}
    rows = [[position[tag.casefold()] for tag in tags if tag.casefold() in kept] for tags in lists]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    indices = np.array([place for row in rows for place in row], dtype=np.int64)
    return Tags([spelling[key] for key in names], indptr, indices), len(spelling) - len(kept)
