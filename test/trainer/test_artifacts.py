"""Checkpoints on disk: what was saved comes back, damage is named, and nothing half-written is ever taken for whole."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import trainer
from trainer import artifacts
from trainer.artifacts import MANIFEST, OPTIMIZER, WEIGHTS, load_checkpoint, save_checkpoint
from trainer.durable import sweep_temporary, whole_folder
from trainer.errors import CheckpointCorrupt, CheckpointMissing, InvalidRequest, StorageFull
from trainer.events import Checkpoint

RUN = "0b9d6f3a-5a0f-4a58-9f6e-5d2c5a3c1e77"
TENSORS = {"items": torch.arange(12.0).reshape(3, 4), "bias": torch.zeros(3)}
MOMENTS = {"0.exp_avg": torch.ones(3, 4)}


def save(root: Path, epoch: int = 1) -> Checkpoint:
    return save_checkpoint(root, RUN, epoch, TENSORS, MOMENTS, {"model": "valid", "loop": {"epoch": epoch}})


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    saved = save(tmp_path, 42)
    assert saved.key == f"runs/{RUN}/epoch-00042"
    folder = tmp_path / saved.key
    assert {path.name for path in folder.iterdir()} == {MANIFEST, WEIGHTS, OPTIMIZER}
    assert saved.bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert saved.sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    loaded = load_checkpoint(tmp_path, saved.key, saved.sha256)
    assert loaded.checkpoint == saved
    assert (loaded.manifest["model"], loaded.manifest["epoch"]) == ("valid", 42)
    assert all(torch.equal(loaded.weights[name], tensor) for name, tensor in TENSORS.items())
    assert all(torch.equal(loaded.optimizer[name], tensor) for name, tensor in MOMENTS.items())
    assert load_checkpoint(tmp_path, saved.key, saved.sha256, with_optimizer=False).optimizer == {}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, OPTIMIZER])
@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_damage_names_the_file(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    saved = save(tmp_path)
    damage(tmp_path / saved.key / name)
    with pytest.raises(CheckpointCorrupt, match=f"{saved.key}/{name}"):
        load_checkpoint(tmp_path, saved.key, saved.sha256)


def test_serving_does_not_read_the_optimizer(tmp_path: Path) -> None:
    saved = save(tmp_path)
    (tmp_path / saved.key / OPTIMIZER).unlink()
    assert load_checkpoint(tmp_path, saved.key, saved.sha256, with_optimizer=False).weights.keys() == TENSORS.keys()


def with_manifest(root: Path, saved: Checkpoint, text: bytes) -> str:
    """Puts another manifest in place; its sha256."""
    (root / saved.key / MANIFEST).write_bytes(text)
    return hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[]", b"7", b"null", b'"format"', b"{}", b'{"format": 1}'])
def test_a_manifest_that_is_none_is_corrupt_though_its_sha256_is_right(tmp_path: Path, text: bytes) -> None:
    saved = save(tmp_path)
    with pytest.raises(CheckpointCorrupt, match="does not describe a checkpoint"):
        load_checkpoint(tmp_path, saved.key, with_manifest(tmp_path, saved, text))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "has format 2, this version reads format 1"),
        ({"epoch": None}, "does not describe"),
        ({"files": []}, "does not describe"),
        ({"files": {WEIGHTS: {"bytes": 1, "sha256": ""}}}, "does not describe"),
        ({"files": {WEIGHTS: 1, OPTIMIZER: 1}}, "does not describe"),
        ({"files": {name: {"bytes": "1", "sha256": ""} for name in (WEIGHTS, OPTIMIZER)}}, "does not describe"),
    ],
)
def test_a_manifest_that_lacks_something_is_corrupt(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    saved = save(tmp_path)
    values = json.loads((tmp_path / saved.key / MANIFEST).read_text()) | changes
    text = json.dumps({name: value for name, value in values.items() if value is not None}).encode()
    with pytest.raises(CheckpointCorrupt, match=message):
        load_checkpoint(tmp_path, saved.key, with_manifest(tmp_path, saved, text))


def test_weights_that_are_not_safetensors_are_corrupt(tmp_path: Path) -> None:
    saved = save(tmp_path)
    (tmp_path / saved.key / WEIGHTS).write_bytes(b"\x80\x04pickle")
    values = json.loads((tmp_path / saved.key / MANIFEST).read_text())
    values["files"][WEIGHTS] = {"bytes": 8, "sha256": hashlib.sha256(b"\x80\x04pickle").hexdigest()}
    with pytest.raises(CheckpointCorrupt, match="is not a safetensors file"):
        load_checkpoint(tmp_path, saved.key, with_manifest(tmp_path, saved, json.dumps(values).encode()))


def test_a_checkpoint_that_was_never_there_is_missing_not_corrupt(tmp_path: Path) -> None:
    saved = save(tmp_path)
    for key in (f"runs/{RUN}/epoch-00002", f"runs/{uuid.uuid4()}/epoch-00001"):
        with pytest.raises(CheckpointMissing):
            load_checkpoint(tmp_path, key, saved.sha256)


@pytest.mark.parametrize(
    "key",
    [
        "",
        f"runs/{RUN}",
        f"runs/{RUN}/epoch-1",
        f"runs/{RUN}/epoch-00001/../epoch-00001",
        f"runs/../runs/{RUN}/epoch-00001",
        f"/runs/{RUN}/epoch-00001",
        f"runs/{RUN}/epoch-00001\n",
        f"runs/{RUN.upper()}/epoch-00001",
        "../../etc/passwd",
    ],
)
def test_a_key_never_leaves_its_place(tmp_path: Path, key: str) -> None:
    saved = save(tmp_path)
    with pytest.raises(InvalidRequest) as error:
        load_checkpoint(tmp_path, key, saved.sha256)
    assert error.value.field == "checkpoint.key"


@pytest.mark.parametrize("run_id", ["", "..", f"{RUN}/..", f"../{RUN}", RUN.upper()])
def test_a_run_id_never_leaves_its_place(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(InvalidRequest):
        save_checkpoint(tmp_path, run_id, 1, TENSORS, MOMENTS, {})
    with pytest.raises(InvalidRequest):
        artifacts.prune(tmp_path, run_id, 2, 1)
    assert everything(tmp_path) == set()


@pytest.mark.parametrize(
    "key", ["", "runs", "datasets", f"runs/{RUN}/..", f"uploads/../runs/{RUN}", "datasets/../runs"]
)
def test_only_artifacts_are_deleted_all_or_none(tmp_path: Path, key: str) -> None:
    saved = save(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(InvalidRequest):
        artifacts.delete(tmp_path, [saved.key, key])
    assert everything(tmp_path) == before
    assert artifacts.delete(tmp_path, [saved.key, f"uploads/{RUN}"]) == 1
    assert not (tmp_path / saved.key).exists()


def test_prune_keeps_the_last_and_the_best(tmp_path: Path) -> None:
    for epoch in range(1, 7):
        save(tmp_path, epoch)
    (tmp_path / f"runs/{RUN}/epoch-notes").mkdir()  # not ours
    assert artifacts.prune(tmp_path, RUN, last_epoch=5, best_epoch=2) == 3
    left = {"epoch-00002", "epoch-00005", "epoch-00006", "epoch-notes"}  # 6 is written, but not committed yet
    assert {path.name for path in (tmp_path / f"runs/{RUN}").iterdir()} == left
    assert artifacts.prune(tmp_path, RUN, last_epoch=5, best_epoch=2) == 0
    assert artifacts.prune(tmp_path, str(uuid.uuid4()), 5, 2) == 0


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 4 KiB: the system refuses the write as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    saved = save(tmp_path)
    before = everything(tmp_path)
    large = {"items": torch.zeros(100_000)}
    for epoch in (1, 2):  # over an older checkpoint and beside it
        with pytest.raises(StorageFull):
            save_checkpoint(tmp_path, RUN, epoch, large, MOMENTS, {})
        with pytest.raises(StorageFull):
            save_checkpoint(tmp_path, RUN, epoch, TENSORS, large, {})
    assert everything(tmp_path) == before
    assert load_checkpoint(tmp_path, saved.key, saved.sha256).checkpoint == saved


def test_a_disk_that_is_nearly_full_is_said_beforehand(tmp_path: Path) -> None:
    artifacts.require_space(tmp_path / "new", 0)
    with pytest.raises(StorageFull, match="MiB are needed"):
        artifacts.require_space(tmp_path / "new", 1 << 60)


CRASH = """
import os, pathlib, signal, sys
from trainer.durable import whole_folder
pathlib.Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with whole_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "manifest.json").write_text("new")
"""


def test_a_crash_before_the_rename_leaves_the_place_free_and_is_swept(tmp_path: Path) -> None:
    place = tmp_path / f"runs/{RUN}/epoch-00002"
    kept = save(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    crashed = subprocess.run([sys.executable, "-c", CRASH, str(place)], env=environment, timeout=60, check=False)
    assert crashed.returncode == -signal.SIGKILL
    (left,) = place.parent.glob(".tmp-*")
    assert (left / MANIFEST).read_text() == "new"
    with pytest.raises(CheckpointMissing):
        load_checkpoint(tmp_path, f"runs/{RUN}/epoch-00002", kept.sha256)
    again = save(tmp_path, 2)  # a resumed run is not in its way
    assert artifacts.prune(tmp_path, RUN, last_epoch=2, best_epoch=1) == 0
    assert sweep_temporary(tmp_path) == 1
    assert {path.name for path in place.parent.iterdir()} == {"epoch-00001", "epoch-00002"}
    for one in (kept, again):
        load_checkpoint(tmp_path, one.key, one.sha256)


def test_an_error_inside_leaves_the_older_folder_as_it_was(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "place") as folder:
        (folder / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "place") as folder:
        (folder / "file").write_text("new")
        raise KeyboardInterrupt
    assert everything(tmp_path) == {"place", "place/file"}
    assert (tmp_path / "place/file").read_text() == "old"
