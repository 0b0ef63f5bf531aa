"""A refit is a training on everything for as long as the run that vouches for it had taken to its best epoch."""

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer import registry
from trainer.contract.recommender import StepConfig
from trainer.data import dataset, sample
from trainer.data.dataset import Dataset
from trainer.data.importing import Finished as Imported
from trainer.data.importing import files_of_folder, import_dataset
from trainer.errors import InvalidRequest
from trainer.events import Epoch, Finished, Started
from trainer.serving.checkpoints import CheckpointRef, Checkpoints
from trainer.serving.person import known_user
from trainer.storage import artifacts
from trainer.training import experiment, loop
from trainer.training.experiment import Protocol, Refit, RunSpec

SEED = 11
SMALL: dict[str, dict[str, Any]] = {
    "valid": {"epochs": 3, "patience": 3, "k": 2, "embedding_size": 8, "encoder_size": 8, "train_batch_size": 150},
    "lightgcn": {"epochs": 3, "patience": 3, "embedding_size": 8, "train_batch_size": 1000},
    "recvae": {"epochs": 2, "patience": 2, "hidden_size": 16, "latent_dimension": 8, "train_batch_size": 150},
    "ials": {"epochs": 3, "patience": 3, "embedding_size": 8},
    "ease": {},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.write_sample(folder)
    files, rule = files_of_folder(folder)
    root = tmp_path_factory.mktemp("artifacts")
    assert isinstance(list(import_dataset(files, rule, root, "e" * 64))[-1], Imported)
    return root


@pytest.fixture(scope="module")
def split(root: Path) -> Dataset:
    return dataset.load(root, f"datasets/{'e' * 64}")


@pytest.fixture(scope="module")
def union(root: Path, split: Dataset) -> Dataset:
    """All interactions as a dataset of their own, put together pair by pair."""
    pairs = {
        (int(row), int(column))
        for part in (split.train, split.valid, split.test)
        for row, column in zip(*part.nonzero(), strict=True)
    }
    rows, columns = np.array(sorted(pairs)).T
    shape = split.train.shape
    none = csr_matrix(shape, dtype=np.float32)
    train = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
    parts = {"train": train, "valid": none.copy(), "test": none.copy()}
    return dataset.save(
        root, "f" * 64, parts, split.users, split.items, split.titles, split.tags, rule={}, statistics={}
    )


def run(root: Path, model: str, refit: Refit | None = None) -> tuple[list[Epoch], Finished]:
    spec = RunSpec(
        str(uuid.uuid4()), model, json.dumps(SMALL[model]), f"datasets/{'e' * 64}", SEED, Protocol(cutoffs=(20,)),
        device="cpu", refit=refit,
    )  # fmt: skip
    events = list(experiment.run(spec, root))
    end = events[-1]
    assert isinstance(end, Finished)
    return [event for event in events if isinstance(event, Epoch)], end


def vouched(root: Path, model: str) -> Refit:
    epochs, end = run(root, model)
    steps = next(epoch.steps for epoch in epochs if epoch.epoch == end.best.epoch)
    return Refit(end.best.key.split("/")[1], end.best.epoch, steps)


def after(steps: int, model_name: str, data: Dataset) -> str:
    """sha256 of the parameters of an ordinary training, as they are after so many steps of it."""
    cls = registry.get(model_name)
    config = registry.resolve_config(cls, json.dumps(SMALL[model_name] | ({} if model_name == "ease" else MANY)))
    model = cls(config, *data.train.shape)
    model.prepare(data.train, torch.Generator().manual_seed(experiment._initial_seed(SEED)))
    taken: list[str] = []

    def note(*_: float) -> None:
        if model.training and isinstance(config, StepConfig):
            taken.append(experiment.parameters_sha256(model))

    ends = loop.train(model, loop.optimizer_of(model), data, SEED, [20], torch.device("cpu"), loop.LoopState(), note)
    for end in ends:
        if not isinstance(config, StepConfig):
            taken[end.state.epoch - 1 :] = [experiment.parameters_sha256(model)]
        if len(taken) >= steps:
            break
    return taken[steps - 1]


MANY = {"epochs": 50, "patience": 50}


@pytest.mark.parametrize("model", ["valid", "lightgcn", "ials", "ease"])
def test_it_is_to_the_bit_a_training_on_the_union_with_as_many_steps(root: Path, union: Dataset, model: str) -> None:
    refit = vouched(root, model)
    epochs, end = run(root, model, refit)
    assert epochs[-1].steps == refit.steps
    assert end.parameters_sha256 == after(refit.steps, model, union)
    assert (end.metrics, end.best.epoch) == ([], epochs[-1].epoch)
    assert end.reason == ("closed_form" if model == "ease" else "steps")
    assert {metric.split for epoch in epochs for metric in epoch.metrics} <= {"train"}


def test_it_may_end_within_an_epoch(root: Path, split: Dataset, union: Dataset) -> None:
    cls = registry.get("lightgcn")
    model = cls(registry.resolve_config(cls, json.dumps(SMALL["lightgcn"])), *union.train.shape)
    own, all_of_it = (loop.steps_an_epoch(model, data.train) for data in (split, union))
    assert 3 * own % all_of_it != 0  # else the test above could not tell
    _, end = run(root, "lightgcn", Refit(str(uuid.uuid4()), 3))
    assert end.parameters_sha256 == after(3 * own, "lightgcn", union)


@pytest.mark.parametrize("model", ["valid", "recvae", "ials", "ease"])
def test_steps_nobody_wrote_down_follow_from_the_epoch(root: Path, model: str) -> None:
    refit = vouched(root, model)
    told, derived = (run(root, model, one)[1] for one in (refit, Refit(refit.of, refit.epoch)))
    assert told.parameters_sha256 == derived.parameters_sha256


def test_its_checkpoint_says_what_it_is_of_and_serves_all_interactions(
    root: Path, split: Dataset, union: Dataset
) -> None:
    refit = vouched(root, "valid")
    _, end = run(root, "valid", refit)
    loaded = artifacts.load_checkpoint(root, end.best.key, end.best.sha256)
    assert loaded.manifest["refit"] == {"of": refit.of, "epoch": refit.epoch, "steps": refit.steps}
    assert loaded.manifest["dataset_key"] == split.key
    checkpoints = Checkpoints(root, 2, torch.device("cpu"))
    try:
        with checkpoints.use(CheckpointRef(end.best.key, end.best.sha256)) as served:
            data = served.loaded.dataset
            assert (data.train != union.train).nnz == 0
            assert data.left_out() == (0, 0)
            person = known_user(data, data.users.id(0))
            assert person.history.tolist() == union.train[0].indices.tolist()
            assert person.seen.tolist() == person.history.tolist()
            served.warm()
    finally:
        checkpoints.close()


def test_what_a_training_part_leaves_out_is_counted(split: Dataset) -> None:
    interactions, items = split.left_out()
    trained = set(split.train.indices.tolist())
    assert interactions == split.valid.nnz + split.test.nnz
    assert items == len({*split.valid.indices.tolist(), *split.test.indices.tolist()} - trained)


def test_it_is_never_measured_on_what_it_has_seen(root: Path) -> None:
    _, end = run(root, "ease", Refit(str(uuid.uuid4()), 1))
    with pytest.raises(InvalidRequest, match="has learnt from"):
        experiment.evaluate_checkpoint(root, end.best.key, end.best.sha256, "test", Protocol())


@pytest.mark.parametrize("wrong", [("no id", 1, 1), (str(uuid.UUID(int=0)), 0, 1), (str(uuid.UUID(int=0)), 1, -1)])
def test_what_is_no_refit_is_refused(wrong: tuple[str, int, int]) -> None:
    with pytest.raises(InvalidRequest):
        Refit(*wrong)


def test_it_says_how_many_epochs_there_will_be(root: Path, union: Dataset) -> None:
    spec = RunSpec(
        str(uuid.uuid4()), "valid", json.dumps(SMALL["valid"]), f"datasets/{'e' * 64}", SEED, Protocol(),
        device="cpu", refit=Refit(str(uuid.uuid4()), 2),
    )  # fmt: skip
    events = list(experiment.run(spec, root))
    begun = events[0]
    assert isinstance(begun, Started)
    assert begun.max_epochs == sum(isinstance(event, Epoch) for event in events)
