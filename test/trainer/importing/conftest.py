"""Files in, what came of them out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from trainer.data.dataset import Dataset
from trainer.data.importing import Finished, ImportRule, Problem, SourceFile, import_dataset
from trainer.data.importing.header import columns_of
from trainer.data.importing.reading import Filters, interactions_of, items_of
from trainer.data.importing.tables import tables_of
from trainer.data.importing.unpacking import Scratch
from trainer.errors import BadDataset


@dataclass
class Outcome:
    """code and message of the refusal, or "" when the import ended well."""

    problems: list[Problem] = field(default_factory=list)
    dataset: Dataset | None = None
    code: str = ""
    message: str = ""

    @property
    def counts(self) -> dict[str, int]:
        assert self.dataset is not None, self.message
        return {name: value for name, value in self.dataset.statistics.items() if isinstance(value, int)}

    @property
    def titles(self) -> dict[str, str]:
        assert self.dataset is not None, self.message
        return dict(zip(self.dataset.items.array.to_pylist(), self.dataset.titles, strict=True))


File = tuple[str, bytes | str]  # the name that its owner gave it, and what is in it
Bring = Callable[..., Outcome]
ReadBack = Callable[..., tuple[list[dict[str, str]], list[Problem]]]


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """Imports files by role (`items_2` is a second one of the role `items`): bytes, text, or a name and one of them."""

    number = count()

    def run(rule: str = "{}", **files: bytes | str | File) -> Outcome:
        sources = []
        for key, given in files.items():
            role = key.split("_")[0]
            name, data = given if isinstance(given, tuple) else (f"{role}.csv", given)
            path = tmp_path / key
            path.write_bytes(data.encode() if isinstance(data, str) else data)
            sources.append(SourceFile(role, path, name))
        outcome = Outcome()
        try:
            for event in import_dataset(
                sources, ImportRule.parse(rule), tmp_path / "artifacts", f"{next(number):064x}"
            ):
                if isinstance(event, Problem):
                    outcome.problems.append(event)
                if isinstance(event, Finished):
                    outcome.dataset = event.dataset
        except BadDataset as error:
            outcome.code, outcome.message = error.code, error.message
        assert not list((tmp_path / "artifacts").glob(".tmp-*"))
        return outcome

    return run


@pytest.fixture
def read_back(tmp_path: Path) -> ReadBack:
    """The rows of one file as the import takes them, role → text, and the bad ones."""

    def run(
        data: bytes,
        role: str = "interactions",
        rule: str = "{}",
        name: str = "table",
        filters: Filters = Filters(),  # noqa: B008 - frozen
    ) -> tuple[list, list]:
        (tmp_path / "table").write_bytes(data)
        columns = ImportRule.parse(rule).columns
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        rows: list[dict[str, str]] = []
        bad: list = []
        for table in tables_of(SourceFile(role, tmp_path / "table", name), columns, Scratch(scratch)):
            assert table.complaint is None, table.complaint
            wanted = ("item", "title", "tags") if role == "items" else ("user", "item", "rating")
            chosen = columns_of(table.header, role, columns, table.published, wanted, name)
            for chunk in items_of(table, chosen) if role == "items" else interactions_of(table, chosen, filters):
                bad += chunk.problems
                columns_read = {key: values.to_pylist() for key, values in chunk.columns.items()}
                rows += [dict(zip(columns_read, row, strict=True)) for row in zip(*columns_read.values(), strict=True)]
        return rows, bad

    return run
