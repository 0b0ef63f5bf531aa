"""What the caller asks of an import (docs/api.md, `rule`)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...errors import InvalidRequest

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]
# Counted from 1.
ColumnPosition = Annotated[int, Field(ge=1, le=10_000)]
# As previews and problems show it; its bytes are counted where the rule comes in.
TableName = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]


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


class RatioSplit(_Strict):
    kind: Literal["ratio"]
    ratios: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=3, max_length=3)] = [0.8, 0.1, 0.1]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 42

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        if abs(sum(self.ratios) - 1) > 1e-9 or self.ratios[0] == 0 or self.ratios[2] == 0:
            raise ValueError("ratios are train, valid, test; they sum to 1, and train and test are above 0")
        return self


class GivenSplit(_Strict):
    kind: Literal["given"]


class ImportRule(_Strict):
    columns: Columns = Columns()
    split: Annotated[RatioSplit | GivenSplit, Field(discriminator="kind")] = RatioSplit(kind="ratio")
    min_rating: Annotated[float | None, Field(alias="minRating")] = None
    k_core: Annotated[int | None, Field(alias="kCore", ge=1, le=1000)] = None
    skip_bad_rows: Annotated[bool, Field(alias="skipBadRows")] = False

    @model_validator(mode="after")
    def _no_core_of_given_parts(self) -> Self:
        if self.k_core is not None and self.split.kind == "given":
            raise ValueError("kCore cannot be combined with given parts: filtering would change the split")
        return self

    @classmethod
    def parse(cls, text: str) -> ImportRule:
        """Raises InvalidRequest naming the first wrong field."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(["rule", *(str(part) for part in first["loc"])]).removesuffix(".[key]")
            raise InvalidRequest(f"{place}: {first['msg']}", field=place) from None
