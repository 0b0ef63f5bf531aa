"""What an import does with good rows: merge, filter, split; and that it is the same every time."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.data import dataset, sample
from trainer.data.dataset import Dataset
from trainer.data.importing import Finished, ImportRule, Progress, SourceFile, files_of_folder, import_dataset
from trainer.data.importing.interactions import Interactions
from trainer.data.importing.split import k_core
from trainer.errors import BadDataset, DatasetCorrupt, InvalidRequest

Bring = Callable[..., Any]


def imported(folder: Path, rule: str = "{}", digest: str = "a" * 64, **files: str) -> Dataset:
    sources = []
    for role, text in files.items():
        path = folder / f"{role}.csv"
        path.write_text(text)
        sources.append(SourceFile(role, path, path.name))
    *_, last = import_dataset(sources, ImportRule.parse(rule), folder / "artifacts", digest)
    assert isinstance(last, Finished)
    return last.dataset


ROWS = [f"u{user},i{item},{(user + item) % 5 + 1}" for user in range(30) for item in range(user % 5, 24, 2)]
TABLE = "user,item,rating\n" + "\n".join(ROWS)


def test_ratio_split_cuts_each_user_and_does_not_depend_on_row_order(tmp_path: Path) -> None:
    data = imported(tmp_path, interactions=TABLE)
    shuffled = ROWS.copy()
    random.Random(1).shuffle(shuffled)
    again = imported(tmp_path, digest="b" * 64, interactions="user,item,rating\n" + "\n".join(shuffled))
    assert data.split_digest == again.split_digest
    other = imported(tmp_path, '{"split": {"kind": "ratio", "seed": 1}}', digest="c" * 64, interactions=TABLE)
    assert data.split_digest != other.split_digest
    sizes = np.diff((data.train + data.valid + data.test).indptr)
    assert (np.diff(data.test.indptr) == np.maximum(sizes // 10, 1)).all()
    assert data.train.multiply(data.test).nnz == data.train.multiply(data.valid).nnz == 0


def test_duplicates_are_merged_and_low_ratings_left_out(tmp_path: Path) -> None:
    data = imported(tmp_path, '{"minRating": 3}', interactions=TABLE + "\n" + "\n".join(ROWS[:10]))
    kept = sum(1 for row in ROWS if float(row.rsplit(",", 1)[1]) >= 3)
    assert data.statistics["interactions"] + data.statistics["cold_dropped"] == kept
    assert data.statistics["duplicates_merged"] == sum(1 for row in ROWS[:10] if float(row[-1]) >= 3)
    assert data.statistics["below_threshold"] > 0


def test_k_core_holds_before_the_split(tmp_path: Path) -> None:
    lonely = "\nlonely,i1,5\nu1,rare,5"
    data = imported(tmp_path, '{"kCore": 5}', interactions=TABLE + lonely)
    assert data.users.index("lonely") is None
    assert data.items.index("rare") is None
    assert data.statistics["interactions"] + data.statistics["cold_dropped"] == len(ROWS)
    assert data.statistics["outside_core"] == 2
    assert "outside_core" not in imported(tmp_path, digest="b" * 64, interactions=TABLE).statistics


def test_given_parts_drop_the_cold_and_keep_train_first(tmp_path: Path) -> None:
    data = imported(
        tmp_path,
        '{"split": {"kind": "given"}}',
        train="user,item\na,x\na,y\nb,x\nb,z",
        valid="user,item\na,z\nstranger,x",
        test="user,item\na,x\nb,y\nb,unheard",
        items="item,title\nx,The X\nz,The Z",
    )
    assert (data.train.nnz, data.valid.nnz, data.test.nnz) == (4, 1, 1)
    assert data.statistics["cold_dropped"] == 2
    assert data.statistics["duplicates_merged"] == 1
    assert [data.titles[data.items.index(item) or 0] for item in ("x", "y", "z")] == ["The X", "", "The Z"]


def test_a_long_title_is_cut_and_its_column_has_several_usual_names(tmp_path: Path) -> None:
    data = imported(
        tmp_path,
        '{"split": {"kind": "given"}}',
        train="user,item\na,x\na,y\nb,x\nb,z",
        test="user,item\na,z\nb,y",
        items=f"item,title_seq\nx,{'é' * 300}\ny,{'é' * 301}\nz,short",
    )
    titles = [data.titles[data.items.index(item) or 0] for item in ("x", "y", "z")]
    assert titles == ["é" * 300, "é" * 299 + "…", "short"]


def test_k_core_is_the_fixed_point_by_hand() -> None:
    """Item 3 has one user; without it user 2 has one item, without whom item 2 has one user. 0 and 1 stay."""
    whole = Interactions(
        np.array([0, 2, 5, 7]), np.array([0, 1, 0, 1, 2, 2, 3], np.int32), np.zeros(7, np.int8), None, 4
    )
    core = k_core(whole, 2)
    assert (core.indptr.tolist(), core.items.tolist(), core.width) == ([0, 2, 4, 4], [0, 1, 0, 1], 4)
    assert k_core(whole, 1) is whole
    assert len(k_core(whole, 3)) == 0


@pytest.mark.parametrize(
    ("split", "roles", "code"),
    [
        ("ratio", ["train", "test"], "missing_file"),
        ("ratio", ["interactions", "valid"], "missing_file"),
        ("ratio", ["items"], "missing_file"),
        ("ratio", [], "missing_file"),
        ("given", ["train"], "missing_file"),
        ("given", ["train", "test", "interactions"], "missing_file"),
        ("ratio", ["interactions", "gossip"], "invalid_request"),
    ],
)
def test_files_that_do_not_make_the_split_are_refused(tmp_path: Path, split: str, roles: list[str], code: str) -> None:
    with pytest.raises(BadDataset if code == "missing_file" else InvalidRequest) as error:
        imported(tmp_path, f'{{"split": {{"kind": "{split}"}}}}', **dict.fromkeys(roles, TABLE))
    assert error.value.code == code


def test_a_low_rating_is_left_out_and_the_threshold_itself_stays(tmp_path: Path) -> None:
    data = imported(
        tmp_path,
        '{"split": {"kind": "given"}, "minRating": 3}',
        train="user,item,rating\na,x,3\na,y,2.999\nb,y,+3e0\nb,x,-4\n",
        test="user,item,rating\na,y,4\nb,x,2\n",
    )
    assert (data.train.toarray().tolist(), data.test.toarray().tolist()) == ([[1, 0], [0, 1]], [[0, 1], [0, 0]])
    assert data.statistics["below_threshold"] == 3


def test_columns_are_named_and_ids_are_any_text(tmp_path: Path) -> None:
    table = TABLE.replace("user,item,rating", "wer,was,rating").replace("u1,", "日本 <b>,")
    data = imported(tmp_path, '{"columns": {"user": "wer", "item": "was"}}', interactions=table)
    row = data.users.index("日本 <b>")
    assert row is not None
    assert data.users.id(row) == "日本 <b>"


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ('{"kCore": 0}', "rule.kCore"),
        ('{"kcore": 5}', "rule.kcore"),
        ('{"split": {"kind": "ratio", "ratios": [1, 0, 0]}}', "rule.split.ratio"),
        ('{"minRating": "4"}', "rule.minRating"),
        ('{"split": {"kind": "given"}, "kCore": 5}', "rule"),
    ],
)
def test_a_wrong_rule_names_its_field(rule: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        ImportRule.parse(rule)
    assert error.value.field == field


def test_repeating_an_import_changes_nothing_and_damage_is_seen(tmp_path: Path) -> None:
    first = imported(tmp_path, interactions=TABLE)
    file = tmp_path / "artifacts" / first.key / "interactions.safetensors"
    before = file.stat().st_mtime_ns
    assert imported(tmp_path, interactions=TABLE).split_digest == first.split_digest
    assert file.stat().st_mtime_ns == before
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(DatasetCorrupt):
        dataset.load(tmp_path / "artifacts", first.key)
    assert imported(tmp_path, interactions=TABLE).split_digest == first.split_digest  # mended


def test_the_sample_is_the_same_every_time_and_has_its_topics(tmp_path: Path) -> None:
    for name in ("one", "two"):
        sample.write_sample(tmp_path / name)
    assert (tmp_path / "one/sample.inter").read_bytes() == (tmp_path / "two/sample.inter").read_bytes()
    files, rule = files_of_folder(tmp_path / "one")
    *_, last = import_dataset(files, rule, tmp_path / "artifacts", "d" * 64)
    assert isinstance(last, Finished)
    assert last.dataset.train.shape == (2_000, 1_000)
    assert all(last.dataset.titles)
    tags = last.dataset.tags
    assert sorted(tags.names) == sorted(sample.TOPICS)
    assert np.diff(tags.indptr).tolist() == [1] * 1_000


def test_a_folder_without_interactions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.train.inter").write_text("u\ti\n")
    with pytest.raises(BadDataset, match="needs NAME"):
        files_of_folder(tmp_path)


def test_a_first_line_that_is_taken_for_a_row_is_told(bring: Callable[..., Any]) -> None:
    rule = '{"columns": {"item": 2, "user": 1}}'
    rows = "".join(f"u{n % 5};i{n % 7}\n" for n in range(35))
    outcome = bring(rule, interactions=f"asiakas;tuote\n{rows}")
    assert [(one.code, "'asiakas;tuote'" in one.message) for one in outcome.problems] == [("first_line_taken", True)]
    assert bring(rule, interactions=rows).problems == []
    # Each position is looked at for the column that it is given for.
    assert bring('{"columns": {"user": 9, "item": 2}}', interactions="x,item\na,b\n").code == "missing_column"


def test_columns_that_the_rule_names_are_there_or_the_import_is_refused(bring: Callable[..., Any]) -> None:
    rows = "user,item\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(35))
    assert bring(interactions=rows).code == ""
    for column in ("timestamp", "rating"):
        outcome = bring(f'{{"columns": {{"{column}": "when"}}}}', interactions=rows)
        assert (outcome.code, "'when'" in outcome.message) == ("missing_column", True)


def test_names_that_may_be_a_row_are_shown_with_both_ways_out(bring: Callable[..., Any]) -> None:
    outcome = bring(interactions="alice,apple\nbob,banana\n")
    assert outcome.code == "missing_column"
    assert "alice, apple" in outcome.message
    assert 'rule={"columns": {"user": 1, "item": 2}}' in outcome.message


def test_a_validation_part_of_which_nothing_is_left_is_told(bring: Bring) -> None:
    rows = "user,item,rating\n" + "".join(f"u{u},i{i},5\n" for u in range(4) for i in range(4) if u != i)
    test = "user,item,rating\nu1,i1,5\nu2,i2,5\n"
    for valid, why in (("new,i1,5\n", "1 find nothing in train"), ("u3,i3,1\n", "1 are rated below minRating")):
        rule = '{"split": {"kind": "given"}, "minRating": 3}'
        outcome = bring(rule, train=rows, test=test, valid=("v.csv", f"user,item,rating\n{valid}"))
        assert outcome.counts["valid"] == 0
        [told] = outcome.problems
        assert (told.code, told.file, told.line) == ("lost_valid", "v.csv", 0)
        assert why in told.message


def test_the_progress_does_not_fall_while_a_table_is_copied(tmp_path: Path) -> None:
    """A quote that swallows what follows makes the table be copied in the middle of the import."""
    lines = [f"user{row % 997},item{row % 1009}" for row in range(700_000)]
    lines[600_000] = '"user,item'
    (tmp_path / "rows").write_text("\n".join(["user,item", *lines]))
    told: list[Progress] = []
    events = import_dataset(
        [SourceFile("interactions", tmp_path / "rows", "rows.csv")],
        ImportRule.parse('{"skipBadRows": true}'),
        tmp_path / "artifacts",
        "0" * 64,
        told.append,
    )
    parsed = [event for event in events if isinstance(event, Progress) and event.stage == "parsing"]
    copied = [one for one in told if one.stage == "parsing"]
    assert copied
    assert copied[-1] in parsed
    assert copied[-1].rows_read > 0
