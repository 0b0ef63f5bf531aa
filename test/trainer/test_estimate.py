"""The memory that runs are said to take, held against what those of bench/results took."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer import registry
from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer.server.configurations import estimated

RESULTS = Path(__file__).parents[2] / "bench/results"
RIGHT_WITHIN = 1.5


def statistics(users: int, items: int, interactions: int, train: int, degrees: list[list[int]]) -> pb.DatasetStatistics:
    """As an import tells them: how many users, and items, have 1, 2-3, 4-7, ... interactions."""
    bins = [
        [pb.HistogramBin(low=1 << place, high=(2 << place) - 1, count=count) for place, count in enumerate(counts)]
        for counts in degrees
    ]
    return pb.DatasetStatistics(
        users=users,
        items=items,
        interactions=interactions,
        train=train,
        user_degrees=bins[0],
        item_degrees=bins[1],
    )


DATASETS = {
    "sample": statistics(
        2_000, 1_000, 46_489, 38_877, [[0, 0, 0, 458, 1211, 325, 6], [0, 0, 1, 85, 463, 286, 109, 39, 16, 1]]
    ),
    "citeulike-a": statistics(
        *(5_551, 16_945, 204_929, 168_332),
        [[0, 0, 0, 1737, 1976, 1072, 505, 229, 32], [133, 682, 4566, 8452, 2361, 631, 101, 17, 2]],
    ),
    "gowalla": statistics(
        *(29_858, 40_988, 1_027_464, 845_370),
        [[0, 0, 0, 10156, 10617, 5853, 2221, 778, 197, 36], [0, 0, 0, 21479, 12928, 4382, 1498, 514, 138, 38, 10, 1]],
    ),
    "yelp2018": statistics(
        *(31_668, 38_048, 1_561_406, 1_274_132),
        [
            [0, 0, 0, 0, 15232, 10599, 4187, 1283, 303, 55, 8, 1],
            [0, 0, 0, 12311, 12407, 7443, 3858, 1501, 442, 80, 6],
        ],
    ),
}


def runs() -> Iterator[tuple[str, str, dict[str, Any], bool, int]]:
    """Dataset, model, configuration, whether it was on an accelerator, and the bytes at its peak."""
    for file in sorted(RESULTS.glob("*.json")):
        result = json.loads(file.read_text())
        for row in result.get("rows", []) if isinstance(result, dict) and "protocol" in result else []:
            for point in row["points"]:
                for run in point["runs"]:
                    on_gpu = run["device"].startswith("cuda")
                    yield result["dataset"]["name"], row["model"], point["config"], on_gpu, run["peakMemoryBytes"]


def estimate(dataset: str, model: str, config: dict[str, Any], processes: int = 1) -> pb.MemoryEstimate:
    one = pb.Configuration(model=model, config_json=json.dumps(config), processes=processes)
    return estimated(pb.EstimateRequest(configurations=[one], statistics=DATASETS[dataset])).estimates[0]


@pytest.mark.parametrize("model", registry.catalogue())
def test_measured_runs_took_what_is_said(model: str) -> None:
    measured = [run for run in runs() if run[1] == model]
    assert measured
    for dataset, _, config, on_gpu, peak in measured:
        told = estimate(dataset, model, config)
        ratio = (told.gpu_bytes if on_gpu else told.cpu_bytes) / peak
        assert 1 / RIGHT_WITHIN < ratio < RIGHT_WITHIN, (dataset, config, peak)


def many_times(small: pb.DatasetStatistics, times: int) -> pb.DatasetStatistics:
    """As many times the people, each with as much of as many times the items."""
    large = pb.DatasetStatistics()
    large.CopyFrom(small)
    for name in ("users", "items", "interactions", "train"):
        setattr(large, name, times * getattr(small, name))
    for some in (*large.user_degrees, *large.item_degrees):
        some.count *= times
    return large


@pytest.mark.parametrize("model", registry.catalogue())
def test_what_no_machine_holds_is_told_too(model: str) -> None:
    """EASE of 100,000 items is 150 GiB: nothing may be allocated to tell that."""
    asked = [pb.Configuration(model=model)]
    small, large = (
        estimated(pb.EstimateRequest(configurations=asked, statistics=many_times(DATASETS["sample"], times)))
        for times in (1, 100)
    )
    for name in ("cpu_bytes", "gpu_bytes", "gpu_host_bytes"):
        assert getattr(large.estimates[0], name) > getattr(small.estimates[0], name)
    assert model != "ease" or large.estimates[0].gpu_bytes > 100 << 30


PARALLEL = [name for name, model in registry.catalogue().items() if "data_parallel" in model.capabilities]


@pytest.mark.parametrize("model", PARALLEL)
def test_each_of_several_processes_sends_all_gradients_and_computes_its_own_rows(model: str) -> None:
    """A batch of one row is nobody's to share, and one of all rows is shared by all."""
    small, large = ({"train_batch_size": rows} for rows in (1, 65_536))
    alone, in_two = (estimate("citeulike-a", model, small, processes).gpu_bytes for processes in (1, 2))
    users, items = DATASETS["citeulike-a"].users, DATASETS["citeulike-a"].items
    with torch.device("meta"):
        built = registry.get(model)(registry.resolve_config(registry.get(model), json.dumps(small)), users, items)
    assert in_two - alone == sum(weight.nbytes for weight in built.parameters() if weight.requires_grad)
    batch = [
        estimate("citeulike-a", model, large, processes).gpu_bytes
        - estimate("citeulike-a", model, small, processes).gpu_bytes
        for processes in (1, 2)
    ]
    assert batch[1] <= 0.51 * batch[0]
