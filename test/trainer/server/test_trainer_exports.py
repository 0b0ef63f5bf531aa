"""The real trainer process over real gRPC: exports, and how they are read."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import grpc
import pytest

from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer.server.trainer_server import DOWNLOAD_SLOTS
from trainer_process import SECONDS, Server, Stub, children_of, refused, request, seconds_until, train


@pytest.fixture(scope="module")
def best(server: Server) -> pb.CheckpointRef:
    finished = train(server[1], request("{}", model="popularity"))[-1].finished
    return pb.CheckpointRef(key=finished.best.key, sha256=finished.best.sha256)


def export_of(best: pb.CheckpointRef, **values: Any) -> pb.ExportRequest:
    given = {"export_id": str(uuid.uuid4()), "lease": 1, "checkpoint": best, "n": 3, "format": "ndjson", **values}
    return pb.ExportRequest(**given)


def export(stub: Stub, message: pb.ExportRequest) -> pb.ExportFinished:
    return list(stub.Export(message, timeout=SECONDS))[-1].finished


def read(stub: Stub, key: str, offset: int = 0) -> bytes:
    answers = stub.ReadExport(pb.ReadExportRequest(key=key, offset=offset), timeout=SECONDS)
    return b"".join(answer.chunk for answer in answers)


def test_an_export_is_read_from_any_place_and_deleted(root: Path, stub: Stub, best: pb.CheckpointRef) -> None:
    # More than a message may hold elsewhere: 100,000 ids.
    users = ["user 7", *(f"nobody {number} {'x' * 100}" for number in range(99_998)), "user 0"]
    message = export_of(best, users=users, hidden=["item 5"], explain=True)
    finished = export(stub, message)
    assert (finished.key, finished.rows, finished.users) == (f"exports/{message.export_id}", 2, 2)
    assert finished.unknown_users == 99_998
    whole = read(stub, finished.key)
    assert hashlib.sha256(whole).hexdigest() == finished.sha256
    assert len(whole) == finished.bytes
    first, second = (json.loads(line) for line in whole.splitlines())
    assert (first["user"], second["user"], len(first["items"])) == ("user 7", "user 0", 3)
    assert read(stub, finished.key, 10) == whole[10:]
    assert export(stub, message) == finished  # a claim that comes after the end
    assert refused(lambda: read(stub, finished.key, -1))[1:3] == ("invalid_request", "offset")
    assert stub.DeleteArtifacts(pb.DeleteArtifactsRequest(keys=[finished.key]), timeout=SECONDS).deleted == 1
    assert refused(lambda: read(stub, finished.key))[:2] == ("NOT_FOUND", "export_gone")
    assert refused(lambda: read(stub, "exports/../x"))[1:3] == ("invalid_request", "key")


def test_an_export_leaves_out_who_was_erased(stub: Stub, best: pb.CheckpointRef) -> None:
    salt = b"\x00salt"
    digests = [hashlib.sha256(salt + user.encode()).digest() for user in ("user 7", "nobody")]
    other = pb.ErasedPeople(salt=b"other", digests=[hashlib.sha256(salt + b"user 0").digest()])
    erased = [pb.ErasedPeople(salt=salt, digests=digests), other]
    message = export_of(best, n=1)
    before = [json.loads(line)["user"] for line in read(stub, export(stub, message).key).splitlines()]
    # Another request, though of the same id: what an attempt has left is not taken.
    message.erased.extend(erased)
    after = [json.loads(line)["user"] for line in read(stub, export(stub, message).key).splitlines()]
    assert after == [user for user in before if user != "user 7"]
    assert len(after) == len(before) - 1
    named = export(stub, export_of(best, users=["user 7", "user 0"], erased=erased))
    assert (named.users, named.unknown_users) == (1, 1)
    assert export(stub, export_of(best, users=["user 7"], erased=erased)).users == 0


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"export_id": "../x"}, "export_id"),
        ({"checkpoint": pb.CheckpointRef(key="../x")}, "checkpoint.key"),
        ({"checkpoint": None}, "checkpoint.key"),
        ({"n": 0}, "n"),
        ({"n": 1001}, "n"),
        ({"format": "xml"}, "format"),
        ({"users": ["a", "a"]}, "users"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_a_wrong_export_is_refused_with_its_field(
    stub: Stub, best: pb.CheckpointRef, changes: dict[str, Any], place: str
) -> None:
    message = export_of(best, **changes)
    assert refused(lambda: export(stub, message))[:3] == ("INVALID_ARGUMENT", "invalid_request", place)


def test_an_export_that_is_killed_cancelled_or_taken_over(server: Server, stub: Stub, best: pb.CheckpointRef) -> None:
    message = export_of(best, lease=0)

    def begun() -> Any:
        """A newer claim of the same export, held at work: it would be done in a moment."""
        message.lease += 1
        stream = stub.Export(message)
        seconds_until(lambda: len(children_of(server[0])) == 1, 20)
        children_of(server[0])[0].suspend()
        return stream

    stream = begun()
    assert refused(lambda: export(stub, export_of(best)))[:2] == ("UNAVAILABLE", "no_free_slot")
    children_of(server[0])[0].kill()
    assert refused(lambda: list(stream))[:2] == ("UNAVAILABLE", "trainer_crashed")
    begun().cancel()
    seconds_until(lambda: not children_of(server[0]), 5)
    stream = begun()
    message.lease += 1
    assert export(stub, message).rows == 40
    assert refused(lambda: list(stream))[:2] == ("FAILED_PRECONDITION", "stale_lease")
    message.lease -= 1
    assert refused(lambda: export(stub, message))[:2] == ("FAILED_PRECONDITION", "stale_lease")


def test_slow_downloads_leave_room_for_other_calls(root: Path, stub: Stub) -> None:
    key, size = f"exports/{uuid.uuid4()}", 64 << 20  # more than the windows of a call hold
    (root / key).mkdir(parents=True)
    (root / key / "data").write_bytes(bytes(size))
    (root / key / "manifest.json").write_text(json.dumps({"bytes": size}))
    calls = [stub.ReadExport(pb.ReadExportRequest(key=key)) for _ in range(DOWNLOAD_SLOTS)]
    for call in calls:
        assert next(call).chunk
    assert refused(lambda: read(stub, key))[:2] == ("UNAVAILABLE", "busy")
    assert stub.ListModels(pb.ListModelsRequest(), timeout=5).models
    for call in calls:
        call.cancel()

    def is_given() -> bool:
        try:
            return len(read(stub, key)) == size
        except grpc.RpcError:
            return False

    seconds_until(is_given, 20)
