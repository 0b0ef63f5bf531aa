"""A backup's file: what goes in comes out, a damaged byte is always seen, and nothing leaves its place."""

import json
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backed_up import (
    CHECKPOINT,
    DATASET,
    HEAD,
    RUN,
    SERVICE,
    UPLOAD,
    Home,
    content_of,
    folder_of,
    quietly,
    sha256,
    with_constant,
)
from trainer.data import dataset
from trainer.errors import BadArchive, StorageFull
from trainer.evaluation import user_values
from trainer.server import uploads
from trainer.storage import artifacts, constants
from trainer.storage.archive import Wanted, check, pack, packing, unpack, unpacking
from trainer.storage.archive.format import CONSTANT, FILES, OPTIONAL, trailer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_what_goes_in_comes_out_and_nothing_else(home: Home, tmp_path: Path) -> None:
    folder_of(home.root, f"runs/{RUN}/epoch-00001", {"weights.safetensors": b"", "optimizer.safetensors": b""})
    file, manifest = home.pack()
    before = content_of(home.root)
    assert manifest == check(file, quietly)
    assert manifest["missing"] == []
    assert manifest["members"] == {
        **{f"tables/{name}": {"bytes": len(b), "sha256": sha256(b)} for name, b in content_of(home.tables).items()},
        **{n: {"bytes": len(b), "sha256": sha256(b)} for n, b in before.items() if "epoch-00001" not in n},
    }
    assert file.stat().st_mode & 0o077 == 0  # nobody else's to read
    root, tables = tmp_path / "root", tmp_path / "out"
    unpack(file, root, tables, quietly)
    assert content_of(root) == {name: b for name, b in before.items() if "epoch-00001" not in name}
    assert content_of(tables) == content_of(home.tables)


def test_it_is_a_tar_archive_that_anybody_can_read(home: Home) -> None:
    file, manifest = home.pack()
    with tarfile.open(file) as tar:
        names = tar.getnames()
        assert names == ["valence-backup", *manifest["members"], "manifest.json", "sha256"]
        content = tar.extractfile(f"{CHECKPOINT}/weights.safetensors")
        assert content is not None
        assert content.read() == b"w" * 700


def test_the_names_are_those_that_the_artifacts_have() -> None:
    shapes = {shape.pattern.split("/")[0]: (shape, names) for shape, names in FILES.items() if names != (CONSTANT,)}
    assert shapes["datasets"][1] == (*dataset.FILES, *OPTIONAL, "manifest.json")
    assert OPTIONAL == (dataset.TAGS, dataset.TIMES, dataset.COLD)
    assert constants.FILE == CONSTANT
    assert any(shape.fullmatch(f"runs/{RUN}/{constants.PREFIX}{'0' * 64}") for shape in FILES)
    assert shapes["datasets"][0].fullmatch(dataset.key_of("0" * 64))
    assert shapes["runs"][1] == (*artifacts.FILES, artifacts.MANIFEST)
    assert shapes["runs"][0].fullmatch(artifacts.checkpoint_key(RUN, 42))
    assert shapes["values"][1] == user_values.FILES
    assert shapes["values"][0].fullmatch(artifacts.values_key(RUN))
    assert shapes["uploads"][0].fullmatch(UPLOAD)
    assert shapes["uploads"][1] == ("data",)


def test_an_upload_is_where_the_trainer_stages_it(tmp_path: Path) -> None:
    staged = uploads.stage(tmp_path, [b"abc"], 10)
    (tmp_path / "tables").mkdir()
    wanted = [Wanted(staged.key, staged.sha256)]
    assert pack(tmp_path / "f", HEAD, tmp_path / "tables", wanted, tmp_path, quietly)["missing"] == []


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("place", "damage", "problem"),
    [
        (CHECKPOINT, remove, "it is not there"),
        (f"{CHECKPOINT}/weights.safetensors", remove, "weights.safetensors is missing"),
        (f"{CHECKPOINT}/weights.safetensors", flip, "weights.safetensors differs from its manifest"),
        (f"{CHECKPOINT}/weights.safetensors", cut, "weights.safetensors differs from its manifest"),
        (f"{CHECKPOINT}/manifest.json", flip, "manifest.json is not the one that was committed"),
        (f"{UPLOAD}/data", flip, "data is not the one that was committed"),
        (UPLOAD, remove, "it is not there"),
        (f"{DATASET}/ids.arrow", remove, "ids.arrow is missing"),
        (f"{DATASET}/tags.arrow", remove, "tags.arrow is missing"),
        (f"{DATASET}/tags.arrow", cut, "tags.arrow differs from its manifest"),
        (f"{DATASET}/times.safetensors", remove, "times.safetensors is missing"),
        (f"{DATASET}/cold.arrow", remove, "cold.arrow is missing"),
        (f"{DATASET}/manifest.json", cut, "manifest.json does not describe it"),
    ],
)
def test_what_is_missing_or_damaged_is_named_and_the_rest_is_there(
    home: Home, place: str, damage: Callable[[Path], None], problem: str
) -> None:
    damage(home.root / place)
    file, manifest = home.pack()
    key = next(one.key for one in home.wanted if place.startswith(one.key))
    assert manifest["missing"] == [{"key": key, "problem": problem}]
    assert check(file, quietly) == manifest
    kept = {name.rpartition("/")[0] for name in manifest["members"]}
    assert kept == {"tables", DATASET, CHECKPOINT, UPLOAD} - {key}


def test_what_checkpoints_have_in_common_is_there_once(home: Home, tmp_path: Path) -> None:
    place = with_constant(home)
    file, manifest = home.pack()
    assert manifest["missing"] == []
    assert [name for name in manifest["members"] if "constant" in name] == [place]
    unpack(file, tmp_path / "root", tmp_path / "out", quietly)
    assert content_of(tmp_path / "root") == content_of(home.root)


@pytest.mark.parametrize(("damage", "problem"), [(remove, "is missing"), (flip, "differs from its name")])
def test_a_checkpoint_without_what_it_has_in_common_with_others_is_none(
    home: Home, damage: Callable[[Path], None], problem: str
) -> None:
    place = with_constant(home)
    damage(home.root / place)
    file, manifest = home.pack()
    keys = [one.key for one in home.wanted if one.key.startswith("runs/")]
    assert manifest["missing"] == [{"key": key, "problem": f"{place} {problem}"} for key in keys]
    assert check(file, quietly) == manifest
    assert not [name for name in manifest["members"] if name.startswith("runs/")]


def test_a_dataset_without_tags_is_whole(home: Home, tmp_path: Path) -> None:
    remove(home.root / DATASET)
    folder_of(home.root, DATASET, {"interactions.safetensors": b"who likes what", "ids.arrow": b""})
    file, manifest = home.pack()
    assert manifest["missing"] == []
    unpack(file, tmp_path / "root", tmp_path / "out", quietly)
    assert content_of(tmp_path / "root") == content_of(home.root)


def test_what_is_not_required_may_be_missing(home: Home) -> None:
    remove(home.root / UPLOAD)
    home.wanted[2] = Wanted(UPLOAD, sha256(b"user,item\n"), is_required=False)
    assert home.pack()[1]["missing"] == []


def test_a_dataset_that_is_replaced_meanwhile_is_looked_at_again(home: Home) -> None:
    flip(home.root / DATASET / "interactions.safetensors")
    shutil.copytree(home.root / DATASET, home.folder / "whole")
    (home.folder / "whole/interactions.safetensors").write_bytes(b"who likes what")

    def replace() -> None:
        time.sleep(0.2)
        shutil.rmtree(home.root / DATASET)
        time.sleep(0.4)  # gone for a while, as in the middle of a rename
        (home.folder / "whole").rename(home.root / DATASET)

    importing = threading.Thread(target=replace)
    importing.start()
    file, manifest = home.pack()
    importing.join()
    assert manifest["missing"] == []
    assert check(file, quietly) == manifest


def test_every_cut_and_every_flipped_byte_is_seen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_drop_cache", lambda _: None)  # thousands of reads need not come from the disk
    file, _ = home.pack()
    whole = file.read_bytes()
    damaged = home.folder / "damaged"

    def is_refused(content: bytes) -> bool:
        damaged.write_bytes(content)
        try:
            check(damaged, quietly)
        except BadArchive:
            return True
        return False

    assert not is_refused(whole)
    # The first header and what closes the file closely, and places all over; steps that meet every field of a header.
    places = {*range(0, 600, 2), *range(len(whole) - 2100, len(whole), 5), *range(0, len(whole), 29)}
    assert [at for at in places if not is_refused(whole[:at])] == []
    for at in places:
        flipped = whole[at] ^ (1 << at % 8)
        assert is_refused(whole[:at] + bytes([flipped]) + whole[at + 1 :]), at
    for more in (b"\0", bytes(512), b"more"):
        assert is_refused(whole + more)
    for none in (b"", b"text", bytes(5000), b"PK\3\4" * 3000):
        assert is_refused(none)


def forged(file: Path, members: list[tuple[tarfile.TarInfo, bytes]], named: dict[str, Any] | None = None) -> Path:
    """An archive whose every proof is right, made by somebody who means ill."""
    told: dict[str, Any] = {}
    with file.open("wb") as out:
        writer = packing._Writer(out, quietly)
        writer.add_bytes("valence-backup", b"1\n")
        for member, content in members:
            padding = bytes(-len(content) % 512)
            writer._write(member.tobuf(tarfile.PAX_FORMAT) + content + padding)
            told[member.name] = {"bytes": member.size, "sha256": sha256(content)}
        writer.add_bytes("manifest.json", json.dumps({"format": 1, "members": named or told}).encode())
        out.write(trailer(writer.digest.hexdigest()))
    return file


def member(name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = len(content), kind, link
    return made


PLACE = f"{CHECKPOINT}/weights.safetensors"


@pytest.mark.parametrize(
    "made",
    [
        member("/etc/cron.d/x"),
        member("../x"),
        member(f"runs/{RUN}/epoch-00001/../../../../x"),
        member(f"runs/{RUN}/epoch-00001/other"),
        member(f"runs/{RUN}/epoch-00001/weights.safetensors/more"),
        member("tables/../x.copy.gz"),
        member("tables/X.copy.gz"),
        member("tables/jobs.copy.gz\n"),
        member("datasets"),
        member(f"runs/{RUN}/epoch-0000\N{ARABIC-INDIC DIGIT THREE}/weights.safetensors"),
        member(PLACE, kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member(PLACE, kind=tarfile.LNKTYPE, link="/etc/passwd"),
        member(PLACE, kind=tarfile.DIRTYPE),
        member(PLACE, kind=tarfile.FIFOTYPE),
        member(PLACE, kind=tarfile.CHRTYPE),
    ],
)
def test_nothing_leaves_its_place(tmp_path: Path, made: tarfile.TarInfo) -> None:
    file = forged(tmp_path / "forged", [(made, b"x")])
    with pytest.raises(BadArchive):
        check(file, quietly)
    with pytest.raises(BadArchive):
        unpack(file, tmp_path / "in/root", tmp_path / "in/tables", quietly)
    assert content_of(tmp_path) == {"forged": file.read_bytes()}


@pytest.mark.parametrize(
    "named",
    [
        {PLACE: {"bytes": 2, "sha256": sha256(b"x")}},
        {PLACE: {"bytes": 1, "sha256": sha256(b"y")}},
        {PLACE: {"bytes": 1, "sha256": sha256(b"x")}, f"{UPLOAD}/data": {"bytes": 1, "sha256": sha256(b"x")}},
        {f"{UPLOAD}/data": {"bytes": 1, "sha256": sha256(b"x")}},
    ],
)
def test_members_are_those_of_the_manifest(tmp_path: Path, named: dict[str, Any]) -> None:
    with pytest.raises(BadArchive, match="other members"):
        check(forged(tmp_path / "forged", [(member(PLACE), b"x")], named), quietly)


def test_a_member_is_there_once(tmp_path: Path) -> None:
    file = forged(tmp_path / "forged", [(member(PLACE), b"x"), (member(PLACE), b"x")])
    with pytest.raises(BadArchive, match="twice"):
        check(file, quietly)


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    with (tmp_path / "newer").open("wb") as out:
        packing._Writer(out, quietly).add_bytes("valence-backup", b"2\n")
        out.write(bytes(4096))
    with pytest.raises(BadArchive, match="has format 2; this version of Valence reads format 1"):
        check(tmp_path / "newer", quietly)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 4 KiB: the system refuses the write as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_said(home: Home) -> None:
    with pytest.raises(StorageFull, match=re.escape(f"the disk that holds {home.folder} is full")):
        home.pack()


def call(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer.storage.archive", *map(str, arguments)]
    return subprocess.run(command, input=given, cwd=SERVICE, capture_output=True, text=True, timeout=60, check=False)


def test_the_commands_pack_check_and_unpack(home: Home, tmp_path: Path) -> None:
    file, root, tables = tmp_path / "f", tmp_path / "root", tmp_path / "tables"
    wanted = [{"key": one.key, "sha256": one.sha256, "isRequired": True} for one in home.wanted]
    folders = ["--artifacts", home.root, "--tables", home.tables]
    packed = call("pack", file, *folders, given=json.dumps({"head": HEAD, "artifacts": wanted}) + "\n")
    assert (packed.returncode, packed.stderr) == (0, "")
    assert [json.loads(line).get("stage") for line in packed.stdout.splitlines()] == ["copy", "verify", None]
    checked = call("check", file)
    assert checked.stdout.splitlines()[-1] == packed.stdout.splitlines()[-1]
    again = call("pack", file, *folders, given=json.dumps({"head": HEAD, "artifacts": wanted}) + "\n")
    assert (again.returncode, again.stderr) == (1, f"File exists: {file}\n")
    unpacked = call("unpack", file, "--artifacts", root, "--tables", tables)
    assert (unpacked.returncode, content_of(root)) == (0, content_of(home.root))
    flip(file)
    refused = call("check", file)
    assert refused.returncode == 1
    assert refused.stderr == f"{file} is damaged or cut off: its bytes are not those that were written\n"


def test_they_need_no_pytorch() -> None:
    """A backup starts in a tenth of a second, also on a machine that is busy with a training."""
    code = "import sys, trainer.storage.archive.__main__; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=SERVICE, capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
