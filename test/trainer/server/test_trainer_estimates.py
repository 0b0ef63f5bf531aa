"""The real trainer process over real gRPC: the memory that runs are said to take, and what they take."""

import json
from pathlib import Path

import pytest

from trainer.data.dataset import key_of
from trainer.data.importing import files_of_folder, import_dataset
from trainer.data.importing.pipeline import Finished
from trainer.data.sample import write_sample
from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer_process import SECONDS, Stub, refused, request, train

SAMPLE = "5a" * 32
RIGHT_WITHIN = 1.5


@pytest.fixture(scope="module")
def statistics(root: Path, tmp_path_factory: pytest.TempPathFactory) -> pb.DatasetStatistics:
    """Of the built-in sample, imported for the trainer."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder)
    files, rule = files_of_folder(folder)
    *_, finished = import_dataset(files, rule, root, SAMPLE)
    assert isinstance(finished, Finished)
    return pb.DatasetStatistics(**finished.statistics)


SHARED = {"epochs": 1, "train_batch_size": 1000, "encoder_size": 1500}  # much of it is for the rows of a batch


@pytest.mark.parametrize(
    ("model", "config", "processes"),
    [
        ("popularity", {}, 1),
        ("ease", {}, 1),
        ("bpr", {"epochs": 1}, 1),
        ("macridvae", {"epochs": 1}, 1),
        ("macridvae", SHARED, 2),
    ],
)
def test_a_run_takes_about_what_is_said(
    model: str, config: dict[str, int], processes: int, stub: Stub, statistics: pb.DatasetStatistics
) -> None:
    asked = pb.Configuration(model=model, config_json=json.dumps(config), processes=processes)
    [told] = stub.Estimate(pb.EstimateRequest(configurations=[asked], statistics=statistics), timeout=SECONDS).estimates
    answers = train(stub, request(asked.config_json, model=model, processes=processes, dataset_key=key_of(SAMPLE)))
    took = answers[-1].finished.peak_memory_bytes
    assert 1 / RIGHT_WITHIN < told.cpu_bytes / took < RIGHT_WITHIN


def test_what_cannot_be_built_has_no_bytes_and_stops_no_other(stub: Stub) -> None:
    many = pb.DatasetStatistics(users=100_000, items=100_000, interactions=1_000_000, train=1_000_000)
    asked = [
        pb.Configuration(model="valiant", config_json=f'{{"linear": "{linear}"}}') for linear in ("ease", "rp3beta")
    ]
    found = stub.Estimate(pb.EstimateRequest(configurations=asked, statistics=many), timeout=SECONDS)
    assert found.estimates[0] == pb.MemoryEstimate()
    assert found.estimates[1].cpu_bytes > 0


def test_what_cannot_be_estimated_is_refused(stub: Stub, statistics: pb.DatasetStatistics) -> None:
    def asked(model: str, of: pb.DatasetStatistics, processes: int = 1) -> pb.EstimateRequest:
        return pb.EstimateRequest(configurations=[pb.Configuration(model=model, processes=processes)], statistics=of)

    for wrong, code, field in (
        (asked("bpr", pb.DatasetStatistics(items=3)), "invalid_request", "statistics"),
        (asked("brp", statistics), "unknown_model", "model"),
        (asked("bpr", statistics, 17), "invalid_request", "processes"),
    ):
        _, told, place, _ = refused(lambda wrong=wrong: stub.Estimate(wrong, timeout=SECONDS))
        assert (told, place) == (code, field)
