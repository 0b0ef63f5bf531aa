"""The share of a model's linear path goes through parts and batches into every format, where lists are explained."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import pytest

from trainer.events import Checkpoint
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.exporting import ExportRequest, export
from trainer.serving.lists import Lists

N = 1000


@pytest.fixture
def with_linear_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a model answers that has one: what of a score is not its own stays with the interests."""
    rank_rows, has = LoadedCheckpoint.rank_rows, LoadedCheckpoint.has

    def ranked(served: LoadedCheckpoint, *asked: Any, **more: Any) -> Lists:
        lists = rank_rows(served, *asked, **more)
        assert lists.shares is not None
        linear = share_of(lists.columns)
        return replace(lists, shares=lists.shares * (1 - linear[:, None]), linear=linear)

    monkeypatch.setattr(LoadedCheckpoint, "rank_rows", ranked)
    monkeypatch.setattr(
        LoadedCheckpoint, "has", lambda served, capability: capability == "linear" or has(served, capability)
    )


def share_of(columns: np.ndarray) -> np.ndarray:
    return (columns % 7 / 10).astype(np.float64)


def exported(root: Path, checkpoint: Checkpoint, format_name: str, explain: bool) -> Path:
    request = ExportRequest(
        export_id=str(uuid.uuid4()),
        key=checkpoint.key,
        sha256=checkpoint.sha256,
        n=N,  # users fill several parts
        format=format_name,
        explain=explain,
        device="cpu",
    )
    return root / export(request, root).key / "data"


@pytest.mark.usefixtures("with_linear_path")
def test_each_format_tells_it_beside_the_shares_of_the_interests(
    root: Path, checkpoints: dict[str, Checkpoint]
) -> None:
    csv = pyarrow.csv.read_csv(exported(root, checkpoints["valid"], "csv", True))
    interests = [name for name in csv.column_names if name.startswith("interest_")]
    assert csv.column_names[5:] == [*interests, "linear_share", "because_0", "because_1", "because_2"]
    columns = np.array([int(item.removeprefix("item ")) for item in csv["item"].to_pylist()])
    linear = csv["linear_share"].to_numpy()
    np.testing.assert_allclose(linear, share_of(columns), rtol=1e-6)
    assert len(set(linear.tolist())) == 7
    np.testing.assert_allclose(sum(csv[name].to_numpy() for name in interests) + linear, 1, rtol=1e-5)

    parquet = pyarrow.parquet.read_table(exported(root, checkpoints["valid"], "parquet", True))
    assert parquet["item"].to_pylist() == csv["item"].to_pylist()
    np.testing.assert_array_equal(parquet["linear_share"].to_numpy(), linear.astype(np.float32))

    lines = pyarrow.json.read_json(exported(root, checkpoints["valid"], "ndjson", True))
    items = [item for line in lines["items"].to_pylist() for item in line]
    assert [item["id"] for item in items] == csv["item"].to_pylist()
    np.testing.assert_allclose([item["linearShare"] for item in items], linear, rtol=1e-6)


@pytest.mark.usefixtures("with_linear_path")
@pytest.mark.parametrize("format_name", ["csv", "parquet", "ndjson"])
def test_it_is_not_told_unasked(root: Path, checkpoints: dict[str, Checkpoint], format_name: str) -> None:
    assert b"linear" not in exported(root, checkpoints["valid"], format_name, False).read_bytes()


@pytest.mark.parametrize("format_name", ["csv", "parquet", "ndjson"])
def test_a_model_without_one_does_not_speak_of_it(
    root: Path, checkpoints: dict[str, Checkpoint], format_name: str
) -> None:
    assert b"linear" not in exported(root, checkpoints["valid"], format_name, True).read_bytes()
