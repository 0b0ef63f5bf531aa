"""A trainer of its own process on a small dataset, and what tests ask of it over gRPC."""

import os
import socket
import subprocess
import sys
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

DIGEST = "ab" * 32
SECONDS = 60
SHORT = '{"epochs": 2, "k": 2, "embedding_size": 8, "encoder_size": 8}'
ENDLESS = '{"epochs": 10000, "patience": 10000, "k": 2, "embedding_size": 8, "encoder_size": 8, "train_batch_size": 1}'
HANG_SCALE = 12  # 120 s become 10 s, still more than a child needs between two signs on a busy machine
UPLOAD_CAP = 100_000

Stub = trainer_pb2_grpc.TrainerServiceStub
Server = tuple[subprocess.Popen[bytes], Stub]


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
def serving(root: Path, **extra: str) -> Iterator[Server]:
    port = free_port()
    with start(root, port, **extra) as process:
        try:
            # As in the worker what a call may run ahead of its taker does not grow.
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.http2.bdp_probe", 0)]) as channel:
                grpc.channel_ready_future(channel).result(SECONDS)
                yield process, Stub(channel)
        finally:
            process.kill()


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
