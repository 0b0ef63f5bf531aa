"""Tags of items, from the text of a column to the canonical dataset and back."""

import json
from pathlib import Path

import numpy as np
import pytest

from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.data.importing import Finished, ImportRule, Problem, SourceFile, import_dataset, tagging
from trainer.data.importing.tagging import collected, tags_of
from trainer.errors import BadDataset, DatasetCorrupt

DIGEST = "a" * 64
TRAIN, TEST = "user,item\na,x\na,y\nb,x\nb,z", "user,item\na,z\nb,y"


def events_of(folder: Path, items: str, columns: dict[str, str]) -> list[object]:
    sources = []
    folder.mkdir(exist_ok=True)
    for role, text in {"train": TRAIN, "test": TEST, "items": items}.items():
        path = folder / f"{role}.csv"
        path.write_text(text)
        sources.append(SourceFile(role, path, path.name))
    rule = ImportRule.parse(json.dumps({"split": {"kind": "given"}, "columns": columns}))
    return list(import_dataset(sources, rule, folder / "artifacts", DIGEST))


def imported(folder: Path, items: str, **columns: str) -> Dataset:
    last = events_of(folder, items, columns)[-1]
    assert isinstance(last, Finished)
    return last.dataset


def tags_by_item(data: Dataset) -> dict[str, list[str]]:
    """Of the items that have some."""
    ends = data.tags.indptr.tolist()
    lists = [[data.tags.names[place] for place in data.tags.indices[ends[i] : ends[i + 1]]] for i in range(3)]
    return {data.items.id(column): tags for column, tags in enumerate(lists) if tags}


@pytest.mark.parametrize(
    ("text", "spaced", "expected"),
    [
        ("Jazz|Be bop, fast|jazz| |Modal", False, ["Jazz", "Be bop, fast", "Modal"]),
        ("Jazz|Be bop", True, ["Jazz", "Be bop"]),
        ("Sci-Fi  Drama sci-fi", True, ["Sci-Fi", "Drama"]),
        ("Drama, Sci Fi,,drama", False, ["Drama", "Sci Fi"]),
        ("Drama,Comedy", True, ["Drama,Comedy"]),
        ("one whole value", False, ["one whole value"]),
        ("straße|STRASSE", False, ["straße"]),
        ("", False, []),
        ("(no genres listed)", False, []),
        ('["(no genres listed)"]', False, []),
        ("  |,", False, [","]),
        ("é" * 100, False, ["é" * 100]),
        ("é" * 101, False, ["é" * 99 + "…"]),
    ],
)
def test_a_value_is_separated(text: str, spaced: bool, expected: list[str]) -> None:
    assert tags_of(text, spaced) == expected


def test_an_item_has_a_hundred_tags_at_most() -> None:
    assert tags_of("|".join(f"t{place}" for place in range(150)), False) == [f"t{place}" for place in range(100)]


def test_the_first_item_spells_a_tag() -> None:
    tags, left_out = collected([["Rock", "live"], [], ["ROCK", "Folk"], ["Live"]])
    assert tags.names == ["Rock", "live", "Folk"]
    assert tags.indptr.tolist() == [0, 2, 2, 4, 5]
    assert tags.indices.tolist() == [0, 1, 0, 2, 1]
    assert left_out == 0


def test_too_many_different_tags_leave_those_of_the_most_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "MOST_DIFFERENT", 2)
    events = events_of(tmp_path, "item,tags\nx,a|b\ny,c|d|B\nz,d", {})
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert tags_by_item(finished.dataset) == {"x": ["b"], "y": ["d", "b"], "z": ["d"]}
    [problem] = [event for event in events if isinstance(event, Problem)]
    assert (problem.code, problem.file, problem.line) == ("too_many_tags", "items.csv", 0)
    assert problem.message == "4 different tags; the 2 of the most items are kept"
    assert finished.statistics["problems_total"] == 1


@pytest.mark.parametrize("column", ["tags", "Categories", "genres", "category", "GENRE", "tag", "class"])
def test_a_tag_column_has_several_usual_names_and_needs_no_titles(tmp_path: Path, column: str) -> None:
    data = imported(tmp_path, f"item,{column}\nx,A|B\nz,b\nunheard,C")
    assert tags_by_item(data) == {"x": ["A", "B"], "z": ["B"]}
    assert data.titles == ["", "", ""]
    assert {name: data.statistics[name] for name in ("titled_items", "tagged_items", "tags")} == {
        "titled_items": 0,
        "tagged_items": 2,
        "tags": 2,
    }


def test_spaces_separate_where_recbole_says_sequence(tmp_path: Path) -> None:
    sequence = imported(tmp_path / "sequence", "item\tclass:token_seq\ttitle:token_seq\nx\tSci-Fi Drama\tA B")
    assert tags_by_item(sequence) == {"x": ["Sci-Fi", "Drama"]}
    assert sequence.titles[0] == "A B"
    token = imported(tmp_path / "token", "item\tclass:token\nx\tSci-Fi Drama")
    assert tags_by_item(token) == {"x": ["Sci-Fi Drama"]}


def test_the_rule_names_the_column_also_the_one_of_the_titles(tmp_path: Path) -> None:
    data = imported(tmp_path, 'item,name,shelf,tags\nx,"X, a",s1,not me', tags="shelf")
    assert tags_by_item(data) == {"x": ["s1"]}
    both = imported(tmp_path / "both", 'item,name\nx,"X, a"', tags="name")
    assert (both.titles[0], tags_by_item(both)) == ("X, a", {"x": ["X", "a"]})


@pytest.mark.parametrize(
    ("items", "columns", "field", "message"),
    [
        ("item,colour\nx,red", {"item": "item"}, "rule.columns.title", "no title and no tags column"),
        ("item,colour\nx,red", {"tags": "genre"}, "rule.columns.tags", "no column 'genre'"),
        ("item,tags\nx,red", {"title": "heading"}, "rule.columns.title", "no column 'heading'"),
    ],
)
def test_a_column_that_is_missing_is_named(
    tmp_path: Path, items: str, columns: dict[str, str], field: str, message: str
) -> None:
    with pytest.raises(BadDataset, match=message) as error:
        events_of(tmp_path, items, columns)
    assert (error.value.code, error.value.field) == ("missing_column", field)


def test_tags_are_loaded_as_they_were_saved_and_proved(tmp_path: Path) -> None:
    data = imported(tmp_path, "item,tags\nz,B|A\nx,a|ü")
    again = dataset.load(tmp_path / "artifacts", data.key)
    assert (again.tags.names, tags_by_item(again)) == (["a", "ü", "B"], {"x": ["a", "ü"], "z": ["B", "a"]})
    assert (again.tags.indptr.dtype, again.tags.indices.dtype) == (np.int64, np.int64)
    file = tmp_path / "artifacts" / data.key / dataset.TAGS
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DatasetCorrupt, match=r"tags\.arrow"):
        dataset.load(tmp_path / "artifacts", data.key)
    file.unlink()
    with pytest.raises(DatasetCorrupt, match=r"tags\.arrow"):
        dataset.load(tmp_path / "artifacts", data.key)


def test_without_tags_there_is_no_file_of_them(tmp_path: Path) -> None:
    data = imported(tmp_path, "item,title\nx,X")
    folder = tmp_path / "artifacts" / data.key
    assert {path.name for path in folder.iterdir()} == {*dataset.FILES, "manifest.json"}
    assert (data.tags.names, data.tags.indptr.tolist()) == ([], [0, 0, 0, 0])
    assert (data.statistics["tagged_items"], data.statistics["tags"]) == (0, 0)
