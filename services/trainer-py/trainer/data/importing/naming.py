"""What columns are usually called: a name as people spell it → what the column holds, and how surely."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROLES = ("user", "item", "rating", "timestamp", "title", "tags")

# Without case, blanks and signs; longer words first, so that `userid` is not `u` with something behind it.
_USERS = (
    "user|usr|customer|cust|client|member|account|visitor|reviewer|buyer|shopper|reader|listener|viewer|patron|"
    "subscriber|player|guest|borrower|student|learner|consumer|household|person|people|profile|anonymous|anon|"
    # As a spreadsheet of a German, Spanish, French, Dutch or Italian shop has it.
    "kunden|kunde|nutzer|benutzer|besucher|mitglieder|mitglied|käufer|kaeufer|clientes|cliente|usuarios|usuario|"
    "utilisateur|klanten|klant|gebruiker|utente"
)
# Beside another of the above they tell where or how, not who.
_WEAK_USERS = "session|cookie|device|visit|basket|cart"
_ITEMS = (
    "item|product|prod|sku|parentasin|asin|movie|film|business|biz|track|song|artist|album|book|isbn13|isbn|article|"
    "news|game|app|poi|venue|place|restaurant|hotel|recipe|beer|wine|anime|manga|joke|course|podcast|paper|gmap|"
    "artikel|produkte|produkt|buch|artículo|articulo|producto|produit|prodotto|articolo|produto"
)
_WEAK_ITEMS = (
    "url|uri|link|page|site|location|loc|shop|store|content|object|target|document|doc|media|image|photo|video|clip|show|"
    "series|episode|post|story|question|job|property|listing|offer|goods|publication"
)
_SUFFIX = (
    "ids|id|no|nr|num|number|key|code|token|uuid|guid|hash|sha1|mbid|index|idx|ref|nummer|kennung|número|numero|numéro|"
    "código|codigo"
)
_NAMED = "names|name"
_EVENT = (
    "event|unix|review|rating|rated|created|watched|listened|played|ordered|order|purchased|purchase|bought|sold|"
    "visited|visit|checkin|clicked|click|viewed|view|updated"
)

_TIMES = re.compile(
    rf"({_EVENT}){{0,2}}(timestamps?|unixtime|times?|dates?|datetimes?|ts|at)(ms|sec|seconds|utc|unix)?|({_EVENT})on|"
    r"(bestell|kauf|bewertungs|rechnungs)?(datum|zeit|zeitpunkt|zeitstempel)|fecha(hora)?"
)
# Before others where there are several: Amazon's reviews also spell a day as `09 13, 2009`.
_SURE_TIMES = ("timestamp", "unixreviewtime", "unixtime", "datetime")
_RATINGS = re.compile(
    rf"(({_USERS}|{_ITEMS}|review|star|avg|overall)s?)?(ratings?|scores?|stars?|overall|grades?)(value|score)?|"
    r"bewertung(en)?|sterne|valoraci[oó]n|calificaci[oó]n|puntuaci[oó]n"
)
_TITLES = ("title", "itemtitle", "name", "token", "movietitle", "titleseq", "titel", "título", "titulo", "titre")
_TITLE = re.compile(rf"({_ITEMS}|short|full|display|original)s?(title|name|titleseq|titel|bezeichnung)|bezeichnung")
_TAGS = ("tags", "categories", "genres", "tag", "category", "genre", "class")
_TAG = re.compile(
    rf"(({_ITEMS}|main)s?)?(tags?|categories|category|genres?|class|topics?|subjects?|keywords?|labels?)(names?|seq)?|"
    rf"({_ITEMS})?(kategorien?|categor[ií]as?|catégories?|schlagworte)"
)


@dataclass(frozen=True)
class Noun:
    """rank  0: says who or what; 1: says it by a name; 2: an attribute. Of one noun the lowest `spelling` counts."""

    noun: str
    rank: int
    spelling: int


def compact(name: str) -> str:
    """Without case, blanks, signs and the `:type` of RecBole: `User-ID`, `user_id:token` and `userId` are one."""
    last = re.split(r"[./]", re.sub(r":(token|float)(_seq)?$", "", name.strip()))
    text = "".join(last) if last[-1].lower() in ("id", "name", "title") else last[-1]
    return re.sub(r"[\W_]+", "", text.lower())


def noun_of(role: str, name: str) -> Noun | None:
    """Whom or what a column named so identifies, if it looks like one that does."""
    text = compact(name)
    if role == "user" and text in ("uid", "usertoken"):
        return Noun("user", 0, 1)
    if role == "item" and text in ("iid", "itemtoken"):
        return Noun("item", 0, 1)
    strong, weak = (_USERS, _WEAK_USERS) if role == "user" else (_ITEMS, _WEAK_ITEMS)
    for rank, nouns in ((0, strong), (2, weak)):
        for suffix, spelling in ((_SUFFIX, 0), ("", 2), (_NAMED, 3)):
            before = "(?:id)?" if suffix == "" else ""  # `id_cliente`
            match = re.fullmatch(rf"{before}({nouns})({nouns})?({suffix})", text)
            if match:
                return Noun(match[1], 1 if suffix == _NAMED and rank == 0 else rank, spelling)
    return None


def is_usual(role: str, name: str) -> bool:
    """Whether a column named so may hold what `role` says."""
    text = compact(name)
    match role:
        case "user" | "item":
            return noun_of(role, name) is not None
        case "rating":
            return bool(_RATINGS.fullmatch(text))
        case "timestamp":
            return bool(_TIMES.fullmatch(text))
        case "title":
            return text in _TITLES or bool(_TITLE.fullmatch(text))
        case _:
            return text in _TAGS or bool(_TAG.fullmatch(text))


def preferred(role: str, names: list[str]) -> list[int]:
    """Positions of the columns that may hold ratings, times, titles or tags, the likeliest first."""
    usual = {"title": _TITLES, "tags": _TAGS, "timestamp": _SURE_TIMES}.get(role, ())
    found = [position for position, name in enumerate(names) if is_usual(role, name)]
    order = {name: place for place, name in enumerate(usual)}
    return sorted(found, key=lambda position: (order.get(compact(names[position]), len(order)), position))


def identifying(role: str, names: list[str]) -> list[int]:
    """Positions of the columns that identify users or items, those of the best rank, and of one noun those of the best
    spelling. More than one is a choice for a person to make."""
    found = [(noun, position) for position, name in enumerate(names) if (noun := noun_of(role, name))]
    nouns = {noun.noun for noun, _ in found}
    # Of Amazon's reviews the asin is one colour or size of its parent; ISBN-13 is another number of the same book.
    nouns -= {"asin"} if "parentasin" in nouns else {"isbn13"} if "isbn" in nouns else set()
    found = [(noun, position) for noun, position in found if noun.noun in nouns]
    top = min((noun.rank for noun, _ in found), default=0)
    found = [(noun, position) for noun, position in found if noun.rank == top]
    best = {noun.noun: min(other.spelling for other, _ in found if other.noun == noun.noun) for noun, _ in found}
    return [position for noun, position in found if noun.spelling == best[noun.noun]]
