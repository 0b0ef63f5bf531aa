"""Columns that the rule names for one file or one table of an archive, before those of its role and those of all."""

import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.data.importing import Head, ImportRule, Preview, SourceFile, import_dataset, preview_files
from trainer.data.importing.heads import HEAD_BYTES
from trainer.data.importing.rule import FileColumns
from trainer.errors import BadDataset, InvalidRequest

Bring = Callable[..., Any]
PAIRS = [(f"u{n % 5}", f"i{n % 7}") for n in range(35)]


def table(user: str, item: str, pairs: list[tuple[str, str]] = PAIRS) -> str:
    """With columns before and between that mean nothing, called so that nothing is recognised but what is asked for."""
    return f"no,{user},x,{item}\n" + "".join(f"{n},{who},{n % 3},{what}\n" for n, (who, what) in enumerate(pairs))


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in members.items():
            file.writestr(f"{name}.csv", text)
    return out.getvalue()


def preview(rule: dict[str, Any], *files: tuple[str, str, bytes | str]) -> Preview:
    given = [(role, name, data.encode() if isinstance(data, str) else data) for role, name, data in files]
    heads = [Head(role, name, data[:HEAD_BYTES], len(data) < HEAD_BYTES) for role, name, data in given]
    return preview_files(heads, ImportRule.parse(json.dumps({"columns": rule})))


def chosen(made: Preview, name: str) -> dict[str, str]:
    [found] = [one for one in made.tables if one.name == name]
    return {column.role: column.name for column in found.columns if column.role}


def pairs_of(outcome: Any) -> set[tuple[str, str]]:
    data = outcome.dataset
    rows, columns = (data.train + data.valid + data.test).nonzero()
    return {(data.users.id(row), data.items.id(column)) for row, column in zip(rows, columns, strict=True)}


def test_two_files_of_one_role_have_names_of_their_own(bring: Bring) -> None:
    rule = {
        "columns": {"files": {"2023.orders.csv": {"user": "wer", "item": "was"}, "clicks": {"user": "qui", "item": 4}}}
    }
    outcome = bring(
        json.dumps(rule),
        interactions=("2023.orders.csv", table("wer", "was", PAIRS[:20])),
        interactions_2=("clicks", table("qui", "quoi", PAIRS[20:])),
    )
    assert outcome.message == ""
    assert pairs_of(outcome) == set(PAIRS)
    assert outcome.problems == []


def test_two_tables_of_an_archive_have_names_of_their_own(bring: Bring) -> None:
    data = zipped(
        orders=table("wer", "was", PAIRS[:20]), clicks=table("qui", "quoi", PAIRS[20:]), items="no,nom\ni1,Un\n"
    )
    files = {
        "shop.zip: orders.csv": {"user": "wer", "item": "was"},
        "shop.zip: clicks.csv": {"user": "qui", "item": "quoi"},
        "shop.zip: items.csv": {"item": "no", "title": "nom"},
    }
    made = preview({"files": files}, ("interactions", "shop.zip", data))
    assert made.problems == []
    assert {one.name: chosen(made, one.name) for one in made.tables} == files
    outcome = bring(json.dumps({"columns": {"files": files}}), interactions=("shop.zip", data))
    assert (outcome.message, pairs_of(outcome)) == ("", set(PAIRS))
    assert outcome.titles["i1"] == "Un"


def test_a_file_goes_before_its_role_and_a_role_before_all() -> None:
    columns = {
        "item": "all",
        "interactions": {"user": "role", "item": "role", "rating": "role"},
        "files": {"a.csv": {"user": "file", "timestamp": 1}},
    }
    rule = ImportRule.parse(json.dumps({"columns": columns})).columns
    of_a = FileColumns(user="file", item="role", rating="role", timestamp=1)
    assert {name: getattr(rule.of("interactions", "a.csv"), name) for name in FileColumns.model_fields} == dict(of_a)
    places = {column: rule.place("interactions", "a.csv", column) for column in ("user", "item", "rating", "tags")}
    assert places == {
        "user": "columns.files.a.csv.user",
        "item": "columns.interactions.item",
        "rating": "columns.interactions.rating",
        "tags": "columns.tags",
    }
    assert rule.place("items", "b.csv", "item") == "columns.item"


def test_any_mixture_of_places_reads_the_columns_that_the_narrowest_names() -> None:
    """Against the precedence said once more, in another way: the last word that was said from wide to narrow."""
    draw = random.Random(7)
    asked = ("user", "item", "rating", "timestamp")
    for _ in range(200):
        names = [f"{draw.choice('abc')}{n}.csv" for n in range(draw.randint(1, 4))]
        roles = {name: draw.choice(["train", "test"]) for name in names}

        def some() -> dict[str, str | int]:
            taken = draw.sample(asked, draw.randint(0, 4))
            return {column: draw.choice([f"c{draw.randint(1, 9)}", draw.randint(1, 9)]) for column in taken}

        wide, of_roles = some(), {role: some() for role in ("train", "test") if draw.random() < 0.7}
        files = {name: some() for name in names if draw.random() < 0.7}
        rule = {**wide, **of_roles, **({"files": files} if files else {})}
        text = ",".join(f"c{n}" for n in range(1, 10)) + "\n" + ",".join(f"v{n}" for n in range(1, 10)) + "\n"
        made = preview(rule, *((roles[name], name, text) for name in names))
        for name in names:
            last = wide | of_roles.get(roles[name], {}) | files.get(name, {})
            at = {column: value if isinstance(value, int) else int(value[1:]) for column, value in last.items()}
            is_named = any(one.header for one in made.tables if one.name == name)
            # Of two roles of one column the first is shown.
            shown = {place: column for column, place in sorted(at.items(), key=lambda one: -asked.index(one[0]))}
            called = {column: f"c{place}" if is_named else f"column {place}" for place, column in shown.items()}
            assert chosen(made, name) == called


@pytest.mark.parametrize("wrong", ["b.csv", "A.csv", "a", "shop.zip", "shop.zip: a.csv", "shop.zip: links.csv"])
def test_a_name_that_no_table_has_is_refused_with_those_there_are(bring: Bring, wrong: str) -> None:
    data = zipped(orders=table("user", "item"), links="user,item\na,b\n")
    place = f"rule.columns.files.{wrong}"
    rule = {"files": {wrong: {"user": "user"}}}
    outcome = bring(
        json.dumps({"columns": rule}), interactions=("shop.zip", data), interactions_2=("a.csv", table("user", "item"))
    )
    assert outcome.code == "missing_file"
    assert outcome.message == f"{place}: no table is called so; there is a.csv, shop.zip: orders.csv"
    made = preview(rule, ("interactions", "shop.zip", data), ("interactions", "a.csv", table("user", "item")))
    told = f"{place}: no table is called so; there is shop.zip: orders.csv, a.csv"
    assert [(one.code, one.file, one.line, one.message) for one in made.problems] == [("missing_file", "", 0, told)]


def test_the_refusal_carries_its_field(tmp_path: Any) -> None:
    (tmp_path / "a").write_text(table("wer", "item"))
    for files, field in (
        ({"b.csv": {}}, "rule.columns.files.b.csv"),
        ({"a.csv": {"user": "who"}}, "rule.columns.files.a.csv.user"),
        ({"a.csv": {"user": 9}}, "rule.columns.files.a.csv.user"),
    ):
        rule = ImportRule.parse(json.dumps({"columns": {"user": "wer", "files": files}}))
        with pytest.raises(BadDataset) as refused:
            list(import_dataset([SourceFile("interactions", tmp_path / "a", "a.csv")], rule, tmp_path, "0" * 64))
        assert refused.value.field == field


def test_a_repeated_column_names_the_place_that_named_it(bring: Bring) -> None:
    rule = {"columns": {"interactions": {"item": "x"}, "files": {"a.csv": {"user": "who"}}}}
    outcome = bring(json.dumps(rule), interactions=("a.csv", "who,x,who\n1,2,3\n"))
    assert "or give its position, columns.files.a.csv.user" in outcome.message
    outcome = bring(json.dumps(rule), interactions=("a.csv", "who,x,x\n1,2,3\n"))
    assert "or give its position, columns.interactions.item" in outcome.message


def test_what_the_beginning_of_a_file_does_not_show_is_not_refused() -> None:
    data = zipped(ratings="user,item\n" + "u,i\n" * 30_000, orders=table("user", "item"))
    rule = {"files": {"shop.zip: orders.csv": {"item": "item"}, "shop.zip: no-such.csv": {"item": "item"}}}
    made = preview(rule, ("interactions", "shop.zip", data))
    assert ([one.name for one in made.tables], made.problems) == (["shop.zip: ratings.csv"], [])
    elsewhere = preview({"files": {"other.zip: orders.csv": {}}}, ("interactions", "shop.zip", data))
    assert [one.code for one in elsewhere.problems] == ["missing_file"]
    # Nothing is known of what is damaged, which is told already.
    damaged = preview({"files": {"a.zip: a.csv": {}}}, ("interactions", "a.zip", b"PK\x03\x04" + b"\0" * 50))
    assert [one.code for one in damaged.problems] == ["bad_zip"]
    parquet = preview({"files": {"a.parquet": {"user": "u"}}}, ("interactions", "a.parquet", b"PAR1" + b"\0" * 99_999))
    assert (parquet.problems, [one.code for one in parquet.warnings]) == ([], ["not_shown"])


def test_what_a_file_of_unknown_role_holds_hangs_on_its_own_columns() -> None:
    rule = {"files": {"a.csv": {"user": "p", "item": "q"}, "b.csv": {"item": "p", "title": "q"}}}
    made = preview(rule, ("", "a.csv", "p,q\n1,2\n"), ("", "b.csv", "p,q\n1,2\n"))
    assert {one.name: one.role for one in made.tables} == {"a.csv": "interactions", "b.csv": "items"}
    assert made.problems == []


def test_items_are_found_by_what_any_of_the_interactions_calls_them(bring: Bring) -> None:
    files = {"a.csv": {"item": "what"}, "b.csv": {"item": "quoi"}}
    for called in ("what", "quoi"):
        outcome = bring(
            json.dumps({"columns": {"files": files}}),
            interactions=("a.csv", table("user", "what", PAIRS[:20])),
            interactions_2=("b.csv", table("user", "quoi", PAIRS[20:])),
            items=("i.csv", f"id,{called},name\n9,i1,One\n"),
        )
        assert (outcome.message, outcome.titles["i1"]) == ("", "One")
    both = bring(
        json.dumps({"columns": {"files": files}}),
        interactions=("a.csv", table("user", "what", PAIRS[:20])),
        interactions_2=("b.csv", table("user", "quoi", PAIRS[20:])),
        items=("i.csv", "quoi,what,name\n9,i1,One\n"),
    )
    assert [(one.code, "'quoi' and 'what'" in one.message) for one in both.problems] == [("left_out", True)]


@pytest.mark.parametrize(
    ("columns", "place"),
    [
        ({"title": "x"}, "columns.title"),
        ({"title": "nosuch"}, "columns.title"),
        ({"interactions": {"tags": "x"}}, "columns.interactions.tags"),
        ({"files": {"a.csv": {"title": 3}}}, "columns.files.a.csv.title"),
    ],
)
def test_titles_named_in_interactions_are_refused_with_the_way_out(
    tmp_path: Path, columns: dict[str, Any], place: str
) -> None:
    (tmp_path / "a").write_text(table("user", "item"))
    rule = ImportRule.parse(json.dumps({"columns": columns}))
    files = [SourceFile("interactions", tmp_path / "a", "a.csv")]
    with pytest.raises(BadDataset, match=r"has no, user, x, item; give .* once more") as refused:
        list(import_dataset(files, rule, tmp_path / "artifacts", "0" * 64))
    assert (refused.value.code, refused.value.field) == ("missing_column", f"rule.{place}")
    made = preview(columns, ("interactions", "a.csv", table("user", "item")))
    assert [one.message for one in made.problems] == [refused.value.message]


def test_the_same_file_once_more_gives_the_titles(bring: Bring) -> None:
    text = table("user", "item")
    rule = json.dumps({"columns": {"items": {"item": "item", "title": "x"}}})
    outcome = bring(rule, interactions=("a.csv", text), items=("a.csv", text))
    assert (outcome.message, outcome.titles["i1"]) == ("", "2")
    named = {"files": {"a.csv": {"title": "x"}}}
    outcome = bring(json.dumps({"columns": named}), interactions=("a.csv", text), items=("a.csv", text))
    assert (outcome.message, outcome.titles["i1"]) == ("", "2")
    assert not preview(named, ("interactions", "a.csv", text), ("items", "a.csv", text)).problems
    of_rows = bring(
        '{"columns": {"interactions": {"title": "x"}}}', interactions=("a.csv", text), items=("a.csv", text)
    )
    assert of_rows.code == "missing_column"
    general = bring('{"columns": {"title": "x"}}', interactions=("a.csv", text), items=("b.csv", text))
    assert (general.message, general.titles["i1"]) == ("", "2")


def test_titles_in_an_archive_are_needed_once_the_rule_names_their_table(bring: Bring) -> None:
    data = zipped(orders=table("user", "item"), items="item,x\ni1,One\n")
    assert [one.code for one in bring(interactions=("shop.zip", data)).problems] == ["left_out"]
    rule = {"files": {"shop.zip: items.csv": {"title": "name"}}}
    outcome = bring(json.dumps({"columns": rule}), interactions=("shop.zip", data))
    assert (outcome.code, "has no column 'name'" in outcome.message) == ("missing_column", True)
    made = preview(rule, ("interactions", "shop.zip", data))
    assert [(one.code, one.file) for one in made.problems] == [("missing_column", "shop.zip: items.csv")]


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ({"": {}}, "rule.columns.files."),
        ({"a\nb": {}}, "rule.columns.files.a\nb"),
        ({"a\x7f": {}}, "rule.columns.files.a\x7f"),
        ({"x" * 513: {}}, f"rule.columns.files.{'x' * 513}"),
        ({"a.csv": {"users": "u"}}, "rule.columns.files.a.csv.users"),
        ({"a.csv": "u"}, "rule.columns.files.a.csv"),
        ({f"{n}.csv": {} for n in range(65)}, "rule.columns.files"),
        ([], "rule.columns.files"),
    ],
)
def test_what_cannot_be_the_columns_of_files(files: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ImportRule.parse(json.dumps({"columns": {"files": files}}))
    assert refused.value.field == field


def test_a_rule_says_nothing_of_files_unless_it_is_asked(bring: Bring) -> None:
    """What is written into the manifests of datasets stays as it was."""
    assert ImportRule.parse("{}").model_dump(mode="json", exclude_none=True)["columns"] == {}
    assert bring('{"columns": {"files": {}}}', interactions=table("user", "item")).message == ""
