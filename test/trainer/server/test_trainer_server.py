"""The real trainer process over real gRPC: what each call answers, and what is left when something dies."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

import trainer
from trainer.data import dataset
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer.pb.trainer.v1 import trainer_pb2_grpc
from trainer.server.trainer_server import DOWNLOAD_SLOTS, SPARE_THREADS, UPLOAD_SLOTS

DIGEST = "ab" * 32
SECONDS = 60
SHORT = '{"epochs": 2, "k": 2, "embedding_size": 8, "encoder_size": 8}'
ENDLESS = '{"epochs": 10000, "patience": 10000, "k": 2, "embedding_size": 8, "encoder_size": 8, "train_batch_size": 1}'
HANG_SCALE = 5  # 120 s become 24 s, still more than a child needs to start on a busy machine
UPLOAD_CAP = 100_000

Stub = trainer_pb2_grpc.TrainerServiceStub


def save_dataset(folder: Path) -> None:
    part_of = np.random.default_rng(4).choice(4, (40, 120), p=[0.8, 0.14, 0.03, 0.03])
    part_of[:, 0] = 1
    dataset.save(
        folder,
        DIGEST,
        {name: csr_matrix(part_of == part, dtype=np.float32) for part, name in enumerate(dataset.PARTS, start=1)},
        IdMap(pa.array([f"user {row}" for row in range(40)])),
        IdMap(pa.array([f"item {column}" for column in range(120)])),
        [""] * 120,
        Tags.none(120),
        rule={},
        statistics={},
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(root: Path, port: int, **extra: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(trainer.__file__).parents[1]),
        "VALENCE_ARTIFACTS": str(root),
        "MAX_UPLOAD_BYTES": str(UPLOAD_CAP),
        "TRAINER_LISTEN": f"127.0.0.1:{port}",
        "TRAINER_SLOTS": "1",
        "TRAINER_THREADS": "1",
        "TIMING_SCALE": str(HANG_SCALE),
        "EXIT_WITH_STDIN": "1",
        **extra,
    }
    command = [sys.executable, "-m", "trainer", "serve"]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


@contextmanager
def serving(root: Path, **extra: str) -> Iterator[tuple[subprocess.Popen[bytes], Stub]]:
    port = free_port()
    with start(root, port, **extra) as process:
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(SECONDS)
                yield process, Stub(channel)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    save_dataset(folder)
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[tuple[subprocess.Popen[bytes], Stub]]:
    with serving(root) as started:
        yield started


@pytest.fixture
def stub(server: tuple[subprocess.Popen[bytes], Stub]) -> Iterator[Stub]:
    process, stub = server
    yield stub
    for child in children_of(process):  # a test that failed must not take the next one's slot
        child.kill()


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and " ".join(child.cmdline()).startswith("trainer.child ")
    ]


def seconds_until(condition: Callable[[], bool], most: float) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < most, f"not within {most} s"
        time.sleep(0.05)
    return time.monotonic() - started


def request(config: str = SHORT, **values: Any) -> pb.TrainRequest:
    return pb.TrainRequest(
        **{
            "run_id": str(uuid.uuid4()),
            "lease": 1,
            "model": "valid",
            "config_json": config,
            "dataset_key": dataset.key_of(DIGEST),
            "seed": 1,
            "protocol": pb.Protocol(mask_test="train", cutoffs=[20]),
            **values,
        }
    )


def train(stub: Stub, message: pb.TrainRequest) -> list[pb.TrainResponse]:
    return list(stub.Train(message, timeout=SECONDS))


def until_epoch(stream: Any, number: int = 1) -> pb.TrainEpoch:
    for answer in stream:
        if answer.WhichOneof("event") == "epoch" and answer.epoch.epoch >= number:
            return answer.epoch
    raise AssertionError("the stream ended before that epoch")


def refused(call: Callable[[], Any]) -> tuple[str, str, str, str]:
    """gRPC status, valence-code, valence-field and the sentence of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    metadata = dict(caught.value.trailing_metadata() or ())
    code, place = metadata.get("valence-code", ""), metadata.get("valence-field", "")
    return caught.value.code().name, code, place, caught.value.details()


def upload(stub: Stub, *chunks: bytes) -> pb.UploadFileResponse:
    messages = [*(pb.UploadFileRequest(chunk=chunk) for chunk in chunks), pb.UploadFileRequest(last=True)]
    return stub.UploadFile(iter(messages), timeout=SECONDS)


def staged(root: Path) -> set[str]:
    return {path.name for path in (root / "uploads").glob("*")}


def test_the_catalogue(stub: Stub) -> None:
    answer = stub.ListModels(pb.ListModelsRequest(), timeout=SECONDS)
    models = {model.name: model for model in answer.models}
    assert {"valid", "macridvae", "popularity", "ease", "itemknn"} <= models.keys()
    assert set(models["valid"].capabilities) == {"fold_in", "interests", "similar"}
    assert '"embedding_size"' in models["valid"].config_schema_json
    assert answer.torch_version
    assert answer.device


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


def test_a_run_goes_from_start_to_test_metrics_and_is_evaluated(stub: Stub) -> None:
    started, *answers = [
        answer for answer in train(stub, request()) if answer.WhichOneof("event") not in ("log", "heartbeat")
    ]
    assert (started.started.max_epochs, started.started.resumed_epoch) == (2, 0)
    assert [answer.epoch.epoch for answer in answers[:-1]] == [1, 2]
    finished = answers[-1].finished
    assert finished.reason == "max_epochs"
    measured = {metric.name: metric.value for metric in finished.metrics}
    assert set(measured) == {"recall@20", "ndcg@20", "uniformity"}
    assert -5 < measured.pop("uniformity") < 0
    best = pb.CheckpointRef(key=finished.best.key, sha256=finished.best.sha256)
    message = pb.EvaluateRequest(
        checkpoint=best, split="test", protocol=pb.Protocol(mask_test="train", cutoffs=[20, 5])
    )
    evaluated = list(stub.Evaluate(message, timeout=SECONDS))[-1].finished
    values = {metric.name: metric.value for metric in evaluated.metrics}
    assert measured.items() <= values.items()
    assert "recall@5" in values
    message.split = "train"
    assert refused(lambda: list(stub.Evaluate(message, timeout=SECONDS)))[1:3] == ("invalid_request", "split")


@pytest.mark.parametrize(
    ("changes", "status", "code", "place"),
    [
        ({"config_json": '{"k": 0}'}, "INVALID_ARGUMENT", "bad_configuration", "k"),
        ({"config_json": "{"}, "INVALID_ARGUMENT", "bad_configuration", ""),
        ({"model": "oracle"}, "NOT_FOUND", "unknown_model", "model"),
        ({"dataset_key": f"datasets/{'0' * 64}"}, "NOT_FOUND", "dataset_missing", "dataset_key"),
        ({"dataset_key": "../secrets"}, "INVALID_ARGUMENT", "invalid_request", "dataset_key"),
        ({"run_id": "../../x"}, "INVALID_ARGUMENT", "invalid_request", "run_id"),
        ({"seed": -1}, "INVALID_ARGUMENT", "invalid_request", "seed"),
        ({"protocol": pb.Protocol(mask_test="train")}, "INVALID_ARGUMENT", "invalid_request", "protocol.cutoffs"),
        ({"device": "abacus"}, "INVALID_ARGUMENT", "invalid_request", "device"),
        ({"refit": pb.Refit(of="../x", epoch=1)}, "INVALID_ARGUMENT", "invalid_request", "refit.of"),
        ({"refit": pb.Refit(of=str(uuid.UUID(int=1)))}, "INVALID_ARGUMENT", "invalid_request", "refit.epoch"),
        (
            {"refit": pb.Refit(of=str(uuid.UUID(int=1)), epoch=1, steps=-1)},
            "INVALID_ARGUMENT",
            "invalid_request",
            "refit.steps",
        ),
    ],
)
def test_wrong_requests_are_refused_with_code_and_field(
    stub: Stub, changes: dict[str, Any], status: str, code: str, place: str
) -> None:
    assert refused(lambda: train(stub, request(**changes)))[:3] == (status, code, place)


def test_a_refit_takes_the_steps_that_an_epoch_had_told_and_ends_without_metrics(stub: Stub) -> None:
    message = request()
    told = [answer.epoch for answer in train(stub, message) if answer.WhichOneof("event") == "epoch"]
    assert [epoch.steps for epoch in told] == [told[0].steps * epoch.epoch for epoch in told]
    answers = train(stub, request(refit=pb.Refit(of=message.run_id, epoch=2, steps=told[1].steps)))
    epochs = [answer.epoch for answer in answers if answer.WhichOneof("event") == "epoch"]
    assert epochs[-1].steps == told[1].steps
    assert {metric.split for epoch in epochs for metric in epoch.metrics} == {"train"}
    finished = answers[-1].finished
    assert (finished.reason, len(finished.metrics), finished.best.epoch) == ("steps", 0, epochs[-1].epoch)


def test_a_damaged_or_missing_checkpoint_is_not_resumed_from(root: Path, stub: Stub) -> None:
    message = request()
    last = [answer.epoch.checkpoint for answer in train(stub, message) if answer.WhichOneof("event") == "epoch"][-1]
    weights = root / last.key / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    message.resume_from.CopyFrom(pb.CheckpointRef(key=last.key, sha256=last.sha256))
    assert refused(lambda: train(stub, message))[:2] == ("DATA_LOSS", "checkpoint_corrupt")
    message.resume_from.key = last.key.replace("epoch-00002", "epoch-00009")
    assert refused(lambda: train(stub, message))[:2] == ("NOT_FOUND", "checkpoint_missing")


def test_cancel_ends_the_child_within_five_seconds(server: tuple[subprocess.Popen[bytes], Stub], stub: Stub) -> None:
    stream = stub.Train(request(ENDLESS))
    until_epoch(stream)
    assert len(children_of(server[0])) == 1
    stream.cancel()
    seconds_until(lambda: not children_of(server[0]), 5)
    assert train(stub, request())[-1].HasField("finished")  # the slot is free again


def test_the_higher_lease_takes_over_and_the_lower_is_refused(
    server: tuple[subprocess.Popen[bytes], Stub], stub: Stub
) -> None:
    message = request(ENDLESS, lease=3)
    first = stub.Train(message)
    until_epoch(first)
    message.lease = 2
    assert refused(lambda: train(stub, message))[:2] == ("FAILED_PRECONDITION", "stale_lease")
    message.lease = 3
    assert refused(lambda: train(stub, message))[:2] == ("FAILED_PRECONDITION", "stale_lease")
    message.lease = 4
    second = stub.Train(message)
    assert refused(lambda: list(first))[:2] == ("FAILED_PRECONDITION", "stale_lease")
    until_epoch(second)
    assert len(children_of(server[0])) == 1
    second.cancel()
    seconds_until(lambda: not children_of(server[0]), 5)
    message.lease = 3
    assert refused(lambda: train(stub, message))[:2] == ("FAILED_PRECONDITION", "stale_lease")


def test_a_taken_slot_and_a_killed_child_are_said(server: tuple[subprocess.Popen[bytes], Stub], stub: Stub) -> None:
    stream = stub.Train(request(ENDLESS))
    until_epoch(stream)
    assert refused(lambda: train(stub, request()))[:2] == ("UNAVAILABLE", "no_free_slot")
    (child,) = children_of(server[0])
    os.kill(child.pid, signal.SIGKILL)
    status, code, _, message = refused(lambda: list(stream))
    assert (status, code) == ("UNAVAILABLE", "trainer_crashed")
    assert "SIGKILL" in message


def test_a_stopped_child_is_found_and_gone(server: tuple[subprocess.Popen[bytes], Stub], stub: Stub) -> None:
    stream = stub.Train(request(ENDLESS))
    until_epoch(stream)
    (child,) = children_of(server[0])
    os.kill(child.pid, signal.SIGSTOP)
    assert refused(lambda: list(stream))[:2] == ("UNAVAILABLE", "trainer_hung")
    seconds_until(lambda: not children_of(server[0]), 5)


@pytest.fixture(scope="module")
def best(server: tuple[subprocess.Popen[bytes], Stub]) -> pb.CheckpointRef:
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


def test_an_export_that_is_killed_cancelled_or_taken_over(
    server: tuple[subprocess.Popen[bytes], Stub], stub: Stub, best: pb.CheckpointRef
) -> None:
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


def test_artifacts_are_deleted_by_key_only(root: Path, stub: Stub) -> None:
    message = request('{"epochs": 4, "k": 1, "embedding_size": 4, "encoder_size": 4}')
    train(stub, message)
    run = root / "runs" / message.run_id
    prune = pb.PruneCheckpointsRequest(run_id=message.run_id, last_epoch=4, best_epoch=2)
    before = sorted(run.iterdir())
    assert stub.PruneCheckpoints(prune, timeout=SECONDS).deleted == 0  # as a worker of an earlier version asks
    assert sorted(run.iterdir()) == before
    tricks = pb.DeleteArtifactsRequest(keys=[f"runs/{message.run_id}", f"runs/{message.run_id}/../../datasets"])
    assert refused(lambda: stub.DeleteArtifacts(tricks, timeout=SECONDS))[1] == "invalid_request"
    assert run.exists()  # nothing is deleted when one key is wrong
    keys = pb.DeleteArtifactsRequest(keys=[f"runs/{message.run_id}", f"uploads/{uuid.uuid4()}"])
    assert stub.DeleteArtifacts(keys, timeout=SECONDS).deleted == 1
    assert not run.exists()


def test_sigterm_while_training_leaves_no_process(root: Path) -> None:
    (root / ".tmp-left").mkdir()
    with serving(root) as (process, stub):
        assert not (root / ".tmp-left").exists()  # the start has swept
        stream = stub.Train(request(ENDLESS))
        until_epoch(stream)
        (child,) = children_of(process)
        process.send_signal(signal.SIGTERM)
        assert refused(lambda: list(stream))[:2] == ("UNAVAILABLE", "stopping")
        assert process.wait(5) == 0
        assert not child.is_running()


def test_a_killed_server_leaves_no_process_and_the_end_of_stdin_ends_it(root: Path) -> None:
    with serving(root) as (process, stub):
        stream = stub.Train(request(ENDLESS))
        until_epoch(stream)
        (child,) = children_of(process)
        process.kill()
        seconds_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 5)
    with serving(root) as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(5) == 0
    with serving(root, PYTHONUNBUFFERED="") as (process, _):  # an orphan: nobody reads what it says, either
        assert process.stdin is not None
        assert process.stderr is not None
        process.stderr.close()
        process.stdin.close()
        assert process.wait(5) == 0


def test_a_taken_port_and_a_bad_setting_are_said(server: tuple[subprocess.Popen[bytes], Stub], root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with start(root, taken.getsockname()[1]) as process:
            assert process.stderr is not None
            assert b"the port is taken" in process.stderr.read()
            assert process.wait(10) == 1
    with start(root, 0, TRAINER_SLOTS="0") as process:
        assert process.stderr is not None
        assert b"TRAINER_SLOTS must be" in process.stderr.read()
        assert process.wait(10) == 2
