"""Folders that are caches of a real S3 server's bucket, as several hosts have them: what one writes is there for all,
whole or not at all, damage is named, and a cache keeps its bound."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore
import pytest
import torch
from obstore.store import LocalStore, from_url

import trainer
from trainer.data import dataset
from trainer.errors import (
    CheckpointCorrupt,
    CheckpointMissing,
    DatasetCorrupt,
    DatasetMissing,
    InvalidRequest,
    StoreUnavailable,
    UploadMissing,
    UploadTooLarge,
)
from trainer.events import Checkpoint
from trainer.server import uploads
from trainer.storage import artifacts, cache, object_store
from trainer.storage.artifacts import MANIFEST, OPTIMIZER, WEIGHTS, load_checkpoint, save_checkpoint
from trainer.storage.drafts import temporary_name
from trainer_process import DIGEST, save_dataset

RUN = "0b9d6f3a-5a0f-4a58-9f6e-5d2c5a3c1e77"
GIB = 1 << 30


@pytest.fixture
def host(url: str, tmp_path: Path) -> Callable[..., Path]:
    """Makes the empty cache of one more host."""
    hosts = iter("abcdefgh")

    def made(most_bytes: int = GIB) -> Path:
        root = tmp_path / next(hosts)
        cache.begin(root, url, most_bytes)
        return root

    return made


@pytest.fixture
def bucket(url: str) -> Any:
    """What lies in the bucket, without any of ours between."""
    return from_url(url, client_options={"allow_http": True})


def paths(bucket: Any) -> list[str]:
    return sorted(one["path"] for page in obstore.list(bucket) for one in page)


def save(root: Path, epoch: int = 1, value: float = 1.0, floats: int = 3) -> Checkpoint:
    weights, moments = {"items": torch.full((floats,), value)}, {"0.exp_avg": torch.full((floats,), value / 2)}
    return save_checkpoint(root, RUN, epoch, weights, moments, {"model": "valid"})


def files_of(root: Path, key: str) -> set[str]:
    return {path.name for path in (root / key).iterdir()}


def test_what_one_host_saves_another_loads_and_of_what_it_serves_only_what_it_needs(host: Any, bucket: Any) -> None:
    here, there = host(), host()
    saved = save(here)
    blobs = {
        f"{saved.key}/{hashlib.sha256((here / saved.key / name).read_bytes()).hexdigest()}"
        for name in (MANIFEST, WEIGHTS, OPTIMIZER)
    }
    (inventory,) = set(paths(bucket)) - blobs
    assert len(paths(bucket)) == 4
    assert inventory.startswith(f"{saved.key}/inventory-")
    served = load_checkpoint(there, saved.key, saved.sha256, with_optimizer=False)
    assert torch.equal(served.weights["items"], torch.ones(3))
    assert files_of(there, saved.key) == {MANIFEST, WEIGHTS}
    resumed = load_checkpoint(there, saved.key, saved.sha256)
    assert torch.equal(resumed.optimizer["0.exp_avg"], torch.full((3,), 0.5))
    assert files_of(there, saved.key) == {MANIFEST, WEIGHTS, OPTIMIZER}


def test_the_part_that_checkpoints_share_is_there_for_every_host_until_the_last_of_them_goes(
    host: Any, bucket: Any
) -> None:
    here, there = host(), host()
    shared = artifacts.save_constant(here, RUN, {"path.weights": torch.full((3,), 2.0)})
    first, last = (
        save_checkpoint(here, RUN, epoch, {"items": torch.zeros(3)}, {}, {"model": "valiant"}, shared)
        for epoch in (1, 2)
    )
    key = f"runs/{RUN}/{shared.folder}"
    for saved in (first, last):
        loaded = load_checkpoint(there, saved.key, saved.sha256)
        assert torch.equal(loaded.weights["path.weights"], torch.full((3,), 2.0))
    assert {one.shape for one in artifacts.listing(there)} == {"checkpoint", "constant"}
    artifacts.delete(there, [first.key])
    assert any(path.startswith(key) for path in paths(bucket))
    artifacts.delete(there, [last.key])
    assert paths(bucket) == []


def damage_blob(bucket: Any, folder: Path, key: str, name: str, damaged: Callable[[bytes], bytes] | None) -> None:
    content = (folder / key / name).read_bytes()
    path = f"{key}/{hashlib.sha256(content).hexdigest()}"
    if damaged is None:
        obstore.delete(bucket, path)
    else:
        obstore.put(bucket, path, damaged(content))


DAMAGE: dict[str, Callable[[bytes], bytes] | None] = {
    "missing": None,
    "torn": lambda content: content[:-1],
    "empty": lambda content: b"",
    "longer": lambda content: content + b"x",
    "flipped": lambda content: content[:-2] + bytes([content[-2] ^ 1]) + content[-1:],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, OPTIMIZER])
def test_a_damaged_object_is_a_damaged_checkpoint_until_it_is_whole_again(
    host: Any, bucket: Any, name: str, damage: str
) -> None:
    here, there = host(), host()
    saved = save(here)
    damage_blob(bucket, here, saved.key, name, DAMAGE[damage])
    with pytest.raises(CheckpointCorrupt, match=f"{saved.key}/{name}"):
        load_checkpoint(there, saved.key, saved.sha256)
    assert name not in files_of(there, saved.key)
    assert load_checkpoint(here, saved.key, saved.sha256).checkpoint == saved  # whose copy is whole
    damage_blob(bucket, here, saved.key, name, lambda content: content)
    assert load_checkpoint(there, saved.key, saved.sha256).checkpoint == saved


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
@pytest.mark.parametrize("damage", ["torn", "flipped", "missing"])
def test_a_damaged_copy_is_fetched_again(host: Any, name: str, damage: str) -> None:
    here, there = host(), host()
    saved = save(here)
    load_checkpoint(there, saved.key, saved.sha256)
    path, damaged = there / saved.key / name, DAMAGE[damage]
    path.unlink() if damaged is None else path.write_bytes(damaged(path.read_bytes()))
    assert load_checkpoint(there, saved.key, saved.sha256).checkpoint == saved


def test_without_its_inventory_or_with_a_torn_one_there_is_no_checkpoint_anywhere(host: Any, bucket: Any) -> None:
    here, there = host(), host()
    saved = save(here)
    (inventory,) = [path for path in paths(bucket) if "inventory-" in path]
    for damaged in (b'{"weights', b"{}", None):
        if damaged is None:
            obstore.delete(bucket, inventory)
        else:
            obstore.put(bucket, inventory, damaged)
        for root in (here, there):
            with pytest.raises(CheckpointMissing):
                load_checkpoint(root, saved.key, saved.sha256)
        assert not (here / saved.key).exists()  # nobody takes for an artifact what the store does not know
        if damaged:
            assert save(there) == saved  # mends it
            assert load_checkpoint(here, saved.key, saved.sha256).checkpoint == saved


def test_what_a_lost_writer_puts_later_does_not_replace_what_was_committed(host: Any, bucket: Any) -> None:
    here, there, serving = host(), host(), host()
    committed = save(here, value=1.0)
    other = save(there, value=2.0)
    assert other.key == committed.key
    for one, value in ((committed, 1.0), (other, 2.0), (committed, 1.0)):
        loaded = load_checkpoint(serving, one.key, one.sha256)
        assert torch.equal(loaded.weights["items"], torch.full((3,), value))
    with pytest.raises(CheckpointCorrupt, match="not the one that was committed"):
        load_checkpoint(serving, committed.key, "0" * 64)


WRITER = """
import sys
from pathlib import Path
import torch
from trainer.storage.artifacts import save_checkpoint
sys.stdin.readline()
for epoch in range(1, 6):
    tensors = {"items": torch.ones(3)}
    save_checkpoint(Path(sys.argv[1]), sys.argv[2], epoch, tensors, tensors, {"model": "valid"})
"""


def test_two_processes_that_publish_the_same_leave_it_once_and_whole(host: Any, bucket: Any) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    command = [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen([*command, str(host()), RUN], env=environment, stdin=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
    for writer in writers:
        writer.communicate(timeout=100)
        assert writer.returncode == 0
    assert len([path for path in paths(bucket) if "inventory-" in path]) == 5
    assert len(paths(bucket)) == 3 * 5  # their weights and moments are the same
    reader = host()
    for epoch in range(1, 6):
        inventory = next(path for path in paths(bucket) if f"epoch-{epoch:05d}/inventory-" in path)
        proof = json.loads(bytes(obstore.get(bucket, inventory).bytes()))[MANIFEST]["sha256"]
        assert load_checkpoint(reader, f"runs/{RUN}/epoch-{epoch:05d}", proof).checkpoint.epoch == epoch


def test_a_dataset_is_written_once_and_what_was_deleted_elsewhere_is_made_again(host: Any, bucket: Any) -> None:
    here, there = host(), host()
    key = dataset.key_of(DIGEST)
    with pytest.raises(DatasetMissing):
        dataset.load(there, key)
    save_dataset(here)
    before = paths(bucket)
    save_dataset(there)  # finds it
    assert paths(bucket) == before
    assert len(dataset.load(there, key).users) == 40
    users, _, _ = dataset.load_ids(host(), key)
    assert users.id(0) == "user 0"
    assert artifacts.delete(here, [key]) == 1
    assert paths(bucket) == []
    assert not dataset.is_whole(there, key)
    with pytest.raises(DatasetMissing):
        dataset.load(there, key)
    save_dataset(there)
    assert paths(bucket) == before
    assert dataset.is_whole(here, key)


def test_a_damaged_dataset_is_mended_by_importing_it_again(host: Any, bucket: Any) -> None:
    here, there, third = host(), host(), host()
    key = dataset.key_of(DIGEST)
    save_dataset(here)
    damage_blob(bucket, here, key, dataset.IDS, DAMAGE["torn"])
    with pytest.raises(DatasetCorrupt, match=dataset.IDS):
        dataset.load(there, key)
    assert not dataset.is_whole(there, key)
    save_dataset(there)
    assert len(dataset.load(third, key).users) == 40


def test_an_upload_is_there_for_every_host_and_a_refused_one_for_none(host: Any, bucket: Any) -> None:
    here, there = host(), host()
    staged = uploads.stage(here, [b"user,item\n", b"u,i\n"], 100)
    assert uploads.path_of(there, staged.key) == Path(staged.key) / "data"
    assert not (there / staged.key).exists()  # who only asks fetches nothing
    with cache.opened(there, staged.key) as folder:
        assert (folder / "data").read_bytes() == b"user,item\nu,i\n"
    before = paths(bucket)
    with pytest.raises(UploadTooLarge):
        uploads.stage(here, [b"x" * 101], 100)
    assert paths(bucket) == before
    assert artifacts.delete(there, [staged.key]) == 1
    with pytest.raises(UploadMissing):
        uploads.path_of(here, staged.key)


def test_the_list_is_the_store_s_and_a_delete_removes_what_lies_there(host: Any, bucket: Any) -> None:
    here, there = host(), host()
    saved = [save(here, epoch) for epoch in (1, 2)]
    half = f"runs/{RUN}/epoch-00003"
    obstore.put(bucket, f"{half}/{'0' * 64}", b"of a writer that was killed")
    obstore.put(bucket, "else/where", b"not ours")
    found = {one.key: one for one in artifacts.listing(there)}
    assert {key: one.shape for key, one in found.items()} == {
        saved[0].key: "checkpoint",
        saved[1].key: "checkpoint",
        half: "checkpoint",
        "else": "unknown",
    }
    assert found[saved[0].key].bytes > saved[0].bytes  # the inventory, too
    assert abs(found[half].changed - time.time()) < 60
    assert artifacts.delete(there, [saved[0].key, half]) == 2
    assert artifacts.delete(there, [saved[0].key]) == 0
    with pytest.raises(CheckpointMissing):
        load_checkpoint(here, saved[0].key, saved[0].sha256)
    assert artifacts.delete(there, [f"runs/{RUN}"]) == 1
    assert paths(bucket) == ["else/where"]


def bytes_of(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_a_cache_keeps_its_bound_and_what_was_used_last(host: Any) -> None:
    mib = 1 << 20
    root = host(10 * mib)
    first, *others = [save(root, epoch, floats=mib // 8) for epoch in range(1, 41)]  # 1 MiB each
    assert bytes_of(root) <= 10 * mib
    assert (root / others[-1].key).exists()
    assert not (root / first.key).exists()
    for saved in (first, *others):
        load_checkpoint(root, saved.key, saved.sha256)
        assert bytes_of(root) <= 10 * mib
    load_checkpoint(root, first.key, first.sha256)
    for saved in others[:4]:
        load_checkpoint(root, saved.key, saved.sha256)
    assert (root / first.key).exists()


def test_what_is_in_use_is_not_evicted(host: Any) -> None:
    mib = 1 << 20
    root = host(4 * mib)
    used = save(root, 1, floats=mib // 8)
    with cache.opened(root, used.key) as folder:
        for epoch in range(2, 12):
            save(root, epoch, floats=mib // 8)
        assert {path.name for path in folder.iterdir()} == {MANIFEST, WEIGHTS, OPTIMIZER}
    for epoch in range(12, 22):
        save(root, epoch, floats=mib // 8)
    assert not (root / used.key).exists()


def test_readers_and_evictions_at_the_same_time_never_break_a_reader(host: Any) -> None:
    mib = 1 << 20
    root = host(2 * mib)
    saved = [save(root, epoch, floats=mib // 16) for epoch in range(1, 9)]

    def read(number: int) -> None:
        for step in range(25):
            one = saved[(number * 3 + step) % len(saved)]
            assert load_checkpoint(root, one.key, one.sha256).checkpoint == one

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))


def test_what_is_deleted_while_it_is_fetched_is_missing(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = host(), host()
    saved = save(here)
    fetch = object_store.ObjectStore.fetch

    for by in (here, there):  # another host, and another process of this one

        def fetched(*given: Any, by: Path = by) -> bool:
            artifacts.delete(by, [saved.key])
            return fetch(*given)

        with monkeypatch.context() as patch:
            patch.setattr(object_store.ObjectStore, "fetch", fetched)
            with pytest.raises(CheckpointMissing):
                load_checkpoint(there, saved.key, saved.sha256)
        assert not (there / saved.key).exists()
        assert save(here) == saved


@pytest.mark.parametrize("moment", ["before a file is fetched", "after all are there"])
def test_a_reader_keeps_the_folder_that_it_reads_also_where_it_took_the_place_of_another(
    host: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    here, there = host(), host()
    saved = save(here)
    place, name = (object_store.ObjectStore, "fetch") if moment.startswith("before") else (os, "utime")
    if place is os:
        load_checkpoint(there, saved.key, saved.sha256)
    do, newer = getattr(place, name), iter([2.0])

    def after_another(*given: Any) -> Any:
        for value in newer:
            save(there, value=value)
        return do(*given)

    monkeypatch.setattr(place, name, after_another)
    with cache.opened(there, saved.key, proof=saved.sha256) as folder:
        assert hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest() == saved.sha256
        assert not cache._evict(folder)
    assert next(newer, None) is None


def test_what_changes_while_it_is_published_is_not_published(
    host: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = host()
    put = obstore.put

    def changing(store: Any, path: str, content: Any, **options: Any) -> Any:
        if path.endswith(f"/{hashlib.sha256(b'one').hexdigest()}"):
            (root / "values" / RUN / "file").write_bytes(b"two")
        return put(store, path, content, **options)

    monkeypatch.setattr(obstore, "put", changing)
    with pytest.raises(StoreUnavailable, match="file changed on its way"), cache.written(root, f"values/{RUN}") as made:
        (made / "file").write_bytes(b"one")
    assert not any("inventory-" in path for path in paths(bucket))


def test_a_folder_that_another_has_replaced_counts_as_not_evicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_is_at", lambda *_: False)
    assert not cache._evict(tmp_path)


def test_a_store_that_names_what_has_gone_deletes_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = LocalStore(tmp_path)  # which does so, as those of gs:// and az:// do
    monkeypatch.setattr(object_store, "from_url", lambda *_, **__: files)
    for name in ("a", "b", "c"):
        obstore.put(files, f"key/{name}", b"x")
    store = object_store.ObjectStore("gs://bucket")
    delete = obstore.delete

    def after_another(files: Any, paths: Any) -> None:
        (tmp_path / "key/b").unlink(missing_ok=True)
        delete(files, paths)

    monkeypatch.setattr(obstore, "delete", after_another)
    assert store.delete("key")
    assert paths(files) == []


BEGINNING = """
import sys
from pathlib import Path
from trainer.storage import cache
sys.stdin.readline()
cache.begin(Path(sys.argv[1]), sys.argv[2], 1 << 30)
"""


def test_two_processes_begin_a_cache_at_once_also_where_a_kill_has_left_half_a_mark(url: str, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    root.mkdir()
    (root / temporary_name(".store.json")).write_text("{")
    environment = {**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    command = [sys.executable, "-c", BEGINNING, str(root), url]
    beginning = [subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    for one in beginning:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    assert [one.wait(60) for one in beginning] == [0, 0]
    assert json.loads((root / ".store.json").read_text())["url"] == url


def test_who_looks_while_another_puts_its_mark_sees_a_cache(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Path.iterdir

    def looking(folder: Path) -> Any:
        (folder / ".store.json").write_text(json.dumps({"url": url, "most_bytes": GIB}))
        return looked(folder)

    monkeypatch.setattr(Path, "iterdir", looking)
    cache.begin(tmp_path, url, GIB)


def test_a_folder_with_anything_else_in_it_is_no_cache(url: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("do not touch")
    with pytest.raises(InvalidRequest, match="neither empty nor a cache"):
        cache.begin(tmp_path, url, GIB)
    root = tmp_path / "cache"
    cache.begin(root, url, GIB)
    cache.begin(root, url, 2 * GIB)  # as a second process with another bound
    assert json.loads((root / ".store.json").read_text()) == {"url": url, "most_bytes": 2 * GIB}
    with pytest.raises(InvalidRequest, match=f"holds copies of {url}"):
        cache.begin(root, f"{url}/else", GIB)


def test_a_store_that_is_away_is_said_to_be_and_nothing_of_its_answer_or_a_secret(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = host()
    saved = save(root)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    cache._cache.cache_clear()
    for ask in (
        lambda: load_checkpoint(root, saved.key, saved.sha256),
        lambda: save(root, 2),
        lambda: artifacts.delete(root, [saved.key]),
        lambda: list(artifacts.listing(root)),
    ):
        with pytest.raises(StoreUnavailable, match="does not answer as it should") as caught:
            ask()
        assert "secret" not in caught.value.message
        assert caught.value.__suppress_context__


def test_a_bucket_that_is_not_there_is_said_before_anything_is_done(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="s3://nowhere/x"):
        cache.begin(tmp_path / "cache", "s3://nowhere/x", GIB)
    assert not (tmp_path / "cache").exists()
