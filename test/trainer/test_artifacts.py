"""Checkpoints on disk: what was saved comes back, damage is named, and nothing half-written is ever taken for whole."""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import trainer
from trainer.errors import CheckpointCorrupt, CheckpointMissing, InvalidRequest, StorageFull
from trainer.events import Checkpoint
from trainer.storage import artifacts, constants, drafts
from trainer.storage.artifacts import MANIFEST, OPTIMIZER, WEIGHTS, load_checkpoint, save_checkpoint
from trainer.storage.constants import Constant
from trainer.storage.drafts import temporary_name
from trainer.storage.durable import whole_folder

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


PATH = {"path.inverse": torch.arange(6.0).reshape(2, 3)}


def save_with_constant(root: Path, epoch: int, constant: Constant) -> Checkpoint:
    return save_checkpoint(root, RUN, epoch, TENSORS, MOMENTS, {"model": "valiant"}, constant)


def test_what_no_step_changes_is_written_once_and_loaded_with_every_checkpoint(tmp_path: Path) -> None:
    constant = artifacts.save_constant(tmp_path, RUN, PATH)
    file = tmp_path / f"runs/{RUN}/constant-{constant.sha256}/weights.safetensors"
    assert (constant.sha256, constant.bytes) == (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size)
    saved = [save_with_constant(tmp_path, epoch, constant) for epoch in (1, 2)]
    assert artifacts.save_constant(tmp_path, RUN, PATH) == constant  # as a run does that begins again
    for one in saved:
        assert one.bytes == sum(path.stat().st_size for path in (tmp_path / one.key).iterdir())
        loaded = load_checkpoint(tmp_path, one.key, one.sha256)
        assert loaded.weights.keys() == {*TENSORS, *PATH}
        assert torch.equal(loaded.weights["path.inverse"], PATH["path.inverse"])
        assert (loaded.constant, loaded.manifest["format"]) == (constant, 2)
    plain = save(tmp_path, 3)
    assert load_checkpoint(tmp_path, plain.key, plain.sha256).manifest["format"] == 1  # earlier versions read it
    assert listed(tmp_path) == {
        **{one.key: ("checkpoint", one.bytes) for one in (*saved, plain)},
        f"runs/{RUN}/constant-{constant.sha256}": ("constant", constant.bytes),
    }


@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_damage_of_what_checkpoints_have_in_common_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    constant = artifacts.save_constant(tmp_path, RUN, PATH)
    saved = save_with_constant(tmp_path, 1, constant)
    place = f"runs/{RUN}/constant-{constant.sha256}/weights.safetensors"
    damage(tmp_path / place)
    with pytest.raises(CheckpointCorrupt, match=place):
        load_checkpoint(tmp_path, saved.key, saved.sha256)


def test_it_goes_with_the_last_checkpoint_that_names_it(tmp_path: Path) -> None:
    older = artifacts.save_constant(tmp_path, RUN, {"path.inverse": torch.zeros(1)})
    constant = artifacts.save_constant(tmp_path, RUN, PATH)
    saved = [save_with_constant(tmp_path, epoch, constant) for epoch in (1, 2)]

    def left() -> set[str]:
        return {path.name for path in (tmp_path / f"runs/{RUN}").iterdir()}

    assert older.folder in left()
    artifacts.delete(tmp_path, [saved[0].key])
    assert left() == {"epoch-00002", constant.folder}
    (tmp_path / saved[1].key / MANIFEST).rename(tmp_path / "manifest")
    (tmp_path / saved[1].key / MANIFEST).write_bytes(b"{")
    artifacts.delete(tmp_path, [saved[0].key])  # nobody knows what a damaged manifest names
    assert left() == {"epoch-00002", constant.folder}
    (tmp_path / "manifest").rename(tmp_path / saved[1].key / MANIFEST)
    load_checkpoint(tmp_path, saved[1].key, saved[1].sha256)
    shutil.rmtree(tmp_path / saved[1].key)  # a crash in the middle of the next delete, which is done again
    artifacts.delete(tmp_path, [saved[1].key])
    assert everything(tmp_path) == {"runs"}


def test_what_the_next_checkpoint_will_name_stays(tmp_path: Path) -> None:
    """A run that an earlier version began writes it beside checkpoints that do not name it."""
    saved = [save(tmp_path, epoch) for epoch in (1, 2)]
    constant = artifacts.save_constant(tmp_path, RUN, PATH)
    artifacts.delete(tmp_path, [saved[0].key])
    last = save_with_constant(tmp_path, 3, constant)
    artifacts.delete(tmp_path, [saved[1].key])
    load_checkpoint(tmp_path, last.key, last.sha256)


def test_prune_keeps_what_the_checkpoints_that_stay_have_in_common(tmp_path: Path) -> None:
    older = artifacts.save_constant(tmp_path, RUN, {"path.inverse": torch.zeros(1)})
    constant = artifacts.save_constant(tmp_path, RUN, PATH)
    save_with_constant(tmp_path, 1, older)
    for epoch in (2, 3):
        save_with_constant(tmp_path, epoch, constant)
    artifacts.prune(tmp_path, RUN, last_epoch=3, best_epoch=3)
    assert {path.name for path in (tmp_path / f"runs/{RUN}").iterdir()} == {"epoch-00003", constant.folder}


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
        ({"format": 3}, "has format 3, this version reads formats 1 to 2"),
        ({"constant": []}, "does not describe"),
        ({"constant": {"bytes": 1}}, "does not describe"),
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


def test_what_was_left_half_written_goes_with_its_artifact(tmp_path: Path) -> None:
    digest, other = "1" * 64, "2" * 64
    others = {other, temporary_name(other), temporary_name(f"x-{digest}")}
    for name in (digest, temporary_name(digest), *others):
        (tmp_path / "datasets" / name).mkdir(parents=True)
    assert artifacts.delete(tmp_path, [f"datasets/{digest}"]) == 1
    assert {path.name for path in (tmp_path / "datasets").iterdir()} == others


def test_a_delete_ends_between_two_keys_once_nobody_waits_for_it_and_looks_once_at_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(constants, "delete_unnamed", lambda _, run: looked_at.append(run))
    keys = [save(tmp_path, epoch).key for epoch in (1, 2, 3)]
    waits = iter((True, True, False))
    assert artifacts.delete(tmp_path, keys, lambda: next(waits)) == 2
    assert {path.name for path in (tmp_path / f"runs/{RUN}").iterdir()} == {"epoch-00003"}
    assert looked_at == [f"runs/{RUN}"]


def test_prune_keeps_the_last_and_the_best(tmp_path: Path) -> None:
    for epoch in range(1, 7):
        save(tmp_path, epoch)
    (tmp_path / f"runs/{RUN}/epoch-notes").mkdir()  # not ours
    assert artifacts.prune(tmp_path, RUN, last_epoch=5, best_epoch=2) == 3
    left = {"epoch-00002", "epoch-00005", "epoch-00006", "epoch-notes"}  # 6 is written, but not committed yet
    assert {path.name for path in (tmp_path / f"runs/{RUN}").iterdir()} == left
    assert artifacts.prune(tmp_path, RUN, last_epoch=5, best_epoch=2) == 0
    assert artifacts.prune(tmp_path, str(uuid.uuid4()), 5, 2) == 0


def test_the_last_checkpoint_takes_the_empty_folder_of_its_run_along(tmp_path: Path) -> None:
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    artifacts.delete(tmp_path, [first.key])
    assert (tmp_path / second.key).exists()
    artifacts.delete(tmp_path, [second.key, second.key])
    assert everything(tmp_path) == {"runs"}


UPLOAD, EXPORT, DATASET = f"uploads/{uuid.uuid4()}", f"exports/{uuid.uuid4()}", f"datasets/{'ab' * 32}"
VALUES = artifacts.values_key(RUN)


def fill(root: Path, key: str, size: int, changed: float = 1_000.0) -> None:
    """A folder with a file of this size; folder and file were changed then."""
    (root / key).mkdir(parents=True)
    (root / key / "data").write_bytes(b"x" * size)
    for path in (root / key / "data", root / key):
        os.utime(path, (changed, changed))


def listed(root: Path) -> dict[str, tuple[str, int]]:
    return {one.key: (one.shape, one.bytes) for one in artifacts.listing(root)}


def test_a_listing_names_everything_with_its_size_and_shape(tmp_path: Path) -> None:
    assert listed(tmp_path) == {}
    saved = save(tmp_path, 7)
    fill(tmp_path, UPLOAD, 5)
    fill(tmp_path, EXPORT, 9)
    fill(tmp_path, VALUES, 4)
    fill(tmp_path, DATASET, 6)
    fill(tmp_path, f"runs/{RUN}/.tmp-epoch-00008-0", 7)
    fill(tmp_path, "datasets/.tmp-something", 8)
    empty = f"runs/{uuid.uuid4()}"
    (tmp_path / empty).mkdir()
    # Nothing of ours by its name, though it looks like it: each would be refused by delete.
    fill(tmp_path, f"runs/{RUN}/epoch-notes/deeper", 1)
    fill(tmp_path, f"runs/{RUN}/epoch-٠٠٠٠٩", 1)
    fill(tmp_path, "runs/notes", 1)
    fill(tmp_path, DATASET.upper().replace("DATASETS", "datasets"), 1)
    fill(tmp_path, "lost+found", 1)
    (tmp_path / "notes.txt").write_text("12")
    (tmp_path / f"uploads/{RUN}").write_text("a file where a folder should be")
    (tmp_path / os.fsdecode(b"\xff")).write_text("1")
    assert listed(tmp_path) == {
        saved.key: ("checkpoint", saved.bytes),
        UPLOAD: ("upload", 5),
        EXPORT: ("export", 9),
        VALUES: ("values", 4),
        DATASET: ("dataset", 6),
        empty: ("run", 0),
        f"runs/{RUN}/.tmp-epoch-00008-0": ("temporary", 7),
        "datasets/.tmp-something": ("temporary", 8),
        f"runs/{RUN}/epoch-notes": ("unknown", 1),
        f"runs/{RUN}/epoch-٠٠٠٠٩": ("unknown", 1),
        "runs/notes": ("unknown", 1),
        DATASET.upper().replace("DATASETS", "datasets"): ("unknown", 1),
        "lost+found": ("unknown", 1),
        "notes.txt": ("unknown", 2),
        f"uploads/{RUN}": ("unknown", 31),
        r"\xff": ("unknown", 1),
    }
    for key, (shape, _) in listed(tmp_path).items():
        if shape in ("temporary", "unknown") and (tmp_path / key).is_dir():
            with pytest.raises(InvalidRequest):
                artifacts.delete(tmp_path, [key])


def test_the_newest_change_of_folder_and_files_counts(tmp_path: Path) -> None:
    fill(tmp_path, UPLOAD, 1, changed=1_000.0)
    os.utime(tmp_path / UPLOAD / "data", (3_000.0, 3_000.0))
    fill(tmp_path, DATASET, 1, changed=2_000.0)
    assert {one.key: one.changed for one in artifacts.listing(tmp_path)} == {UPLOAD: 3_000.0, DATASET: 2_000.0}


def test_a_listing_stays_inside_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    fill(outside, "files", 1 << 20)
    fill(root, DATASET, 2)
    for link in (f"datasets/{'cd' * 32}", f"{DATASET}/link", "uploads", f"runs/{RUN}"):
        (root / link).parent.mkdir(exist_ok=True)
        (root / link).symlink_to(outside)
    found = listed(root)
    assert {key: shape for key, (shape, _) in found.items()} == {
        DATASET: "dataset",
        f"datasets/{'cd' * 32}": "unknown",
        "uploads": "unknown",
        f"runs/{RUN}": "unknown",
    }
    assert sum(size for _, size in found.values()) < 1 << 10
    (root / "uploads").unlink()
    (root / "uploads").symlink_to(root)  # round in a circle
    assert listed(root).keys() == found.keys()


def test_what_vanishes_while_it_is_listed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, kept = save(tmp_path, 1), save(tmp_path, 2)
    other = f"runs/{uuid.uuid4()}"
    fill(tmp_path, f"{other}/epoch-00001", 3)
    scan = os.scandir

    def as_somebody_deletes(folder: Any) -> Any:
        """What lies in a folder was there when its parent was read."""
        if not isinstance(folder, int) and os.fspath(folder).endswith((gone.key, other)):
            shutil.rmtree(folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", as_somebody_deletes)
    found = listed(tmp_path)
    assert found.pop(kept.key) == ("checkpoint", kept.bytes)
    assert sum(size for _, size in found.values()) == 0


def test_many_checkpoints_are_listed_without_holding_them_all(tmp_path: Path) -> None:
    for run in range(50):
        folder = tmp_path / f"runs/{uuid.UUID(int=run)}"
        folder.mkdir(parents=True)
        for epoch in range(200):
            (folder / f"epoch-{epoch:05d}").mkdir()
    tracemalloc.start()
    checkpoints = sum(one.shape == "checkpoint" for one in artifacts.listing(tmp_path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert checkpoints == 10_000
    assert most < 512 << 10  # one run at a time


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
        with pytest.raises(StorageFull):
            artifacts.save_constant(tmp_path, RUN, large)
    assert everything(tmp_path) == before
    assert load_checkpoint(tmp_path, saved.key, saved.sha256).checkpoint == saved


def test_a_disk_that_is_nearly_full_is_said_beforehand(tmp_path: Path) -> None:
    artifacts.require_space(tmp_path / "new", 0)
    with pytest.raises(StorageFull, match="MiB are needed"):
        artifacts.require_space(tmp_path / "new", 1 << 60)


CRASH = """
import os, pathlib, signal, sys
from trainer.storage.durable import whole_folder
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
    os.utime(left, (0, 0))
    os.utime(left / MANIFEST)
    assert drafts.sweep(tmp_path) == 0  # somebody else may be at it
    os.utime(left / MANIFEST, (0, 0))
    assert drafts.sweep(tmp_path) == 1
    assert {path.name for path in place.parent.iterdir()} == {"epoch-00001", "epoch-00002"}
    for one in (kept, again):
        load_checkpoint(tmp_path, one.key, one.sha256)


def test_what_a_killed_process_left_goes_while_others_go_on_writing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    script = f"from trainer.storage import drafts; drafts.write_for({drafts.writer()!r})\n{CRASH}"
    killed = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "values/killed")], env=environment)
    assert killed.wait(60) == -signal.SIGKILL
    (left,) = tmp_path.glob("values/.tmp-*")
    # One of the same process number, on another host; and one of ours whose name holds that number.
    elsewhere = left.with_name(left.name.replace(drafts.writer(), "0" * 16))
    named_alike = left.with_name(temporary_name(f"x-{killed.pid}-x"))
    for path in (elsewhere, named_alike):
        path.mkdir()
    with whole_folder(tmp_path / "values/mine") as folder:
        (folder / "file").write_text("mine")
        assert drafts.sweep_after(tmp_path, killed.pid) == 1
    assert not left.exists()
    assert elsewhere.exists()
    assert named_alike.exists()
    assert (tmp_path / "values/mine/file").read_text() == "mine"


WRITER = """
import sys, pathlib
from trainer.storage import drafts
root = pathlib.Path(sys.argv[1])
drafts.live(root)
(root / drafts.temporary_name("draft")).mkdir()
print(drafts.writer(), flush=True)
sys.stdin.readline()
"""


def test_a_start_removes_what_a_dead_trainer_left_and_nothing_of_a_live_one(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as elsewhere:
        assert elsewhere.stdout is not None
        writer = elsewhere.stdout.readline().strip()
        before = everything(tmp_path)
        assert f".writers/{writer}" in before
        assert {one.key for one in artifacts.listing(tmp_path)} == {key for key in before if key.startswith(".tmp-")}
        assert drafts.sweep(tmp_path) == 0
        assert everything(tmp_path) == before
        elsewhere.kill()
    assert drafts.sweep(tmp_path) == 1
    assert everything(tmp_path) == {".writers"}


def test_a_writer_gets_its_lock_once_the_disk_takes_it(tmp_path: Path) -> None:
    (tmp_path / ".writers").touch()  # where a folder should be made
    drafts.live(tmp_path)
    (tmp_path / ".writers").unlink()
    for _ in range(2):
        drafts.live(tmp_path)
        assert everything(tmp_path) == {".writers", f".writers/{drafts.writer()}"}
        assert drafts.sweep(tmp_path) == 0


def test_an_error_inside_leaves_the_older_folder_as_it_was(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "place") as folder:
        (folder / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "place") as folder:
        (folder / "file").write_text("new")
        raise KeyboardInterrupt
    assert everything(tmp_path) == {"place", "place/file"}
    assert (tmp_path / "place/file").read_text() == "old"
