"""Times of interactions: what form a column of them has, and each cell as milliseconds since 1970 UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..dataset import NO_TIME
from .checks import BLANKS, NUMBER, Wrong

ISO = "ISO 8601"
COMPACT = "YYYYMMDDhhmmss"
DOTTED = "DD.MM.YYYY hh:mm:ss"
# Milliseconds in one of each; of ISO 8601 the cells say it themselves.
UNITS = {"seconds": 1e3, "milliseconds": 1.0, "microseconds": 1e-3, "nanoseconds": 1e-6}
READ = (
    "seconds, milliseconds, microseconds or nanoseconds since 1970, YYYYMMDDhhmmss, DD.MM.YYYY hh:mm:ss, "
    "or ISO 8601 such as 2026-12-31T18:00:00Z"
)

# 2026010112, 202601011200 and 20260101120000: as numbers they would be times, of other centuries.
_COMPACT = r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])([0-5]\d){0,2}$"
# With dots the day comes first everywhere, with slashes it depends on the country: those are not read.
_DOTTED = r"^(\d{1,2})\.(\d{1,2})\.(\d{4})( +\d{1,2}:\d{2}(:\d{2})?)?$"
# The first and the last millisecond of the years 1 to 9999.
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
# Since 1973 the units differ by more than any two times in one do; smaller numbers are years, hours, places in a list.
_SMALLEST, _STEP = 1e8, 1e3
_PATTERN = (
    r"^(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[Tt ](?P<hour>\d{2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,3})\d*)?)?)?"
    r"\s*(?P<zone>[Zz]|UTC|utc|GMT|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_ZONED = r"^\d{4}-\d{2}-\d{2}[Tt ][\d:.,]+\s*([Zz]|UTC|utc|GMT|[+-]\d{2}(:?\d{2})?)$"


@dataclass
class Evidence:
    """What the cells of one column look like. counts  by form, "" for cells that look like no time; first  of those;
    compact  numbers that are a date and an hour written without anything between; zoned  of those in ISO 8601, which
    say their zone."""

    counts: Counter[str] = field(default_factory=Counter)
    first: str = ""
    compact: int = 0
    zoned: int = 0

    def add(self, cells: pa.StringArray) -> None:
        text = _bare(cells)
        text = text.filter(pc.not_equal(text, ""))
        if not len(text):
            return
        numbers = _numbers(text)
        is_number = ~np.isnan(numbers)
        looks_compact = np.asarray(pc.match_substring_regex(text, _COMPACT)) & is_number
        self.compact += int(looks_compact.sum())
        self._add_numbers(np.abs(numbers[is_number]))
        rest = text if not is_number.any() else text.filter(pa.array(~is_number))
        at_once = _iso_at_once(rest) if len(rest) else None
        if len(rest) and at_once is None:
            fits = np.asarray(pc.match_substring_regex(rest, _PATTERN))
            self.counts[ISO] += int(fits.sum())
            self.zoned += int((np.asarray(pc.match_substring_regex(rest, _ZONED)) & fits).sum())
            dotted = np.asarray(pc.match_substring_regex(rest, _DOTTED))
            if dotted.any():
                self.counts[DOTTED] += int(dotted.sum())
            self._add_strange(rest, ~fits & ~dotted)
        else:
            self.counts[ISO] += len(rest)
            self.zoned += len(rest) if at_once is not None and at_once[1] else 0

    @property
    def form(self) -> str:
        """That of most cells; "" where at least half of them are no times, and where there are none."""
        if self.compact and self.compact == self.counts.total():
            return COMPACT
        known = {form: count for form, count in self.counts.items() if form}
        if not known or 2 * sum(known.values()) <= self.counts.total():
            return ""
        return max(known, key=lambda form: (known[form], form))

    @property
    def said(self) -> str:
        """The form for a person: of ISO 8601 also whether the cells say their zone."""
        if self.form != ISO or self.zoned == self.counts[ISO]:
            return self.form
        return f"{ISO}, {'some' if self.zoned else 'all'} without a zone: UTC"

    def _add_numbers(self, sizes: np.ndarray) -> None:
        low = 0.0
        for form, high in zip(("", *UNITS), (_SMALLEST * _STEP**power for power in range(5)), strict=True):
            if count := int(np.count_nonzero((sizes >= low) & (sizes < high))):
                self.counts[form] += count
            low = high

    def _add_strange(self, cells: pa.StringArray, strange: np.ndarray) -> None:
        if strange.any():
            self.counts[""] += int(strange.sum())
            self.first = self.first or str(cells[int(strange.argmax())])


def form_of(batches: Iterable[pa.StringArray]) -> Evidence:
    """The whole column is looked at: a few cells of another form are slips, and which are the few shows at its end."""
    evidence = Evidence()
    for cells in batches:
        evidence.add(cells.fill_null(""))
    return evidence


def checked_times(cells: pa.StringArray, form: str, is_needed: bool) -> tuple[np.ndarray, list[Wrong]]:
    """The times as int64 [rows], NO_TIME where the cell is empty, which is a fault only where times are needed, or is
    no time of this form."""
    text = _bare(cells)
    empty = np.asarray(pc.equal(text, ""))
    as_iso = {COMPACT: _spelt_out, DOTTED: _turned}
    at = _since_1970(text, form) if form in UNITS else _iso(as_iso[form](text) if form in as_iso else text)
    at[empty] = NO_TIME
    message = f"the time is not {f'{form} since 1970' if form in UNITS else form}, as others of its column are"
    faults = [Wrong("bad_time", message, (at == NO_TIME) & ~empty)]
    if is_needed:
        faults.append(Wrong("bad_time", "the time is missing", empty))
    return at, [one for one in faults if one.rows.any()]


def refused_times(at: np.ndarray, latest: int) -> list[Wrong]:
    """What a feed does not take: times before 1970, and those after `latest`; [rows] int64, NO_TIME is neither."""
    faults = [
        Wrong("bad_time", "the time is before 1970", (at < 0) & (at != NO_TIME)),
        Wrong("bad_time", "the time is more than a day ahead", at > latest),
    ]
    return [one for one in faults if one.rows.any()]


def _spelt_out(text: pa.StringArray) -> pa.StringArray:
    """YYYYMMDDhh, with or without minutes and seconds, as ISO 8601; what is written otherwise stays no time."""
    fits = pc.match_substring_regex(text, _COMPACT)
    whole = pc.utf8_rpad(pc.if_else(fits, text, "0" * 14), 14, "0")
    spelt = pc.replace_substring_regex(whole, r"^(....)(..)(..)(..)(..)(..)$", r"\1-\2-\3T\4:\5:\6")
    return pc.if_else(pc.equal(text, ""), "", spelt)


def _turned(text: pa.StringArray) -> pa.StringArray:
    """DD.MM.YYYY as ISO 8601, its first digits with or without zeros; what is written otherwise stays no time."""
    padded = text
    for short, long in ((r"^(\d)\.", r"0\1."), (r"\.(\d)\.", r".0\1."), (r" +(\d):", r" 0\1:")):
        padded = pc.replace_substring_regex(padded, short, long)
    turned = pc.replace_substring_regex(padded, r"^(..)\.(..)\.(....)(?: +(.+))?$", r"\3-\2-\1 \4")
    kept = pc.if_else(pc.match_substring_regex(text, _DOTTED), pc.utf8_rtrim_whitespace(turned), "none")
    return pc.if_else(pc.equal(text, ""), "", kept)


def moment(text: str) -> int:
    """Milliseconds of one time in ISO 8601. Raises ValueError."""
    at = int(_iso(_bare(pa.array([text], pa.string())))[0])
    if at == NO_TIME:
        raise ValueError("a time is written in ISO 8601, such as 2026-12-31 or 2026-12-31T18:00:00Z")
    return at


def iso_of(at: int) -> str:
    """A time as ISO 8601 in UTC; "" for NO_TIME."""
    return "" if at == NO_TIME else f"{np.datetime64(at, 'ms')}".removesuffix(".000") + "Z"


def _bare(cells: pa.StringArray) -> pa.StringArray:
    return pc.utf8_trim(cells, characters=BLANKS)


def _numbers(text: pa.StringArray) -> np.ndarray:
    """As float64, NaN where the text is no number."""
    try:
        return np.asarray(pc.cast(text, pa.int64())).astype(np.float64)
    except pa.ArrowInvalid:
        plain = pc.match_substring_regex(text, NUMBER)
        return np.asarray(pc.cast(pc.if_else(plain, pc.utf8_ltrim(text, "+"), "nan"), pa.float64()))


def _since_1970(text: pa.StringArray, form: str) -> np.ndarray:
    scale = UNITS[form]
    try:
        whole = np.asarray(pc.cast(text, pa.int64()))
    except pa.ArrowInvalid:
        # A float64 holds milliseconds of ten thousand years to the digit, of finer units more than is kept.
        milliseconds = _numbers(text) * scale
        milliseconds = np.rint(milliseconds) if scale >= 1 else np.floor(milliseconds)
        good = (milliseconds >= _FIRST) & (milliseconds <= _LAST)
        return np.where(good, np.where(good, milliseconds, 0).astype(np.int64), NO_TIME)
    good = (whole >= _FIRST / scale) & (whole <= _LAST / scale)
    whole = np.where(good, whole, 0)
    return np.where(good, whole * int(scale) if scale >= 1 else whole // round(1 / scale), NO_TIME)


def _iso_at_once(text: pa.StringArray) -> tuple[np.ndarray, bool] | None:
    """And whether they say their zone, where all cells are written alike; None where they are not, or one is none."""
    for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            at = pc.cast(text, kind)
        except pa.ArrowInvalid:
            continue
        return _of_years(np.asarray(pc.cast(at, pa.int64())) // 1_000_000), kind.tz is not None
    return None


def _iso(text: pa.StringArray) -> np.ndarray:
    """NO_TIME where the text is no time. Without zone it is UTC."""
    at_once = _iso_at_once(text)
    if at_once is not None:
        return at_once[0]
    parts = pc.extract_regex(text, _PATTERN)
    fits = np.asarray(pc.is_valid(parts))

    def texts(name: str) -> pa.StringArray:
        return pc.fill_null(pc.struct_field(parts, name), "")

    def numbers(name: str) -> np.ndarray:
        found = texts(name)
        return np.asarray(pc.cast(pc.if_else(pc.equal(found, ""), "0", found), pa.int64()))

    year, month, day, hour, minute, second = map(numbers, ("year", "month", "day", "hour", "minute", "second"))
    months = (year - 1970) * 12 + month - 1
    start, end = (one.astype("M8[M]").astype("M8[D]").astype(np.int64) for one in (months, months + 1))
    zone = pc.replace_substring_regex(texts("zone"), r"^([Zz]|UTC|utc|GMT)?$", "+0000")
    zone = pc.replace_substring_regex(pc.replace_substring(zone, ":", ""), r"^(...)$", r"\100")
    sign = np.where(np.asarray(pc.starts_with(zone, "-")), -1, 1)
    ahead_hours, ahead_minutes = np.divmod(np.asarray(pc.cast(pc.utf8_slice_codeunits(zone, 1), pa.int64())), 100)
    fraction = np.asarray(pc.cast(pc.utf8_rpad(texts("fraction"), 3, "0"), pa.int64()))
    good = fits & (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= end - start)
    good &= (hour <= 23) & (minute <= 59) & (second <= 59) & (ahead_hours <= 23) & (ahead_minutes <= 59)
    minutes = ((start + day - 1) * 24 + hour) * 60 + minute - sign * (ahead_hours * 60 + ahead_minutes)
    return np.where(good, _of_years((minutes * 60 + second) * 1000 + fraction), NO_TIME)


def _of_years(at: np.ndarray) -> np.ndarray:
    """NO_TIME beyond the years 1 to 9999, where a zone may lead."""
    return np.where((at >= _FIRST) & (at <= _LAST), at, NO_TIME)
