"""The real trainer process over real gRPC: what runs answer, and what is left when something dies."""

import os
import signal
import socket
import uuid
from pathlib import Path
from typing import Any

import psutil
import pytest

from trainer.errors import InvalidRequest
from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer.server import trainer_messages as messages
from trainer.server import trainer_server
from trainer_process import (
    ENDLESS,
    SECONDS,
    Server,
    Stub,
    children_of,
    refused,
    request,
    seconds_until,
    serving,
    start,
    train,
    until_epoch,
)


def test_how_many_processes_a_run_has_is_one_unless_it_says_so() -> None:
    asked = [messages.training(request(processes=number))["processes"] for number in (0, 1, 2)]
    assert asked == [1, 1, 2]
    with pytest.raises(InvalidRequest, match="from 1 to 16") as caught:
        messages.training(request(processes=17))
    assert caught.value.field == "processes"


def test_a_run_of_two_processes_is_told_as_any_other_and_leaves_none(server: Server, stub: Stub) -> None:
    told = [answer.WhichOneof("event") for answer in train(stub, request(processes=2))]
    assert [event for event in told if event != "heartbeat"] == ["started", "epoch", "epoch", "finished"]
    seconds_until(lambda: not children_of(server[0]), 10)


def test_the_catalogue(stub: Stub) -> None:
    answer = stub.ListModels(pb.ListModelsRequest(), timeout=SECONDS)
    models = {model.name: model for model in answer.models}
    assert {"valid", "macridvae", "popularity", "ease", "itemknn"} <= models.keys()
    assert set(models["valid"].capabilities) == {"fold_in", "interests", "similar", "data_parallel"}
    assert '"embedding_size"' in models["valid"].config_schema_json
    assert answer.torch_version
    assert answer.device


def test_what_the_machine_has(stub: Stub) -> None:
    answer = stub.DescribeMachine(pb.DescribeMachineRequest(), timeout=SECONDS)
    processors = answer.devices[0]
    assert (processors.kind, processors.memory_bytes) == ("cpu", answer.memory_bytes)
    assert processors.name
    assert 1 << 28 < answer.memory_bytes <= psutil.virtual_memory().total + (1 << 30)
    assert answer.slots >= 1
    assert answer.torch_version
    assert answer.python_version.startswith("3.")
    assert answer.code_version


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
        evaluation_id=str(uuid.uuid4()),
        checkpoint=best,
        split="test",
        protocol=pb.Protocol(mask_test="train", cutoffs=[20, 5]),
    )
    evaluated = list(stub.Evaluate(message, timeout=SECONDS))[-1].finished
    values = {metric.name: metric.value for metric in evaluated.metrics}
    assert measured.items() <= values.items()
    assert "recall@5" in values
    assert (evaluated.values.key, evaluated.values.users) == (f"values/{message.evaluation_id}", evaluated.users)
    message.dataset_key = request().dataset_key
    by_ids = list(stub.Evaluate(message, timeout=SECONDS))[-1].finished
    assert (by_ids.users, by_ids.learnt_from, by_ids.unknown_items) == (evaluated.users, 0, 0)
    message.dataset_key = f"datasets/{'0' * 64}"
    assert refused(lambda: list(stub.Evaluate(message, timeout=SECONDS)))[:3] == (
        "NOT_FOUND", "dataset_missing", "dataset_key",
    )  # fmt: skip
    message.split = "train"
    assert refused(lambda: list(stub.Evaluate(message, timeout=SECONDS)))[1:3] == ("invalid_request", "split")
    message.evaluation_id = ""
    assert refused(lambda: list(stub.Evaluate(message, timeout=SECONDS)))[1:3] == ("invalid_request", "evaluation_id")


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
        (
            {"protocol": pb.Protocol(mask_test="train", cutoffs=[5], metrics=["recall", "auc"])},
            "INVALID_ARGUMENT",
            "invalid_request",
            "protocol.metrics",
        ),
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


def test_cancel_ends_the_child_within_five_seconds(server: Server, stub: Stub) -> None:
    stream = stub.Train(request(ENDLESS))
    until_epoch(stream)
    assert len(children_of(server[0])) == 1
    stream.cancel()
    seconds_until(lambda: not children_of(server[0]), 5)
    assert train(stub, request())[-1].HasField("finished")  # the slot is free again


def test_the_higher_lease_takes_over_and_the_lower_is_refused(server: Server, stub: Stub) -> None:
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


def test_a_taken_slot_and_a_killed_child_are_said(server: Server, stub: Stub) -> None:
    stream = stub.Train(request(ENDLESS))
    until_epoch(stream)
    assert refused(lambda: train(stub, request()))[:2] == ("UNAVAILABLE", "no_free_slot")
    (child,) = children_of(server[0])
    os.kill(child.pid, signal.SIGKILL)
    status, code, _, message = refused(lambda: list(stream))
    assert (status, code) == ("UNAVAILABLE", "trainer_crashed")
    assert "SIGKILL" in message


def test_a_stopped_child_is_found_and_gone(server: Server, stub: Stub) -> None:
    stream = stub.Train(request(ENDLESS))
    until_epoch(stream)
    (child,) = children_of(server[0])
    os.kill(child.pid, signal.SIGSTOP)
    assert refused(lambda: list(stream))[:2] == ("UNAVAILABLE", "trainer_hung")
    seconds_until(lambda: not children_of(server[0]), 5)


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
    values = root / "values" / message.run_id
    assert values.exists()
    keys = pb.DeleteArtifactsRequest(keys=[f"{one}/{message.run_id}" for one in ("runs", "values", "uploads")])
    assert stub.DeleteArtifacts(keys, timeout=SECONDS).deleted == 2
    assert not run.exists()
    assert not values.exists()


def test_values_are_not_deleted_while_their_run_may_write_them(stub: Stub) -> None:
    message = request(ENDLESS)
    stream = stub.Train(message)
    until_epoch(stream)
    asked = pb.DeleteArtifactsRequest(keys=[f"values/{message.run_id}"])
    assert refused(lambda: stub.DeleteArtifacts(asked, timeout=SECONDS))[:2] == ("UNAVAILABLE", "busy")
    stream.cancel()
    assert stub.DeleteArtifacts(asked, timeout=SECONDS).deleted == 0


def test_sigterm_while_training_leaves_no_process(root: Path) -> None:
    of_a_dead_writer, of_another_host = (f".tmp-{name * 16}-1-{'0' * 32}-left" for name in "01")
    for name in (of_a_dead_writer, of_another_host):
        (root / name).mkdir()
    (root / ".writers").mkdir(exist_ok=True)
    (root / ".writers" / ("0" * 16)).touch()
    with serving(root) as (process, stub):
        assert not (root / of_a_dead_writer).exists()  # the start has swept
        assert (root / of_another_host).exists()
        (root / of_another_host).rmdir()
        stream = stub.Train(request(ENDLESS))
        until_epoch(stream)
        below = psutil.Process(process.pid).children(recursive=True)
        own = [one for one in below if one.cmdline()[0].startswith("trainer")]
        assert len(own) == 2  # the child, and what it is forked from
        process.send_signal(signal.SIGTERM)
        assert refused(lambda: list(stream))[:2] == ("UNAVAILABLE", "stopping")
        assert process.wait(5) == 0
        assert not any(one.is_running() for one in own)


def test_a_killed_server_leaves_no_process_and_the_end_of_stdin_ends_it(root: Path) -> None:
    with serving(root) as (process, stub):
        stream = stub.Train(request(ENDLESS))
        until_epoch(stream)
        (child,) = children_of(process)
        process.kill()
        seconds_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 5)
    # The server of the other tests ends in the same way, with somebody who reads.
    with serving(root, PYTHONUNBUFFERED="") as (process, _):  # an orphan: nobody reads what it says, either
        assert process.stdin is not None
        assert process.stderr is not None
        process.stderr.close()
        process.stdin.close()
        assert process.wait(5) == 0


def test_a_taken_port_and_a_bad_setting_are_said(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with start(root, taken.getsockname()[1]) as process:
            assert process.stderr is not None
            assert b"the port is taken" in process.stderr.read()
            assert process.wait(10) == 1
    monkeypatch.setenv("VALENCE_ARTIFACTS", str(root))
    monkeypatch.setenv("TRAINER_SLOTS", "0")
    assert trainer_server.main() == 2
    assert capsys.readouterr().err.startswith("TRAINER_SLOTS must be ")
