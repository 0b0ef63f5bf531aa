"""What an import does with good rows: merge, filter, split; and that it is the same every time."""

import random
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from trainer import dataset, sample
from trainer.dataset import Dataset
from trainer.errors import BadDataset, DatasetCorrupt, InvalidRequest
from trainer.importing import Finished, ImportRule, SourceFile, files_of_folder, import_dataset
from trainer.importing.split import k_core


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
    rows = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]], np.float32)
    assert k_core(csr_matrix(rows), 2).toarray().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert k_core(csr_matrix(rows), 1).toarray().tolist() == rows.tolist()
    assert k_core(csr_matrix(rows), 3).nnz == 0


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


def test_a_folder_without_interactions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.train.inter").write_text("u\ti\n")
    with pytest.raises(BadDataset, match="needs NAME"):
        files_of_folder(tmp_path)
