"""Trainers and a recommender that share nothing but the bucket of a real S3 server: what one host has imported, staged
or trained, another trains on, resumes to the bit, measures, exports, serves and deletes."""

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import obstore
import pytest
from obstore.store import from_url

import trainer
from trainer.pb.recommender.v1 import recommender_pb2, recommender_pb2_grpc
from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer.server.process import unusable
from trainer.settings import read
from trainer_process import SECONDS, Server, free_port, refused, request, serving, train, until_epoch, upload

CONFIG = '{"epochs": 6, "patience": 100, "k": 2, "embedding_size": 8, "encoder_size": 8}'
TABLE = "user,item\n" + "".join(f"u{n % 37},i{n * n % 53}\n" for n in range(1500))


@contextmanager
def host(url: str, cache: Path, **extra: str) -> Iterator[Server]:
    with serving(cache, VALENCE_ARTIFACTS=url, VALENCE_CACHE=str(cache), TIMING_SCALE="1", **extra) as started:
        yield started


@contextmanager
def recommender(url: str, cache: Path) -> Iterator[recommender_pb2_grpc.RecommenderServiceStub]:
    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(trainer.__file__).parents[1]),
        "VALENCE_ARTIFACTS": url,
        "VALENCE_CACHE": str(cache),
        "RECOMMENDER_LISTEN": f"127.0.0.1:{port}",
        "EXIT_WITH_STDIN": "1",
    }
    command = [sys.executable, "-m", "trainer", "serve-recommender"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(SECONDS)
                yield recommender_pb2_grpc.RecommenderServiceStub(channel)
        finally:
            process.kill()


def imported(stub: Any, upload_key: str, digest: str) -> pb.ImportFinished:
    file = pb.DatasetFile(role="interactions", upload_key=upload_key, display_name="ratings.csv")
    message = pb.ImportDatasetRequest(dataset_id="d", files=[file], rule_json="{}", digest=digest)
    return list(stub.ImportDataset(message, timeout=SECONDS))[-1].finished


@pytest.mark.timeout(300)
def test_the_whole_path_over_hosts_that_share_only_the_bucket(url: str, tmp_path: Path) -> None:
    run, export = str(uuid.uuid4()), str(uuid.uuid4())
    with host(url, tmp_path / "other") as (_, other):
        with host(url, tmp_path / "killed") as (process, stub):
            staged = upload(stub, TABLE.encode())
            dataset = imported(other, staged.upload_key, uuid.uuid4().hex * 2)  # staged on the one, read on the other
            assert stub.CheckDataset(pb.CheckDatasetRequest(dataset_key=dataset.dataset_key)).is_whole
            stream = stub.Train(request(CONFIG, run_id=run, dataset_key=dataset.dataset_key), timeout=SECONDS)
            last = until_epoch(stream, 3).checkpoint
            process.kill()
        with host(url, tmp_path / "fresh") as (_, stub):
            at = pb.CheckpointRef(key=last.key, sha256=last.sha256)
            again = request(CONFIG, run_id=run, lease=2, dataset_key=dataset.dataset_key, resume_from=at)
            resumed = train(stub, again)
            assert next(one.epoch.epoch for one in resumed if one.WhichOneof("event") == "epoch") == last.epoch + 1
            finished = resumed[-1].finished
            undisturbed = train(other, request(CONFIG, dataset_key=dataset.dataset_key))[-1].finished
            assert finished.parameters_sha256 == undisturbed.parameters_sha256

            best = pb.CheckpointRef(key=finished.best.key, sha256=finished.best.sha256)
            message = pb.ExportRequest(export_id=export, lease=1, checkpoint=best, n=5, format="csv")
            written = list(stub.Export(message, timeout=SECONDS))[-1].finished
        reading = other.ReadExport(pb.ReadExportRequest(key=f"exports/{export}", offset=0), timeout=SECONDS)
        assert hashlib.sha256(b"".join(one.chunk for one in reading)).hexdigest() == written.sha256
        page = pb.ReadUserValuesRequest(values=finished.values, dataset_key=dataset.dataset_key, limit=5)
        assert other.ReadUserValues(page, timeout=SECONDS).total == finished.values.users > 0

        with recommender(url, tmp_path / "serving") as asked:
            ref = recommender_pb2.Checkpoint(key=best.key, sha256=best.sha256)
            answer = asked.Recommend(recommender_pb2.RecommendRequest(checkpoint=ref, user="u1", n=5), timeout=SECONDS)
            assert len(answer.items) == 5
        assert not list((tmp_path / "serving").rglob("optimizer.safetensors"))

        listed = [one for answer in other.ListArtifacts(pb.ListArtifactsRequest()) for one in answer.artifacts]
        assert {one.shape for one in listed} == {"dataset", "checkpoint", "values", "upload", "export"}
        deleting = pb.DeleteArtifactsRequest(keys=[one.key for one in listed])
        assert other.DeleteArtifacts(deleting, timeout=SECONDS).deleted == len(listed)
        bucket = from_url(url, client_options={"allow_http": True})
        assert [one["path"] for page in obstore.list(bucket) for one in page] == []
        found = refused(lambda: train(other, request(CONFIG, dataset_key=dataset.dataset_key)))
        assert found[:2] == ("NOT_FOUND", "dataset_missing")
        assert other.CheckUploads(pb.CheckUploadsRequest(upload_keys=[staged.upload_key])).missing_keys


def test_a_process_does_not_start_without_its_store_and_says_why(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VALENCE_ARTIFACTS", url)
    monkeypatch.setenv("VALENCE_CACHE", str(tmp_path / "cache"))
    settings = read("TRAINER_LISTEN", "127.0.0.1:0")
    assert unusable(settings) is None
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert unusable(settings) == 1  # which may pass: whoever keeps it running tries again
    assert f"{url} does not answer as it should" in caplog.text
    (tmp_path / "cache/.store.json").unlink()
    (tmp_path / "cache/mine").write_text("do not touch")
    assert unusable(settings) == 2
    assert "which is neither empty nor a cache" in caplog.text
    monkeypatch.setenv("VALENCE_CACHE", "/proc/cache")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert unusable(read("TRAINER_LISTEN", "127.0.0.1:0")) == 2
    assert "VALENCE_CACHE names /proc/cache, which cannot be used: No such file or directory" in caplog.text
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in caplog.text
