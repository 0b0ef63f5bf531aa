"""An export holds what serving answers, and is the same to the bit however often it was killed."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import trainer
from trainer.errors import CheckpointMissing, ExportGone, InvalidRequest, StorageFull, ValenceError
from trainer.events import Checkpoint, Exported
from trainer.serving import exporting
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.exporting import ExportRequest, export
from trainer.serving.exporting.folder import ExportFolder
from trainer.serving.exporting.live import LiveRows
from trainer.serving.person import LATEST, columns_of, known_user, since, with_live
from trainer.serving.question import Question
from trainer.storage import artifacts
from trainer.training.checkpoint import open_checkpoint

MODELS = ["valid", "bpr", "popularity"]


def asked(checkpoint: Checkpoint, **values: Any) -> ExportRequest:
    given = {"n": 20, "format": "ndjson", "explain": False, "device": "cpu", **values}
    return ExportRequest(
        **{"export_id": str(uuid.uuid4()), "key": checkpoint.key, "sha256": checkpoint.sha256, **given}
    )


def lines_of(root: Path, exported: Exported) -> dict[str, list[dict[str, Any]]]:
    lines = [json.loads(line) for line in (root / exported.key / "data").read_text().splitlines()]
    return {line["user"]: line["items"] for line in lines}


def served(root: Path, checkpoint: Checkpoint) -> LoadedCheckpoint:
    loaded = artifacts.load_checkpoint(root, checkpoint.key, checkpoint.sha256, with_optimizer=False)
    where = torch.device("cpu")
    return LoadedCheckpoint(*open_checkpoint(root, loaded, where), where)


@pytest.mark.parametrize("model", MODELS)
def test_everybody_gets_what_they_would_be_answered(root: Path, checkpoints: dict[str, Checkpoint], model: str) -> None:
    hidden = ("item 5", "item 9", "no such item")
    told: list[tuple[int, int]] = []
    request = asked(checkpoints[model], explain=True, hidden=hidden)
    exported = export(request, root, lambda done, total: told.append((done, total)))
    found = lines_of(root, exported)
    assert (exported.rows, exported.users, exported.unknown_users) == (300, 300, 0)
    assert list(found) == [f"user {row}" for row in range(300)]
    assert {total for _, total in told} == {300}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    answering = served(root, checkpoints[model])
    data = answering.dataset
    for user in ("user 0", "user 17", "user 255", "user 256", "user 299"):
        person = known_user(data, user)
        nowhere = np.unique([*person.seen.tolist(), *columns_of(data, hidden)[0].tolist()])
        [answer] = answering.rank([Question(person, n=20, excluded=nowhere, explain=True)])
        ranked = list(answer.ranked.items())
        items = found[user]
        assert [item["id"] for item in items] == [data.items.id(one.column) for one in ranked]
        assert [item.get("title", "") for item in items] == [data.titles[one.column] for one in ranked]
        assert [item["because"] for item in items] == [[data.items.id(c) for c in one.because] for one in ranked]
        assert [item["score"] for item in items] == pytest.approx([one.score for one in ranked], rel=1e-5)
        for item, one in zip(items, ranked, strict=True):
            assert item.get("interestShares", []) == pytest.approx(one.shares, rel=1e-4)
    assert found["user 17"] == []


def staged(root: Path, people: dict[str, list[str]], at: dict[str, list[int]] | None = None) -> tuple[str, str]:
    path = root / "uploads" / str(uuid.uuid4()) / "data"
    path.parent.mkdir(parents=True)
    lines = [{"user": user, "items": items, **({"at": at[user]} if at else {})} for user, items in people.items()]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("model", MODELS)
def test_with_live_rows_everybody_gets_what_a_deployment_with_a_feed_answers(
    root: Path, checkpoints: dict[str, Checkpoint], model: str
) -> None:
    moved = {
        "user 3": ["item 8", "brand new", "item 2"],
        "stranger": ["item 1"],
        "user 256": [f"item {n}" for n in range(30, 0, -1)],
        "user 299": ["brand new"],
    }
    exported = export(asked(checkpoints[model], explain=True, live=staged(root, moved)), root)
    found = lines_of(root, exported)
    assert (exported.users, exported.unknown_users) == (300, 0)
    answering = served(root, checkpoints[model])
    data = answering.dataset
    for user in ("user 0", "user 3", "user 256", "user 299"):
        met = with_live(data, data.users.index(user) or 0, since(data, moved.get(user, []), []))
        person = met if answering.has("fold_in") else replace(known_user(data, user), seen=met.seen)
        [answer] = answering.rank([Question(person, n=20, excluded=person.seen, explain=True)])
        ranked = list(answer.ranked.items())
        assert [item["id"] for item in found[user]] == [data.items.id(one.column) for one in ranked]
        assert [item["because"] for item in found[user]] == [[data.items.id(c) for c in one.because] for one in ranked]
        assert not set(moved.get(user, [])) & {item["id"] for item in found[user]}
    named = lines_of(
        root, export(asked(checkpoints[model], users=("user 3", "nobody"), live=staged(root, moved)), root)
    )
    assert [item["id"] for item in named["user 3"]] == [item["id"] for item in found["user 3"]]


def test_live_rows_say_when_they_were_met(root: Path, checkpoints: dict[str, Checkpoint]) -> None:
    data = served(root, checkpoints["bpr"]).dataset
    moved = {"user 3": ["item 8", "brand new", "item 2"]}
    for at, expected in ({"user 3": [5, 6, 7]}, [5, 7]), (None, [LATEST, LATEST]):
        path, sha256 = staged(root, moved, at)
        met = LiveRows(data, root / path, sha256).of(data.row_of("user 3") or 0)
        assert [data.items.id(column) for column in met.columns] == ["item 8", "item 2"]
        assert met.at.tolist() == expected


def test_the_same_live_rows_staged_again_belong_into_the_same_file(
    root: Path, checkpoints: dict[str, Checkpoint]
) -> None:
    where = torch.device("cpu")
    request = asked(checkpoints["valid"], live=staged(root, {"user 3": ["item 8"]}))
    again = replace(request, live=staged(root, {"user 3": ["item 8"]}))
    assert request.fingerprint(where) == again.fingerprint(where)
    others = (replace(request, live=None), replace(request, live=staged(root, {})))
    assert len({one.fingerprint(where) for one in (request, *others)}) == 3
    with pytest.raises(InvalidRequest, match="not those that were staged"):
        export(replace(request, live=(request.live[0] if request.live else "", "0" * 64)), root)


def test_those_asked_for_in_their_order_and_the_unknown_counted(root: Path, checkpoints: dict[str, Checkpoint]) -> None:
    users = ("user 299", "nobody", "user 3", "User 3", "user 0")
    whole = lines_of(root, export(asked(checkpoints["valid"]), root))
    exported = export(asked(checkpoints["valid"], users=users), root)
    found = lines_of(root, exported)
    assert list(found) == ["user 299", "user 3", "user 0"]
    assert (exported.users, exported.unknown_users, exported.rows) == (3, 2, 3)
    for user, items in found.items():
        assert [item["id"] for item in items] == [item["id"] for item in whole[user]]
        assert all(item.keys() <= {"id", "title", "score"} for item in items)
    for name in ("ndjson", "csv", "parquet"):
        none = export(asked(checkpoints["valid"], format=name, users=("nobody",)), root)
        assert (none.users, none.unknown_users, none.rows) == (0, 1, 0)


@pytest.mark.parametrize("model", MODELS)
def test_who_came_too_late_for_training_is_there_where_they_would_be_answered(
    root: Path, late: dict[str, Checkpoint], model: str
) -> None:
    answering = served(root, late[model])
    folds_in = answering.has("fold_in")
    everybody = [f"user {row}" for row in range(300)]
    moved = {"late": ["item 8"], "later": ["item 4", "new"]}
    for live in (None, moved):
        where = {"live": staged(root, live)} if live else {}
        known = ["late", "later"][: folds_in and (1 if live is None else 2)]
        exported = export(asked(late[model], **where), root)
        found = lines_of(root, exported)
        assert list(found) == [*everybody, *known]
        assert (exported.users, exported.unknown_users) == (300 + len(known), 0)
        named = ("later", "user 3", "late", "nobody")
        exported = export(asked(late[model], users=named, **where), root)
        assert list(lines_of(root, exported)) == [user for user in named if user in ["user 3", *known]]
        assert exported.unknown_users == 4 - 1 - len(known)
        [again, before] = [[item["id"] for item in lines["user 3"]] for lines in (lines_of(root, exported), found)]
        assert again == before
        for user in known:
            met = since(answering.dataset, (live or {}).get(user, []), [])
            person = answering.person(answering.dataset.row_of(user), met, whole=live is not None)
            assert {7, 9} <= set(person.seen.tolist()) or user == "later"
            [answer] = answering.rank([Question(person, n=20, excluded=person.seen)])
            ids = [answering.dataset.items.id(one.column) for one in answer.ranked.items()]
            assert [item["id"] for item in found[user]] == ids
            assert [item["score"] for item in found[user]] == pytest.approx(answer.ranked.scores.tolist(), rel=1e-5)
    salt = "5a" * 16
    digest = hashlib.sha256(bytes.fromhex(salt) + b"late").hexdigest()
    erased = lines_of(root, export(asked(late[model], erased=((salt, (digest,)),)), root))
    assert list(erased) == everybody


def test_hiding_everything_leaves_empty_lists(root: Path, checkpoints: dict[str, Checkpoint]) -> None:
    everything = tuple(f"item {column}" for column in range(120))
    found = lines_of(root, export(asked(checkpoints["valid"], hidden=everything, explain=True), root))
    assert len(found) == 300
    assert not any(found.values())


# Each attempt is a process of its own, as in service; forked before anything is computed: what it needs is loaded once.
# It dies before its rename of a number, or before it deletes its first part; "" is left alone.
ATTEMPTS = """
import json, os, pathlib, signal, sys
import pyarrow.parquet
from trainer import registry
from trainer.kernels import fused, reasons
from trainer.serving.exporting import ExportRequest, export
registry.catalogue()
root = pathlib.Path(sys.argv[1])
rename, unlink, renamed = pathlib.Path.rename, pathlib.Path.unlink, []
def attempt(spec, death):
    def die_or_rename(path, target):
        renamed.append(target)
        if death == str(len(renamed)):
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)
    def die_or_unlink(path, **named):
        if death == "unlink" and path.name.startswith("part-"):
            os.kill(os.getpid(), signal.SIGKILL)
        return unlink(path, **named)
    pathlib.Path.rename, pathlib.Path.unlink = die_or_rename, die_or_unlink
    export(ExportRequest.of(spec), root)
for spec, death in json.loads(sys.argv[2]):
    child = os.fork()
    if child == 0:
        attempt(spec, death)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    names = sorted(path.name for path in (root / "exports" / spec["export_id"]).iterdir() if path.name[0] != ".")
    print(json.dumps([status, names]))
"""


def attempts(root: Path, tried: list[tuple[ExportRequest, str]]) -> list[tuple[int, list[str]]]:
    """Exit status of each attempt, and the files that it left."""
    environment = {**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    given = json.dumps([(asdict(request), death) for request, death in tried])
    command = [sys.executable, "-c", ATTEMPTS, str(root), given]
    ended = subprocess.run(command, env=environment, timeout=300, check=True, stdout=subprocess.PIPE)
    return [tuple(json.loads(line)) for line in ended.stdout.splitlines()]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("format_name", ["ndjson", "csv", "parquet"])
def test_killed_at_every_step_the_file_is_the_same_to_the_bit(
    root: Path, checkpoints: dict[str, Checkpoint], format_name: str
) -> None:
    values: dict[str, Any] = {"n": 1000, "format": format_name, "explain": True, "hidden": ("item 5",)}
    undisturbed, killed = (asked(checkpoints["valid"], **values) for _ in range(2))
    # What is renamed: request.json, three parts, the file, the manifest. Each attempt gets one further.
    deaths = ["1", "2", "2", "2", "2", "2", "unlink", ""]
    ends = attempts(root, [(undisturbed, ""), *((killed, death) for death in deaths)])
    parts = [f"part-{number:06d}.safetensors" for number in range(3)]
    assert ends == [
        (0, ["data", "manifest.json"]),
        (-signal.SIGKILL, []),
        (-signal.SIGKILL, ["request.json"]),
        (-signal.SIGKILL, [*parts[:1], "request.json"]),
        (-signal.SIGKILL, [*parts[:2], "request.json"]),
        (-signal.SIGKILL, [*parts, "request.json"]),
        (-signal.SIGKILL, ["data", *parts, "request.json"]),
        (-signal.SIGKILL, ["data", "manifest.json", *parts, "request.json"]),
        (0, ["data", "manifest.json"]),
    ]
    folders = [root / artifacts.export_key(request.export_id) for request in (undisturbed, killed)]
    first, second = ((folder / "data").read_bytes() for folder in folders)
    assert first == second
    described = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
    own = {"fingerprint", "key"}
    assert len({json.dumps({k: v for k, v in one.items() if k not in own}) for one in described}) == 1


def left_by(request: ExportRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an attempt that got as far as the file."""
    with monkeypatch.context() as patch:
        patch.setattr(ExportFolder, "finish", lambda *_: None)
        export(request, root)
    return root / artifacts.export_key(request.export_id)


def test_parts_of_another_request_are_not_taken(
    root: Path, checkpoints: dict[str, Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(checkpoints["valid"], n=1000)
    for changes in ({"explain": True}, {"hidden": ("item 1",)}, {"users": ("user 7",)}, {"n": 999}):
        folder = left_by(request, root, monkeypatch)
        assert len(list(folder.glob("part-*"))) == 3
        exported = export(replace(request, **changes), root)
        alone = export(replace(request, **changes, export_id=str(uuid.uuid4())), root)
        assert exported.sha256 == alone.sha256


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 8)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, empty, Path.unlink])
def test_a_part_that_cannot_be_read_is_made_again(
    root: Path, checkpoints: dict[str, Checkpoint], monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    request = asked(checkpoints["valid"], n=1000)
    undisturbed = export(replace(request, export_id=str(uuid.uuid4())), root)
    damage(left_by(request, root, monkeypatch) / "part-000001.safetensors")
    assert export(request, root).sha256 == undisturbed.sha256


@pytest.mark.parametrize("damage", [truncate, Path.unlink, lambda path: path.write_bytes(path.read_bytes()[::-1])])
def test_a_finished_file_is_taken_only_as_it_was_written(
    root: Path, checkpoints: dict[str, Checkpoint], damage: Callable[[Path], None]
) -> None:
    request = asked(checkpoints["popularity"])
    first = export(request, root)
    data = root / first.key / "data"
    before = data.stat().st_mtime_ns
    assert export(request, root) == first
    assert data.stat().st_mtime_ns == before
    damage(data)
    assert export(request, root) == first
    assert hashlib.sha256(data.read_bytes()).hexdigest() == first.sha256


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 64 KiB: the system refuses the write as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("format_name", ["ndjson", "csv", "parquet"])
def test_a_full_disk_is_said_and_leaves_no_half_file(
    root: Path, checkpoints: dict[str, Checkpoint], format_name: str
) -> None:
    request = asked(checkpoints["valid"], n=100, format=format_name, explain=True)  # a part of 1.2 MB
    with pytest.raises(StorageFull):
        export(request, root)
    folder = root / artifacts.export_key(request.export_id)
    assert {path.name for path in folder.iterdir()} == {"request.json"}
    few = replace(request, users=tuple(f"user {row}" for row in range(13)))  # the part fits, of the file only Parquet
    if format_name != "parquet":
        with pytest.raises(StorageFull):
            export(few, root)
        assert {path.name for path in folder.iterdir()} == {"request.json", "part-000000.safetensors"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"export_id": ""}, "export_id"),
        ({"export_id": "../../etc"}, "export_id"),
        ({"export_id": str(uuid.uuid4()).upper()}, "export_id"),
        ({"key": "runs/x"}, "checkpoint.key"),
        ({"n": 0}, "n"),
        ({"n": 1001}, "n"),
        ({"format": "xml"}, "format"),
        ({"format": ""}, "format"),
        ({"users": ("a", "b", "a")}, "users"),
        ({"users": tuple(map(str, range(100_001)))}, "users"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_a_wrong_request_names_its_field(
    root: Path, checkpoints: dict[str, Checkpoint], changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        export(asked(checkpoints["popularity"], **changes), root)
    assert error.value.field == field


def test_a_checkpoint_that_is_not_there(root: Path, checkpoints: dict[str, Checkpoint]) -> None:
    gone = replace(checkpoints["popularity"], key=f"runs/{uuid.uuid4()}/epoch-00001")
    with pytest.raises(CheckpointMissing):
        export(asked(gone), root)


def test_reading_from_any_place_on(root: Path, checkpoints: dict[str, Checkpoint]) -> None:
    exported = export(asked(checkpoints["valid"], n=100, explain=True), root)
    whole = (root / exported.key / "data").read_bytes()
    for offset in (0, 1, 300_000, exported.bytes - 1, exported.bytes):
        assert b"".join(exporting.read(root, exported.key, offset)) == whole[offset:]

    def refused(key: str, offset: int = 0) -> ValenceError:
        with pytest.raises(ValenceError) as error:
            b"".join(exporting.read(root, key, offset))
        return error.value

    for offset in (-1, exported.bytes + 1):
        assert refused(exported.key, offset).field == "offset"
    for key in ("", "../x", f"runs/{uuid.uuid4()}", f"{exported.key}/data", f"{exported.key}/../{exported.key}"):
        assert (refused(key).code, refused(key).field) == ("invalid_request", "key")
    assert isinstance(refused(f"exports/{uuid.uuid4()}"), ExportGone)
    truncate(root / exported.key / "data")
    assert isinstance(refused(exported.key), ExportGone)
    (root / exported.key / "manifest.json").unlink()
    assert isinstance(refused(exported.key), ExportGone)
