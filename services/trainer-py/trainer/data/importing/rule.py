"""What the caller asks of an import (docs/api.md, `rule`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from ...errors import InvalidRequest
from .times import moment

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]
# Counted from 1.
ColumnPosition = Annotated[int, Field(ge=1, le=10_000)]
Ratios = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=3, max_length=3)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
# As previews and problems show it; its bytes are counted where the rule comes in.
TableName = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]


def _moment(text: str) -> str:
    moment(text)
    return text


# A time in ISO 8601, as it was written.
Moment = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_moment)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)


class FileColumns(_Strict):
    """Header names, or positions counted from 1; None: recognised by their usual names."""

    user: ColumnName | ColumnPosition | None = None
    item: ColumnName | ColumnPosition | None = None
    rating: ColumnName | ColumnPosition | None = None
    timestamp: ColumnName | ColumnPosition | None = None
    title: ColumnName | ColumnPosition | None = None
    tags: ColumnName | ColumnPosition | None = None

    def over(self, general: FileColumns) -> FileColumns:
        """These where they are given, else the general ones."""
        return FileColumns(**{**_given(general), **_given(self)})


def _given(columns: FileColumns) -> dict[str, str | int]:
    return {name: value for name in FileColumns.model_fields if (value := getattr(columns, name)) is not None}


class Columns(FileColumns):
    """What holds for every file, for the files of one role, and for one table: the narrowest that says it counts.

    files  by the name of the file, or of the table in an archive, `shop.zip: orders.csv`"""

    interactions: FileColumns | None = None
    train: FileColumns | None = None
    valid: FileColumns | None = None
    test: FileColumns | None = None
    items: FileColumns | None = None
    files: Annotated[dict[TableName, FileColumns], Field(max_length=64)] | None = None

    def of(self, role: str, name: str) -> FileColumns:
        asked: FileColumns = self
        for _, own in reversed(self._own(role, name)):
            asked = own.over(asked)
        return asked

    def place(self, role: str, name: str, column: str) -> str:
        """Where the rule names this column: `columns.files.a.csv.title`, `columns.items.title`, or `columns.title`."""
        said = (place for place, own in self._own(role, name) if getattr(own, column) is not None)
        return f"{next(said, 'columns')}.{column}"

    def _own(self, role: str, name: str) -> list[tuple[str, FileColumns]]:
        """What is not said of every file, and where, the narrowest first."""
        found = (
            (f"columns.files.{name}", (self.files or {}).get(name)),
            (f"columns.{role}", getattr(self, role, None)),
        )
        return [(place, own) for place, own in found if own is not None]


def _check_ratios(ratios: list[float]) -> None:
    if abs(sum(ratios) - 1) > 1e-9 or ratios[0] == 0 or ratios[2] == 0:
        raise ValueError("ratios are train, valid, test; they sum to 1, and train and test are above 0")


class RatioSplit(_Strict):
    kind: Literal["ratio"]
    ratios: Ratios = [0.8, 0.1, 0.1]
    seed: Seed = 42

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        _check_ratios(self.ratios)
        return self


class GivenSplit(_Strict):
    kind: Literal["given"]


class LeaveLastSplit(_Strict):
    kind: Literal["leave_last"]


class TemporalSplit(_Strict):
    """Where validation and test begin: quantiles over the times of all interactions, or two times."""

    kind: Literal["temporal"]
    quantiles: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=2, max_length=2)] = [0.8, 0.9]
    at: Annotated[list[Moment], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.at is not None and "quantiles" in self.model_fields_set:
            raise ValueError("a temporal split is cut at quantiles or at given times, not both")
        if self.quantiles[0] > self.quantiles[1] or (self.at is not None and moment(self.at[0]) > moment(self.at[1])):
            raise ValueError("validation begins before test")
        return self

    @model_serializer(mode="wrap")
    def _one_way(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        if self.at is not None:
            written.pop("quantiles")
        return written


class StrongSplit(_Strict):
    """ratios  of the users: to train on, and held out for validation and for test"""

    kind: Literal["strong"]
    ratios: Ratios = [0.8, 0.1, 0.1]
    seed: Seed = 42

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        _check_ratios(self.ratios)
        return self


Split = RatioSplit | GivenSplit | LeaveLastSplit | TemporalSplit | StrongSplit


class ImportRule(_Strict):
    """since, until  the first moment that counts, and the first that no longer does"""

    columns: Columns = Columns()
    split: Annotated[Split, Field(discriminator="kind")] = RatioSplit(kind="ratio")
    min_rating: Annotated[float | None, Field(alias="minRating")] = None
    since: Moment | None = None
    until: Moment | None = None
    k_core: Annotated[int | None, Field(alias="kCore", ge=1, le=1000)] = None
    skip_bad_rows: Annotated[bool, Field(alias="skipBadRows")] = False

    @model_validator(mode="after")
    def _no_core_of_given_parts(self) -> Self:
        if self.k_core is not None and self.split.kind == "given":
            raise ValueError("kCore cannot be combined with given parts: filtering would change the split")
        return self

    @model_validator(mode="after")
    def _window_is_open(self) -> Self:
        if self.since is not None and self.until is not None and moment(self.since) >= moment(self.until):
            raise ValueError("since must be before until")
        return self

    @property
    def needs_times(self) -> str:
        """What of it does, for a person; "" when nothing does."""
        if isinstance(self.split, LeaveLastSplit | TemporalSplit | StrongSplit):
            return f"a split of kind {self.split.kind}"
        return "since" if self.since is not None else "until" if self.until is not None else ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidRequest naming the first wrong field."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(["rule", *(str(part) for part in first["loc"])]).removesuffix(".[key]")
            raise InvalidRequest(f"{place}: {first['msg']}", field=place) from None


class FeedRule(ImportRule):
    """What is asked of files that go into a feed, which keeps rows as they are: nothing filters or splits them.

    at  the time of rows that have none"""

    at: Moment | None = None

    @model_validator(mode="after")
    def _takes_no_more(self) -> Self:
        if others := self.model_fields_set - {"columns", "at", "skip_bad_rows"}:
            raise ValueError(f"a feed takes columns, at and skipBadRows, not {min(others)}")
        return self

    @property
    def needs_times(self) -> str:
        return "" if self.at is not None else "a feed, where the rule gives no `at` for rows without one,"
