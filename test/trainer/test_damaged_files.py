"""Files that are not what was written: each is refused by name or read, and nothing half-made is left of it.

VALENCE_DAMAGED_FILES says how many of each kind; the seeds are the same every time.
"""

import faulthandler
import gzip
import io
import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.data.importing import Finished, Head, ImportRule, SourceFile, import_dataset, preview_files
from trainer.data.importing.heads import HEAD_BYTES
from trainer.errors import BadDataset, CheckpointCorrupt, DatasetCorrupt, DatasetMissing
from trainer.storage.artifacts import load_checkpoint, save_checkpoint

COUNT = int(os.environ.get("VALENCE_DAMAGED_FILES", "40"))
HANG_SECONDS = 120
DIGEST = "ab" * 32
RUN = "0b9d6f3a-5a0f-4a58-9f6e-5d2c5a3c1e77"
ROWS = [(f"u{n % 40}", f"i{n * 7 % 60}", n % 5 + 1, 964_982_703 + n) for n in range(600)]
CSV = "userId,movieId,rating,timestamp\n" + "".join(f"{u},{i},{r},{t}\n" for u, i, r, t in ROWS)
HEADERS = (
    b"PK\x03\x04",
    b"PAR1",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"%PDF-",
    b"\0" * 8,
)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml/movies.csv", "movieId,title\n" + "".join(f"i{n},Film {n}\n" for n in range(60)))
        archive.writestr("ml/ratings.csv", CSV)
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    users, items, ratings, times = zip(*ROWS, strict=True)
    pa.parquet.write_table(pa.table({"user": users, "item": items, "rating": ratings, "timestamp": times}), file)
    return file.getvalue()


FILES = {
    "ratings.csv": CSV.encode(),
    "ratings.csv.gz": gzip.compress(CSV.encode(), mtime=0),
    "ratings.csv.zst": pa.compress(CSV.encode(), "zstd", asbytes=True),
    "ml.zip": zipped(),
    "ratings.parquet": parquet(),
    "ml.inter": ("user_id:token\titem_id:token\n" + "".join(f"{u}\t{i}\n" for u, i, _, _ in ROWS)).encode(),
}


def flipped(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 20)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def holed(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.randint(1, 200)]


def emptied(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.randint(1, 4096))
    data[start:end] = bytes(end - start)


def swapped(data: bytearray, chance: random.Random) -> None:
    size = max(1, len(data) // 8)
    first, second = (chance.randrange(max(1, len(data) - size)) for _ in range(2))
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]


def headed(data: bytearray, chance: random.Random) -> None:
    header = chance.choice(HEADERS)
    data[: len(header)] = header


def ended(data: bytearray, chance: random.Random) -> None:
    data += chance.choice((bytes(data), chance.randbytes(100), b'"', b"\0", b"\n\n", b"PAR1"))


DAMAGES = (flipped, cut, holed, emptied, swapped, headed, ended)


def damaged(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    changed = bytearray(data)
    chance.choice(DAMAGES)(changed, chance)
    return bytes(changed)


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """Nothing that C code does can be interrupted: the process ends, and says where."""
    yield
    faulthandler.cancel_dump_traceback_later()


def imported(path: Path, artifacts: Path) -> Dataset | None:
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    source = SourceFile("interactions", path, path.name)
    try:
        events = list(import_dataset([source], ImportRule.parse("{}"), artifacts, DIGEST))
    except BadDataset as error:
        assert error.code and error.message
        return None
    return next(event.dataset for event in events if isinstance(event, Finished))


@pytest.mark.parametrize("name", FILES)
def test_an_import_takes_what_can_be_read_or_refuses(tmp_path: Path, name: str) -> None:
    outcomes = set()
    for seed in range(COUNT):
        path, artifacts = tmp_path / name, tmp_path / "artifacts"
        path.write_bytes(damaged(FILES[name], seed))
        found = imported(path, artifacts)
        outcomes.add(found is None)
        left = {str(one.relative_to(artifacts)) for one in artifacts.rglob("*") if one.is_dir()}
        assert left - {"datasets"} == ({f"datasets/{DIGEST}"} if found else set()), f"seed {seed}"
        if found:
            dataset.load(artifacts, found.key)  # whole, whatever was in the file
            for file in (artifacts / found.key).iterdir():
                file.unlink()
            (artifacts / found.key).rmdir()
    assert outcomes == {True, False} or COUNT < 40


@pytest.mark.parametrize("name", FILES)
def test_a_preview_says_what_is_wrong(name: str) -> None:
    for seed in range(COUNT):
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        data = damaged(FILES[name], seed)
        head = Head("interactions", name, data[:HEAD_BYTES], len(data) < HEAD_BYTES)
        made = preview_files([head], ImportRule.parse("{}"))
        assert made.tables or made.problems or made.warnings, f"seed {seed}"


def with_each_damage(folder: Path, check: Callable[[int, bytes, bytes], None]) -> None:
    files = sorted(folder.iterdir())
    for seed in range(COUNT):
        path = files[seed % len(files)]
        whole = path.read_bytes()
        changed = damaged(whole, seed)
        path.write_bytes(changed)
        check(seed, whole, changed)
        path.write_bytes(whole)


def test_a_checkpoint_that_differs_is_never_opened(tmp_path: Path) -> None:
    weights = {"items": torch.arange(4096.0).reshape(64, 64), "bias": torch.zeros(64)}
    saved = save_checkpoint(
        tmp_path, RUN, 1, weights, {"0.exp_avg": torch.ones(64, 64)}, {"model": "valid", "loop": {}}
    )

    def check(seed: int, whole: bytes, changed: bytes) -> None:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        if changed == whole:
            return
        with pytest.raises(CheckpointCorrupt):
            load_checkpoint(tmp_path, saved.key, saved.sha256)

    with_each_damage(tmp_path / saved.key, check)
    load_checkpoint(tmp_path, saved.key, saved.sha256)


def test_a_dataset_that_differs_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_bytes(FILES["ratings.csv"])
    found = imported(tmp_path / "ratings.csv", tmp_path)
    assert found

    def check(seed: int, whole: bytes, changed: bytes) -> None:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        if changed == whole:
            return
        with pytest.raises((DatasetCorrupt, DatasetMissing)):
            dataset.load(tmp_path, found.key)

    with_each_damage(tmp_path / found.key, check)
    assert dataset.load(tmp_path, found.key).split_digest == found.split_digest


def test_no_bit_of_a_manifest_may_be_another(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_bytes(FILES["ratings.csv"])
    found = imported(tmp_path / "ratings.csv", tmp_path)
    assert found
    path = tmp_path / found.key / "manifest.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            assert not dataset.is_whole(tmp_path, found.key), (place, bit)
    for changed in (whole + b"\n", b" " + whole, b"[" * 100_000, whole[:-1]):
        path.write_bytes(changed)
        with pytest.raises(DatasetCorrupt):
            dataset.load(tmp_path, found.key)
    path.write_bytes(whole)
    assert dataset.is_whole(tmp_path, found.key)


def test_a_manifest_from_before_they_proved_themselves_is_read(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_bytes(FILES["ratings.csv"])
    found = imported(tmp_path / "ratings.csv", tmp_path)
    assert found
    path = tmp_path / found.key / "manifest.json"
    earlier = json.loads(path.read_text()) | {"format": 1}
    del earlier["sha256"]
    path.write_text(json.dumps(earlier, indent=1, sort_keys=True))
    assert dataset.load(tmp_path, found.key).split_digest == found.split_digest
