"""A backup of what lies in an object store, and one that is restored there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import obstore
import pytest
from obstore.store import from_url

from backed_up import CHECKPOINT, DATASET, HEAD, SERVICE, UPLOAD, Home, content_of, folder_of, quietly, with_constant
from trainer.errors import InvalidRequest, StoreUnavailable
from trainer.storage import cache
from trainer.storage.archive import pack, unpack
from trainer.storage.object_store import ObjectStore

SHARED = CHECKPOINT.replace("00003", "00004")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    with_constant(made)
    return made


def test_from_a_folder_into_a_bucket_and_out_of_it_again_each_byte_is_the_same(
    home: Home, url: str, tmp_path: Path
) -> None:
    file, manifest = home.pack()
    for attempt in ("killed", "again"):  # what an earlier one has put there is no stranger's
        unpack(file, tmp_path / "way", tmp_path / attempt, quietly, ObjectStore(url))
        assert content_of(tmp_path / "way") == {}
        assert content_of(tmp_path / attempt) == content_of(home.tables)
    cache.begin(tmp_path / "copies", url, 1 << 30)
    assert pack(tmp_path / "second", HEAD, home.tables, home.wanted, tmp_path / "copies", quietly) == manifest
    assert (tmp_path / "second").read_bytes() == file.read_bytes()


def test_what_a_bucket_lacks_or_holds_damaged_is_left_out_and_listed(home: Home, url: str, tmp_path: Path) -> None:
    file, manifest = home.pack()
    unpack(file, tmp_path / "way", tmp_path / "tables", quietly, ObjectStore(url))
    store = ObjectStore(url)
    store.delete(DATASET)
    weights = manifest["members"][f"{CHECKPOINT}/weights.safetensors"]["sha256"]
    obstore.put(
        from_url(url, client_options={"allow_http": True}),  # type: ignore[call-overload]
        f"{CHECKPOINT}/{weights}",
        b"v",
    )
    cache.begin(tmp_path / "copies", url, 1 << 30)
    second = pack(tmp_path / "second", HEAD, home.tables, home.wanted, tmp_path / "copies", quietly)
    assert second["missing"] == [
        {"key": DATASET, "problem": "it is not there"},
        {"key": CHECKPOINT, "problem": "weights.safetensors is missing"},
    ]
    assert {name.rpartition("/")[0] for name in second["members"]} >= {UPLOAD, SHARED}


def test_a_bucket_that_holds_something_else_is_left_as_it_is(home: Home, url: str, tmp_path: Path) -> None:
    file, _ = home.pack()
    stranger = f"uploads/{'1' * 8}-2222-3333-4444-{'5' * 12}"
    folder_of(tmp_path / "other", stranger, {"data": b"somebody's"})
    store = ObjectStore(url)
    store.publish(stranger, tmp_path / "other" / stranger, ["data"])
    with pytest.raises(InvalidRequest, match=f"not empty: it holds 1 artifacts .* {stranger}; nothing was changed"):
        unpack(file, tmp_path / "way", tmp_path / "tables", quietly, store)
    assert [stored.key for stored in store.listing()] == [stranger]


def test_a_bucket_that_does_not_answer_ends_it(home: Home, url: str, tmp_path: Path) -> None:
    file, _ = home.pack()
    missing = ObjectStore(url.replace("artifacts", "no-such-bucket", 1))
    with pytest.raises(StoreUnavailable):
        unpack(file, tmp_path / "way", tmp_path / "tables", quietly, missing)


@pytest.mark.parametrize("command", ["pack", "unpack"])
def test_an_address_that_is_none_is_refused_with_what_is_allowed(home: Home, command: str) -> None:
    file, _ = home.pack("there" if command == "pack" else "backup")
    given = [home.folder / "new" if command == "pack" else file, "--artifacts", home.folder / "copies"]
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "trainer.storage.archive",
            command,
            *given,
            "--tables",
            home.tables,
            "--store",
            "ftp://x",
        ],
        cwd=SERVICE,
        env={**os.environ, "EXIT_WITH_STDIN": "0"},
        input=json.dumps({"head": HEAD, "artifacts": []}),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "must be a folder, or an object store as s3://bucket/prefix" in ended.stderr
    assert not (home.folder / "new").exists()
