"""The values that the fields of a configuration may take, and how they stand in JSON.

A value has a place: the number that the sampler knows it by. Of choices and of even steps that is its position, so that
neither a float's rounding nor 1 == True == 1.0 ever makes two values one; of other ranges it is the value itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from ..errors import InvalidRequest

# A place of every field of the space, in its order.
Places = tuple[int | float, ...]
# Up to here neighbouring whole numbers are different ones in JSON as JavaScript reads it.
MOST_WHOLE = 2**53
# Of a step: how far the decimal digits of a value may be from it.
_NEAR = Decimal("1e-6")


@dataclass(frozen=True)
class Choices:
    """One of several JSON scalars, in no order."""

    field: str
    values_json: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.values_json)

    def at(self, place: int | float) -> Any:
        return json.loads(self.values_json[int(place)])

    def place(self, value: Any) -> int | None:
        """None of what is no choice."""
        return next((place for place in range(self.count) if _identity(self.at(place)) == _identity(value)), None)


@dataclass(frozen=True)
class Steps:
    """Even steps from `low`, which with `step` is kept in its decimal digits: 0.1 and three steps of 0.1 are 0.4."""

    field: str
    low: Decimal
    step: Decimal
    count: int
    integer: bool

    def at(self, place: int | float) -> int | float:
        value = self.low + self.step * int(place)
        return int(value) if self.integer else float(value)

    def place(self, value: Any) -> int | None:
        if not _is_number(value) or not math.isfinite(value):
            return None
        steps = (Decimal(repr(value)) - self.low) / self.step
        place = round(steps)
        return place if 0 <= place < self.count and abs(steps - place) < _NEAR else None


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`, both included, or all whole ones. log: even on the scale of logarithms."""

    field: str
    low: float
    high: float
    log: bool
    integer: bool

    @property
    def count(self) -> int | None:
        """None: more than can be counted."""
        return int(self.high) - int(self.low) + 1 if self.integer else None

    def at(self, place: int | float) -> int | float:
        return int(place) if self.integer else float(place)

    def place(self, value: Any) -> int | float | None:
        if not _is_number(value) or not self.low <= value <= self.high or (self.integer and value != int(value)):
            return None
        return self.at(value)


Dimension = Choices | Steps | Interval


def one_of(field: str, values_json: Sequence[str], *, field_at: str) -> Choices:
    """field_at: names the place in the request. Raises InvalidRequest naming the value that cannot be."""
    if len(values_json) < 2:
        message = f"{field} has {len(values_json)} values to choose from, not two or more"
        raise InvalidRequest(message, field=f"{field_at}.choices.values_json")
    known: set[tuple[str, Any]] = set()
    for place, text in enumerate(values_json):
        at = f"{field_at}.choices.values_json[{place}]"
        value = parsed(text, at)
        if isinstance(value, dict | list):
            raise InvalidRequest(f"a value of {field} is text, number, boolean or null", field=at)
        if _identity(value) in known:
            raise InvalidRequest(f"{field} has the value {text} twice", field=at)
        known.add(_identity(value))
    return Choices(field, tuple(values_json))


def in_range(
    field: str, low: float, high: float, *, log: bool, integer: bool, step: float, field_at: str
) -> Steps | Interval:
    """step: 0 for any value, of whole numbers all; the last value is the last step that is not above `high`.
    Raises InvalidRequest naming the end, or the step, that cannot be."""

    def refuse(part: str, must: str) -> NoReturn:
        raise InvalidRequest(f"{part} of {field} must be {must}", field=f"{field_at}.range.{part}")

    for part, value in (("low", low), ("high", high), ("step", step)):
        if not math.isfinite(value):
            refuse(part, f"a number, not {value}")
        if integer and (value != int(value) or abs(value) > MOST_WHOLE):
            refuse(part, f"a whole number up to {MOST_WHOLE}, not {value:g}")
    if not low < high:
        refuse("high", f"above low, {low:g}, not {high:g}")
    if log and low <= 0:
        refuse("low", f"above 0 on the scale of logarithms, not {low:g}")
    if step < 0 or (log and step > 0):
        refuse("step", "0 on the scale of logarithms" if log else f"0 or more, not {step:g}")
    if log or (step == 0 and not integer):
        return Interval(field, low, high, log, integer)
    first, width = Decimal(repr(low)), Decimal(repr(step or 1.0))
    count = int((Decimal(repr(high)) - first) / width) + 1
    if count < 2:
        refuse("step", f"{high - low:g} or less, what there is between low and high, not {step:g}")
    if count > MOST_WHOLE:
        refuse("step", "large enough for values to be counted")
    return Steps(field, first, width, count, integer)


@dataclass(frozen=True)
class Space:
    """The fields that are searched, in their order."""

    dimensions: tuple[Dimension, ...]

    @property
    def count(self) -> int | None:
        """Configurations there are; None: more than can be counted."""
        counts = [dimension.count for dimension in self.dimensions]
        return math.prod(count for count in counts if count is not None) if None not in counts else None

    def configuration(self, number: int) -> Places:
        """That of this number, from 0, of a space that can be counted: its digits to the bases of the fields."""
        places: list[int | float] = []
        for dimension in self.dimensions:
            number, digit = divmod(number, dimension.count or 1)
            places.append(int(dimension.low) + digit if isinstance(dimension, Interval) else digit)
        return tuple(places)

    def read(self, text: str, field: str) -> Places:
        """From field to value in JSON. Raises InvalidRequest naming `field` for what this space cannot propose."""
        values = parsed(text, field)
        names = [dimension.field for dimension in self.dimensions]
        if not isinstance(values, dict) or set(values) != set(names):
            raise InvalidRequest(f"chosen must hold each of {', '.join(names)} and nothing else", field=field)
        places: list[int | float] = []
        for dimension in self.dimensions:
            place = dimension.place(values[dimension.field])
            if place is None:
                told = json.dumps(values[dimension.field])
                raise InvalidRequest(f"{dimension.field} of this search is never {told}", field=field)
            places.append(place)
        return tuple(places)

    def written(self, places: Places) -> str:
        """As JSON: field to value."""
        pairs = zip(self.dimensions, places, strict=True)
        return json.dumps({dimension.field: dimension.at(place) for dimension, place in pairs}, allow_nan=False)


def parsed(text: str, field: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"not JSON: {error}", field=field) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _identity(value: Any) -> tuple[str, Any]:
    """1 and 1.0 are one value of JSON, 1 and true are two."""
    return "number" if _is_number(value) else type(value).__name__, value
