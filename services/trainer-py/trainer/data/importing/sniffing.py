"""How a text file is written, by its first lines: what separates its columns, what quotes them, where rows begin."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

from ...errors import BadDataset
from .naming import is_usual
from .records import Dialect, Record, fields_of, records_of

_SEPARATORS = ("\t", ",", ";", "|", "::")
# Spaces separate only what nothing else does.
_BLANKS = " "
_SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_ROW_SHARE = 0.9


@dataclass(frozen=True)
class Sniffed:
    """A text table before its header is understood.

    format      csv, json-lines, python-lines or json-array
    skip        lines before the first record
    records     of the sample, the first of them perhaps a header
    width       fields of most records
    are_quoted  the first cells of nearly all records are
    commented   the fields of the last comment line, which some use as a header
    """

    format: str
    dialect: Dialect | None = None
    skip: int = 0
    records: tuple[Record, ...] = ()
    width: int = 0
    are_quoted: bool = False
    commented: tuple[str, ...] = ()
    objects: tuple[dict[str, Any], ...] = ()


def sniffed(sample: str, name: str, is_whole: bool) -> Sniffed:
    """`sample`: the first bytes as text. Raises BadDataset(missing_column) when nothing separates columns."""
    lines = sample.removeprefix("\ufeff").split("\n")
    if (not is_whole and len(lines) > 1) or lines[-1] == "":
        lines.pop()
    as_json = _json(lines, sample)
    if as_json is not None:
        return as_json
    skip, asked, commented = 0, None, ""
    for line in lines:
        if match := _SEP_LINE.fullmatch(line):
            asked = match[1]
        elif line.startswith("#") and len(lines) > skip + 1:
            commented = line.lstrip("# ")
        elif line.strip():
            break
        skip += 1
    body = lines[skip:]
    if not body:
        raise BadDataset(f"{name} holds no row", code="empty_file")
    dialect, records = _best(body, skip + 1, asked, name)
    quoted = sum(bool(dialect.quote) and body[one.line - skip - 1].startswith(dialect.quote) for one in records)
    widths = [len(record.fields) for record in records[1:] if record.fields] or [len(records[0].fields or ())]
    return Sniffed(
        "csv",
        dialect,
        skip,
        tuple(records),
        max(set(widths), key=widths.count),
        quoted >= _ROW_SHARE * len(records),
        tuple(fields_of(commented, dialect) or ()) if commented else (),
    )


_OF_COLUMNS = re.compile(r'\{\s*"[^"]*"\s*:\s*\{\s*"0"\s*:')
_OF_SEVERAL_LINES = re.compile(r'\{\s*([\r\n]|"[^"]*"\s*:[^\r\n{}]*[\r\n])')
_OF_LISTS = re.compile(r"\[\s*\[")
# A list of rows, perhaps with what else is said of them before it; and rows by their number.
_AROUND_ROWS = re.compile(r'\{\s*"([^{}]*|[^\[]*)\[\s*[\[{]|\{\s*"0"\s*:\s*\{')


def refuse_sideways(sample: bytes, name: str) -> None:
    """Raises BadDataset(unsupported_format) for JSON that has no object a row."""
    if what := _sideways(sample.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()):
        way = 'write one object a row, in an array or one a line: in pandas, to_json(FILE, orient="records")'
        raise BadDataset(f"{name} is {what}, which is not read; {way}", code="unsupported_format")


def _sideways(text: str) -> str:
    """What it is; "" where it has objects a row, or is no JSON. The text may be cut."""
    if not text.startswith(("{", "[")):
        return ""
    lines = [line for line in text.split("\n")[:200] if line.strip()]
    values = [_value(line) for line in lines]
    if text.startswith("["):
        first = values[0]
        has_lists = isinstance(first, list) and first != [] and not isinstance(first[0], dict)
        return "JSON whose rows are lists" if has_lists or _OF_LISTS.match(text) else ""
    if _OF_COLUMNS.match(text) and not any(line.lstrip().startswith("{") for line in lines[1:]):
        return "one JSON object of columns, as pandas' to_json() writes it"
    if _OF_SEVERAL_LINES.match(text):
        return "a JSON object over several lines"
    objects = [value for value in values if isinstance(value, dict)]
    is_alone = len(lines) == 1 and not any(
        is_usual(role, key) for role in ("user", "item") for key in _single(values[0])
    )
    is_broken = 2 * len(objects) < len(lines)
    return "one JSON object around the rows" if (is_alone or is_broken) and _AROUND_ROWS.match(text) else ""


def _single(value: Any) -> list[str]:
    """Fields of an object that hold no list."""
    return [key for key, inner in value.items() if not isinstance(inner, list)] if isinstance(value, dict) else []


def _value(line: str) -> Any:
    try:
        return _loaded(line)
    except (ValueError, RecursionError):
        return None


def _json(lines: list[str], sample: str) -> Sniffed | None:
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("{"):
        for form, load in (("json-lines", _loaded), ("python-lines", ast.literal_eval)):
            found = []
            for line in lines[:200]:
                try:
                    value = load(line)
                except (ValueError, SyntaxError, MemoryError, RecursionError):
                    continue
                if isinstance(value, dict):
                    found.append(value)
            if found:
                return Sniffed(form, objects=tuple(found))
    if first.startswith("["):
        objects = _array(sample)
        if objects:
            return Sniffed("json-array", objects=tuple(objects))
    return None


def _loaded(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)


def _array(sample: str) -> list[dict[str, Any]]:
    """The first objects of an array, of which the sample may hold only the beginning."""
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    found: list[dict[str, Any]] = []
    at = sample.find("[") + 1
    while len(found) < 200:
        while at < len(sample) and sample[at] in " \t\r\n,":
            at += 1
        try:
            value, at = decoder.raw_decode(sample, at)
        except (ValueError, RecursionError):
            break
        if not isinstance(value, dict):
            break
        found.append(value)
    return found


def _best(body: list[str], first_line: int, asked: str | None, name: str) -> tuple[Dialect, list[Record]]:
    """The separator under which the first line reads as a header and the rows fit it; of equals the one with most
    columns."""
    best: tuple[tuple[int, int, int, float], Dialect, list[Record]] | None = None
    for separator in [asked] if asked else _SEPARATORS:
        if separator not in body[0]:
            continue
        dialect = _quoting(body, separator)
        records = list(records_of(body, dialect, first_line))
        header = records[0].fields
        if header is None or len(header) < 2:
            continue
        fit = _fit(records)
        known = sum(any(is_usual(role, field) for role in ("user", "item")) for field in header)
        score = (min(known, 2), int(fit >= _ROW_SHARE), len(header), fit)
        if best is None or score > best[0]:
            best = (score, dialect, records)
    if best is not None:
        return best[1], best[2]
    quoted = list(records_of(body, Dialect(_BLANKS), first_line))
    if '"' in body[0] and len(quoted[0].fields or ()) >= 2 and _fit(quoted) == 1:
        return Dialect(_BLANKS), quoted
    blanks = [" ".join(line.split()) for line in body]
    records = list(records_of(blanks, Dialect(_BLANKS, ""), first_line))
    if len(records[0].fields or ()) >= 2 and _fit(records) == 1:
        return Dialect(_BLANKS, ""), records
    if records[0].fields is None or '"' in body[0]:
        raise BadDataset(f"{name}: line {first_line}: a quoted field is not closed", code="missing_column")
    raise BadDataset(
        f"{name}: line {first_line} must name the columns, separated by tab, comma or semicolon: {shown(body[0])}",
        code="missing_column",
    )


def _fit(records: list[Record]) -> float:
    """Share of the rows that have as many fields as the header, or one more."""
    wanted = len(records[0].fields or ())
    rows = records[1:]
    return sum(len(row.fields or ()) in (wanted, wanted + 1) for row in rows) / len(rows) if rows else 1.0


def _quoting(body: list[str], separator: str) -> Dialect:
    """Comma and semicolon always quote. Elsewhere a quote is text, unless it encloses cells of the sample."""
    backslash = sum(line.count('\\"') for line in body) > sum(line.count('\\\\"') for line in body)
    if separator == "::":
        return Dialect(separator, "")
    if separator not in (",", ";"):
        cells = [cell for line in body for cell in line.split(separator) if cell.startswith('"')]
        if not cells or any(len(cell) < 2 or not cell.endswith('"') for cell in cells):
            whole = [cell for cell in body[0].split(separator) if len(cell) > 1 and cell[0] == cell[-1] == '"']
            if len(whole) < len(body[0].split(separator)):
                return Dialect(separator, "")
    plain = Dialect(separator)
    if not backslash:
        return plain
    escaped = Dialect(separator, '"', "\\")
    fits = [_fit(list(records_of(body, dialect))) for dialect in (plain, escaped)]
    return escaped if fits[1] >= fits[0] else plain


def looks_like_data(first: list[str], rows: list[list[str]]) -> bool:
    """Whether the first line is a row: it holds a number, or a value or pattern that its column has again."""
    if any(_is_number(field) for field in first):
        return True
    for position, field in enumerate(first):
        column = [row[position].strip() for row in rows if len(row) > position]
        if field.strip() and field.strip() in column:
            return True
        pattern = _pattern(field)
        if "9" in pattern and any(_pattern(value) == pattern for value in column[:20]):
            return True
    return False


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?\s*", text))


def _pattern(text: str) -> str:
    return re.sub(r"9+", "9", re.sub(r"\d", "9", re.sub(r"[A-Z]+", "A", re.sub(r"[a-z]+", "a", text.strip()))))


def shown(line: str, most: int = 200) -> str:
    return repr(line if len(line) <= most else line[: most - 1] + "…")


def names_of_objects(objects: tuple[dict[str, Any], ...]) -> dict[str, tuple[str, ...]]:
    """Every field of the objects, nested ones by their path: `a.b` → ("a", "b"), in the order in which they come."""
    found: dict[str, tuple[str, ...]] = {}

    def walk(value: dict[str, Any], path: tuple[str, ...]) -> None:
        for key, inner in value.items():
            if isinstance(inner, dict) and len(path) < 8:
                walk(inner, (*path, key))
            else:
                found.setdefault(".".join((*path, key)), (*path, key))

    for one in objects:
        walk(one, ())
    return found
