"""Datasets as they are published: what the files of well-known archives hold, and which of them an import takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..dataset import PARTS
from .archive import is_about_tables, stem_of
from .rule import FileColumns


@dataclass(frozen=True)
class Layout:
    """role  of a file whose name fits; columns  by position, where it has no header."""

    pattern: re.Pattern[str]
    role: str
    columns: FileColumns | None = None


def _layout(pattern: str, role: str, **columns: int) -> Layout:
    return Layout(re.compile(pattern), role, FileColumns(**columns) if columns else None)


_A_PART = r"(.*_)?(train|val|dev|test)"
# Sources: the README of each dataset. The first that fits counts.
LAYOUTS = (
    # MovieLens 100K, 1M and 10M; 20M and later have headers.
    _layout(r"u\.data", "interactions", user=1, item=2, rating=3, timestamp=4),
    _layout(r"u\.item", "items", item=1, title=2),
    _layout(r"ratings\.dat", "interactions", user=1, item=2, rating=3, timestamp=4),
    _layout(r"movies\.dat", "items", item=1, title=2, tags=3),
    # LastFM: HetRec 2011, 360K (a tenth of its artists has no MusicBrainz id, so the name is the item) and 1K.
    _layout(r"user_artists\.dat", "interactions"),
    _layout(r"artists\.dat", "items"),
    _layout(r"usersha1-artmbid-artname-plays\.tsv", "interactions", user=1, item=3, rating=4),
    _layout(r"userid-timestamp-artid-artname-traid-traname\.tsv", "interactions", user=1, timestamp=2, item=4),
    # Yelp, and Amazon reviews of 2014, 2018 (CSV without header) and 2023.
    _layout(r"yelp_academic_dataset_review\.json", "interactions"),
    _layout(r"yelp_academic_dataset_business\.json", "items"),
    _layout(rf"ratings_(?!small|{_A_PART}).+\.csv", "interactions", user=1, item=2, rating=3, timestamp=4),
    _layout(r"meta_.+\.(json|jsonl)", "items"),
    _layout(r"(reviews_.+|.+_5)\.(json|jsonl)", "interactions"),
    # Steam: the reviews of the University of California, the 200k of Kaggle, and recommendations with games.
    _layout(r"steam-200k\.csv", "interactions", user=1, item=2, rating=4),
    _layout(r"steam_(new|reviews)\.json", "interactions"),
    _layout(r"steam_games\.json", "items"),
    # RecBole.
    _layout(r".+\.(train|valid|test)\.inter", "part"),
    _layout(r".+\.inter", "interactions"),
    _layout(r".+\.item", "items"),
)
# Of these no single name says it: MovieLens since 20M, Steam of Kaggle, Book-Crossing.
_TOGETHER = (
    {"ratings.csv", "movies.csv"},
    {"recommendations.csv", "games.csv"},
    {"bx-book-ratings.csv", "bx-books.csv"},
)
# Mostly of users or items alone, neither who chose what nor titles.
_BESIDE = re.compile(r"(users?|links|tags|genome[-_].+)\.[a-z]+")


def _words(pattern: str) -> re.Pattern[str]:
    """Whole words of a name, maybe with a number behind: `display` is no `play`, `ratings2` are ratings."""
    return re.compile(rf"(^|[._\-\s]){pattern}(\d*[._\-\s]|\d*$)")


_PART = re.compile(r"(^|[._\-\s])(train|training|valid|validation|val|dev|test|testing)([._\-\s]|$)")
_ITEMS = _words(
    r"(items?|movies?|products?|books?|titles?|tracks?|songs?|artists?|games?|business(es)?|articles?|catalog(ue)?|meta|metadata|news)"
)
_INTERACTIONS = _words(
    r"(ratings?|interactions?|reviews?|events?|purchases?|orders?|transactions?|clicks?|plays?|listens?|views?|recommendations?|behaviou?rs?|feedback|actions?)"
)
_PART_NAMES = {"training": "train", "validation": "valid", "val": "valid", "dev": "valid", "testing": "test"}


def layout_of(name: str) -> Layout | None:
    """Of a file by its name, with or without `.gz`."""
    stem = _stem(name)
    layout = next((one for one in LAYOUTS if one.pattern.fullmatch(stem)), None)
    if layout is not None and layout.role == "part":
        match = _PART.search(stem)
        return Layout(layout.pattern, match[2] if match else "interactions")
    return layout


def role_of(name: str) -> str | None:
    """What a file holds as far as its name says: interactions, train, valid, test, items or None."""
    layout = layout_of(name)
    if layout is not None:
        return layout.role
    stem = re.sub(r"\.[a-z]+$", "", _stem(name))
    if match := _PART.search(stem):
        part = _PART_NAMES.get(match[2], match[2])
        return part if part in PARTS else None
    if _INTERACTIONS.search(stem):
        return "interactions"
    return "items" if _ITEMS.search(stem) else None


def _stem(name: str) -> str:
    return re.sub(r"\.(gz|zst)$", "", stem_of(name))


@dataclass(frozen=True)
class Beside:
    """Files without which an import goes: whatever they hold, or where their columns are no interactions or titles."""

    surely: frozenset[str] = frozenset()
    unless_columns_say: frozenset[str] = frozenset()


def beside_of(names: list[str]) -> Beside:
    """Of files side by side what an unpacked dump holds beside its interactions and items, and what tells of tables. Of
    one's own files, which somebody has given, a name that says nothing leaves none out, as it would in an archive."""
    known = {layout.role for name in names if (layout := layout_of(name)) is not None}
    stems = {_stem(name) for name in names}
    is_dump = bool({"interactions", *PARTS} & known) or any(together <= stems for together in _TOGETHER)
    surely = frozenset(name for name in names if is_about_tables(name) or (is_dump and role_of(name) is None))
    if len(surely) == len(set(names)):
        return Beside()
    return Beside(surely, frozenset(name for name in names if len(names) > 1 and _BESIDE.fullmatch(_stem(name))))


def taken(names: list[str], role: str) -> dict[str, str]:
    """The members of an archive that an import takes, with their roles; `role` is what the archive was given as."""
    if len(names) == 1:
        return {names[0]: role}
    roles = _named(names)
    left = [name for name in names if name not in roles]
    if role == "interactions" and len(left) == 1 and not {"interactions", *PARTS} & set(roles.values()):
        roles[left[0]] = "interactions"
    return _fitting(roles, role)


def taken_by_name(names: list[str], role: str) -> dict[str, str]:
    """The same for some of the members: those alone whose names say what they are."""
    return _fitting(_named(names), role)


def _named(names: list[str]) -> dict[str, str]:
    """One that is known by its published name keeps out those that only look like it."""
    known = {name: layout.role for name in names if (layout := layout_of(name)) is not None}
    guessed = {name: found for name in names if name not in known and (found := role_of(name)) is not None}
    roles = dict(known)
    for name, found in guessed.items():
        if found in PARTS and "interactions" in known.values():
            continue
        if found not in known.values():
            roles[name] = found
    return roles


def _fitting(roles: dict[str, str], role: str) -> dict[str, str]:
    if role != "interactions":
        return {name: found for name, found in roles.items() if found == role}
    if "interactions" in roles.values():
        return {name: found for name, found in roles.items() if found in ("interactions", "items")}
    return roles
