"""The values of single users on disk: what was saved comes back, the same is the same bytes, damage is named."""

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from trainer.errors import InvalidRequest, ValuesCorrupt, ValuesMissing
from trainer.evaluation.user_values import MANIFEST, USERS, UserValues, load, save
from trainer.storage import artifacts

OWNER = "0b9d6f3a-5a0f-4a58-9f6e-5d2c5a3c1e77"
RANDOM = np.random.default_rng(1)
VALUES = UserValues(
    users=np.array([0, 2, 5], np.int32),
    history=np.array([4, 0, 7], np.int32),
    items=np.array([1, 1, 3], np.int32),
    columns={"recall@2": np.array([1, 0, 1 / 3]), "ndcg@2": RANDOM.random(3)},
    top=np.array([[3, 1], [0, -1], [-1, -1]], np.int32),
    dataset_key=f"datasets/{'a' * 64}",
    split_digest="b" * 64,
    split="test",
    mask_rule="train+valid",
    metrics=("recall", "ndcg", "coverage"),
    cutoffs=(2,),
)


def assert_same(found: UserValues, expected: UserValues) -> None:
    for one in fields(UserValues):
        a, b = getattr(found, one.name), getattr(expected, one.name)
        for x, y in zip(a.values(), b.values(), strict=True) if isinstance(b, dict) else [(a, b)]:
            assert np.array_equal(x, y)
            assert not isinstance(y, np.ndarray) or x.dtype == y.dtype
    assert list(found.columns) == list(expected.columns)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    ref = save(tmp_path, OWNER, VALUES)
    folder = tmp_path / ref.key
    assert (ref.key, ref.users) == (f"values/{OWNER}", 3)
    assert ref.sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    assert ref.bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert_same(load(tmp_path, ref.key, ref.sha256), VALUES)
    without = load(tmp_path, ref.key, ref.sha256, with_top=False)
    assert_same(without, replace(VALUES, top=np.empty((3, 0), np.int32)))
    table = pyarrow.parquet.read_table(folder / USERS)
    assert table.column_names == ["user", "history", "items", "recall@2", "ndcg@2", "top"]
    assert table["top"].to_pylist()[0] == [3, 1]


def test_nobody_and_many_come_back(tmp_path: Path) -> None:
    large = 70_000
    many = replace(
        VALUES, users=np.arange(large, dtype=np.int32), history=np.ones(large, np.int32),
        items=np.ones(large, np.int32), columns={"recall@50": RANDOM.random(large)},
        top=RANDOM.integers(-1, 9, (large, 50)).astype(np.int32),
    )  # fmt: skip
    none = replace(
        many, users=many.users[:0], history=many.history[:0], items=many.items[:0], top=many.top[:0],
        columns={"recall@50": RANDOM.random(0)},
    )  # fmt: skip
    for values in (many, none):
        ref = save(tmp_path, str(uuid.uuid4()), values)
        assert_same(load(tmp_path, ref.key, ref.sha256), values)


def test_the_same_values_are_the_same_bytes_and_take_the_place_of_an_earlier_attempt(tmp_path: Path) -> None:
    first = save(tmp_path, OWNER, VALUES)
    left = replace(VALUES, items=np.array([9, 9, 9], np.int32))
    assert save(tmp_path, OWNER, left).sha256 != first.sha256
    assert save(tmp_path, OWNER, VALUES) == first
    assert [path.name for path in (tmp_path / "values").iterdir()] == [OWNER]
    assert artifacts.delete(tmp_path, [first.key]) == 1
    with pytest.raises(ValuesMissing):
        load(tmp_path, first.key, first.sha256)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize("name", [MANIFEST, USERS])
@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_damage_names_the_file(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    ref = save(tmp_path, OWNER, VALUES)
    damage(tmp_path / ref.key / name)
    with pytest.raises(ValuesCorrupt, match=f"{ref.key}/{name}"):
        load(tmp_path, ref.key, ref.sha256)


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"files": 1}, {"columns": ["recall@3"]}, {"depth": 3}, {"depth": "x"}]
)
def test_a_manifest_that_does_not_fit_is_corrupt_though_its_sha256_is_right(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    ref = save(tmp_path, OWNER, VALUES)
    path = tmp_path / ref.key / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValuesCorrupt):
        load(tmp_path, ref.key, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("key", ["", "values", f"values/../values/{OWNER}", f"runs/{OWNER}", f"values/{OWNER.upper()}"])
def test_a_key_never_leaves_its_place(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidRequest):
        load(tmp_path, key, "")
    with pytest.raises(InvalidRequest):
        save(tmp_path, key, VALUES)
    assert list(tmp_path.iterdir()) == []
