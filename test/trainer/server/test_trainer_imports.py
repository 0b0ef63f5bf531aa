"""The real trainer process over real gRPC: uploads, imports and what they leave."""

import gzip
import hashlib
import itertools
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer.server.trainer_server import SPARE_THREADS, UPLOAD_SLOTS
from trainer_process import SECONDS, Server, Stub, children_of, refused, request, seconds_until, train, upload


def staged(root: Path) -> set[str]:
    return {path.name for path in (root / "uploads").glob("*")}


def test_the_sample_is_staged_as_an_upload_would_be(root: Path, stub: Stub) -> None:
    files = stub.StageSample(pb.StageSampleRequest(), timeout=SECONDS).files
    assert [(file.role, file.display_name) for file in files] == [
        ("interactions", "sample.inter"),
        ("items", "sample.item"),
    ]
    for file in files:
        content = (root / file.upload_key / "data").read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)


def test_an_upload_over_the_cap_or_cut_off_leaves_nothing(root: Path, stub: Stub) -> None:
    before = staged(root)
    kept = upload(stub, b"user,", b"item\n", b"")
    assert (root / kept.upload_key / "data").read_bytes() == b"user,item\n"
    assert kept.bytes == 10
    status, code, place, _ = refused(lambda: upload(stub, *[b"x" * 40_000] * 3))
    assert (status, code, place) == ("RESOURCE_EXHAUSTED", "upload_too_large", "file")

    cut_off = iter([pb.UploadFileRequest(chunk=b"half")])
    status, code, place, _ = refused(lambda: stub.UploadFile(cut_off, timeout=SECONDS))
    assert (status, code, place) == ("INVALID_ARGUMENT", "invalid_request", "last")

    sent = threading.Event()

    def endless() -> Iterator[pb.UploadFileRequest]:
        yield pb.UploadFileRequest(chunk=b"half")
        sent.set()
        time.sleep(SECONDS)

    call = stub.UploadFile.future(endless())
    assert sent.wait(SECONDS)
    seconds_until(lambda: len(staged(root) - before) == 2, 10)
    call.cancel()
    seconds_until(lambda: staged(root) - before == {kept.upload_key.split("/")[1]}, 10)


def imported(
    stub: Stub,
    text: str,
    rule: str = "{}",
    role: str = "interactions",
    digest: str | None = None,
    items: str | None = None,
) -> list[pb.ImportDatasetResponse]:
    texts = [(role, text, "ratings.csv"), *([("items", items, "items.csv")] if items else [])]
    files = [
        pb.DatasetFile(role=one, upload_key=upload(stub, content.encode()).upload_key, display_name=name)
        for one, content, name in texts
    ]
    message = pb.ImportDatasetRequest(
        dataset_id="d", files=files, rule_json=rule, digest=digest or uuid.uuid4().hex * 2
    )
    return list(stub.ImportDataset(message, timeout=SECONDS))


TABLE = "user,item\n" + "".join(f"u{n % 9},i{n % 13}\n" for n in range(117))


def test_an_import_ends_with_statistics_and_can_be_trained_on(root: Path, stub: Stub) -> None:
    finished = imported(stub, TABLE)[-1].finished
    assert (finished.statistics.users, finished.statistics.items, finished.statistics.interactions) == (9, 13, 117)
    assert (root / finished.dataset_key / "manifest.json").exists()
    assert len(finished.split_digest) == 64
    answers = train(stub, request("{}", model="popularity", dataset_key=finished.dataset_key))
    assert answers[-1].finished.reason == "closed_form"


def test_a_preview_shows_columns_and_rows_and_keeps_nothing(root: Path, stub: Stub) -> None:
    before = set(root.rglob("*"))
    file = pb.PreviewFile(role="", display_name="ratings.csv", head=TABLE.encode() + b",i1\n", is_whole=True)
    answer = stub.PreviewDataset(pb.PreviewDatasetRequest(files=[file]), timeout=SECONDS)
    [table] = answer.tables
    assert (table.role, table.format, table.separator, table.header) == ("interactions", "csv", ",", True)
    assert [(column.name, column.role) for column in table.columns] == [("user", "user"), ("item", "item")]
    assert list(table.rows[0].cells) == ["u0", "i0"]
    assert [(one.code, one.line) for one in answer.problems] == [("empty_id", 119)]
    assert set(root.rglob("*")) == before
    with pytest.raises(grpc.RpcError, match="65536"):
        stub.PreviewDataset(pb.PreviewDatasetRequest(files=[pb.PreviewFile(head=b"x" * 65_537)]), timeout=SECONDS)
    with pytest.raises(grpc.RpcError, match=r"rule\.columns"):
        stub.PreviewDataset(
            pb.PreviewDatasetRequest(files=[file], rule_json='{"columns": {"who": 1}}'), timeout=SECONDS
        )


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text('{"files": {}}'),
        lambda folder: (folder / "ids.arrow").write_bytes(b"x" * (folder / "ids.arrow").stat().st_size),
        lambda folder: (folder / "interactions.safetensors").unlink(),
        lambda folder: (folder / "tags.arrow").unlink(),
        lambda folder: (folder / "tags.arrow").write_bytes(b"x" * (folder / "tags.arrow").stat().st_size),
        shutil.rmtree,
    ],
)
def test_a_damaged_dataset_is_found_and_imported_again(root: Path, stub: Stub, harm: Callable[[Path], None]) -> None:
    digest = uuid.uuid4().hex * 2
    items = "item,tags\ni1,Jazz|Live\ni2,jazz\n"
    first = imported(stub, TABLE, digest=digest, items=items)[-1].finished
    assert (first.statistics.tagged_items, first.statistics.tags) == (2, 2)
    check = pb.CheckDatasetRequest(dataset_key=first.dataset_key)
    assert stub.CheckDataset(check, timeout=SECONDS).is_whole
    harm(root / first.dataset_key)
    assert not stub.CheckDataset(check, timeout=SECONDS).is_whole
    assert imported(stub, TABLE, digest=digest, items=items)[-1].finished == first
    assert stub.CheckDataset(check, timeout=SECONDS).is_whole


def test_slow_uploads_leave_room_for_other_calls(stub: Stub) -> None:
    stop = threading.Event()

    def slow() -> Iterator[pb.UploadFileRequest]:
        yield pb.UploadFileRequest(chunk=b"half")
        stop.wait(SECONDS)

    calls = [stub.UploadFile.future(slow()) for _ in range(UPLOAD_SLOTS + SPARE_THREADS)]
    try:
        seconds_until(lambda: sum(call.done() for call in calls) == SPARE_THREADS, 10)
        codes = {dict(call.trailing_metadata())["valence-code"] for call in calls if call.done()}
        assert codes == {"busy"}
        assert stub.ListModels(pb.ListModelsRequest(), timeout=5).models
    finally:
        for call in calls:
            call.cancel()
        stop.set()

    def upload_is_taken() -> bool:
        try:
            return upload(stub, b"whole").bytes == 5
        except grpc.RpcError:
            return False

    seconds_until(upload_is_taken, 10)


def test_problems_of_an_import_arrive_with_their_lines(stub: Stub) -> None:
    key = upload(stub, (TABLE + ",i1\nu1\n").encode()).upload_key
    file = pb.DatasetFile(role="interactions", upload_key=key, display_name="ratings.csv")
    stream = stub.ImportDataset(pb.ImportDatasetRequest(files=[file], rule_json="{}", digest="1" * 64), timeout=SECONDS)
    problems = []

    def read() -> None:
        found = (answer.problem for answer in stream if answer.WhichOneof("event") == "problem")
        problems.extend((problem.code, problem.file, problem.line) for problem in found)

    status, code, _, message = refused(read)
    assert (status, code) == ("FAILED_PRECONDITION", "bad_rows")
    assert "2 of 119 rows" in message
    assert sorted(problems) == [("empty_id", "ratings.csv", 119), ("ragged_row", "ratings.csv", 120)]


def rows_of(stub: Stub, data: bytes, rule: str = "{}", skip: int = 0) -> Any:
    key = upload(stub, data).upload_key
    file = pb.DatasetFile(role="interactions", upload_key=key, display_name="sales.csv")
    latest = 1_900_000_000_000
    asked = pb.ReadRowsRequest(import_id="f", files=[file], rule_json=rule, latest_ms=latest, skip=skip)
    return stub.ReadRows(asked, timeout=SECONDS)


TIMED = "user,item,rating,timestamp\n" + "".join(f"u{n},i{n % 13},{n % 5},{1767225600 + n}\n" for n in range(2_100))


def test_rows_for_a_feed_come_after_a_check_of_all_of_them(root: Path, stub: Stub) -> None:
    # How far it is comes by the clock.
    answers = [one for one in rows_of(stub, TIMED.encode(), skip=99) if one.WhichOneof("event") != "progress"]
    kinds = [answer.WhichOneof("event") for answer in answers]
    assert kinds[kinds.index("checked") :] == ["checked", "interactions", "interactions"]
    checked, rows, rest = (getattr(answer, answer.WhichOneof("event")) for answer in answers[-3:])
    assert (checked.interactions, checked.items, checked.bad) == (2_100, 0, 0)
    assert (rows.users[0], rows.items[0], rows.at_ms[0], rows.values[0]) == ("u99", "i8", 1767225699000, 4.0)
    assert (len(rows.users), len(rest.values), rest.users[-1]) == (2_000, 1, "u2099")
    assert not list(root.glob(".tmp-*"))
    broken = f"{TIMED},i1,3,1767225600\n".encode()
    assert refused(lambda: list(rows_of(stub, broken)))[:2] == ("FAILED_PRECONDITION", "bad_rows")
    assert refused(lambda: list(rows_of(stub, TIMED.encode(), '{"kCore": 2}')))[1] == "invalid_request"
    assert refused(lambda: list(rows_of(stub, TIMED.encode(), skip=-1)))[1:3] == ("invalid_request", "skip")


def test_rows_are_read_no_faster_than_they_are_taken(server: Server, stub: Stub) -> None:
    data = gzip.compress(("user,item,timestamp\n" + "u,i,1767225600\n" * 500_000).encode())
    stream = rows_of(stub, data)
    next(answer for answer in stream if answer.WhichOneof("event") == "interactions")
    [child] = children_of(server[0])

    def stands_still() -> bool:
        before = child.cpu_times().user
        time.sleep(0.5)
        return child.cpu_times().user - before < 0.02

    seconds_until(stands_still, 30)
    assert child.is_running()
    taken = [len(answer.interactions.users) for answer in itertools.islice(stream, 100)]
    assert len(taken) == 100
    assert max(taken) == 2_000
    stream.cancel()
    seconds_until(lambda: not children_of(server[0]), 10)


def test_wrong_imports_are_refused_with_their_field(stub: Stub) -> None:
    assert refused(lambda: imported(stub, TABLE, '{"kCore": 0}'))[1:3] == ("invalid_request", "rule.kCore")
    assert refused(lambda: imported(stub, TABLE, '{"columns": {"user": "日本"}}'))[1] == "missing_column"
    assert refused(lambda: imported(stub, TABLE, '{"日本": 1}'))[1] == "invalid_request"
    assert refused(lambda: imported(stub, TABLE, role="train"))[1] == "missing_file"
    assert refused(lambda: imported(stub, TABLE, role="nonsense"))[1] == "invalid_request"
    for key, code in ((f"uploads/{uuid.uuid4()}", "upload_missing"), ("../../etc/passwd", "invalid_request")):
        file = pb.DatasetFile(role="interactions", upload_key=key)
        message = pb.ImportDatasetRequest(files=[file], digest="2" * 64)
        assert refused(lambda message=message: list(stub.ImportDataset(message, timeout=SECONDS)))[1] == code


def test_staged_files_that_are_gone_are_named(stub: Stub) -> None:
    there, gone = upload(stub, TABLE.encode()).upload_key, f"uploads/{uuid.uuid4()}"
    asked = pb.CheckUploadsRequest(upload_keys=[there, gone])
    assert list(stub.CheckUploads(asked, timeout=SECONDS).missing_keys) == [gone]
    trick = pb.CheckUploadsRequest(upload_keys=["../../etc/passwd"])
    assert refused(lambda: stub.CheckUploads(trick, timeout=SECONDS))[1] == "invalid_request"
