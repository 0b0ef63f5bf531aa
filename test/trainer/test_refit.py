"""A refit is a training on everything for as long as the run that vouches for it had taken to its best epoch."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_matrix

from trainer import registry
from trainer.contract.recommender import StepConfig
from trainer.data import dataset, sample
from trainer.data.dataset import Dataset, IdMap
from trainer.data.importing import Finished as Imported
from trainer.data.importing import ImportRule, SourceFile, files_of_folder, import_dataset
from trainer.data.tags import Tags
from trainer.errors import InvalidRequest
from trainer.evaluation.reference import Reference
from trainer.events import Epoch, Finished, Started
from trainer.serving.checkpoints import CheckpointRef, Checkpoints
from trainer.serving.person import known_user
from trainer.storage import artifacts
from trainer.training import experiment, loop
from trainer.training.checkpoint import initial_seed, parameters_sha256
from trainer.training.experiment import Refit, RunSpec
from trainer.training.optimizer import optimizer_of
from trainer.training.protocol import Protocol

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
    dataset.save(root, "f" * 64, parts, split.users, split.items, split.titles, split.tags, rule={}, statistics={})
    return dataset.load(root, dataset.key_of("f" * 64))


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
    model.prepare(data.train, torch.Generator().manual_seed(initial_seed(SEED)))
    taken: list[str] = []

    def note(*_: float) -> None:
        if model.training and isinstance(config, StepConfig):
            taken.append(parameters_sha256(model))

    optimizer, protocol = optimizer_of(model), Protocol(cutoffs=(20,))
    ends = loop.train(model, optimizer, Reference(data), SEED, protocol, torch.device("cpu"), loop.LoopState(), note)
    for end in ends:
        if not isinstance(config, StepConfig):
            taken[end.state.epoch - 1 :] = [parameters_sha256(model)]
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


TRAIN = "user,item\n" + "".join(f"u{user},i{(user * 3 + step) % 7}\n" for user in range(12) for step in (0, 1, 3))
VALID = "user,item\nu0,i5\nu1,new1\nlate,i2\n"
TEST = "user,item\nu0,i6\nu2,new2\nu3,new1\nlate,new2\n"
ABOUT = "item,title,tags\ni0,Zero,Jazz\nnew1,One,rock|jazz\nnew2,Two,\n"


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset]:
    """Items new1, new2 and the user `late` are in validation and test alone."""
    folder, root = tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("artifacts")
    texts = {"train": TRAIN, "valid": VALID, "test": TEST, "items": ABOUT}
    files = []
    for role, text in texts.items():
        (folder / f"{role}.csv").write_text(text)
        files.append(SourceFile(role, folder / f"{role}.csv", f"{role}.csv"))
    end = list(import_dataset(files, ImportRule.parse('{"split": {"kind": "given"}}'), root, "a" * 64))[-1]
    assert isinstance(end, Imported)
    return root, end.dataset


def pairs_of(data: Dataset) -> set[tuple[str, str]]:
    found = data.train.nonzero()
    return {(data.users.id(int(row)), data.items.id(int(column))) for row, column in zip(*found, strict=True)}


def test_users_and_items_that_training_does_not_know_are_in_it(cold: tuple[Path, Dataset]) -> None:
    _, data = cold
    assert data.users.index("late") is None
    assert data.items.index("new1") is None
    texts = (TRAIN, VALID, TEST)
    everything = {tuple(line.split(",")) for text in texts for line in text.splitlines()[1:]}
    whole = data.whole()
    assert pairs_of(whole) == everything
    assert whole.items.ids(slice(0, len(data.items))) == data.items.ids(slice(0, len(data.items)))
    assert whole.users.ids(slice(0, len(data.users))) == data.users.ids(slice(0, len(data.users)))
    titles = dict(zip(whole.items.ids(slice(None)), whole.titles, strict=True))
    assert (titles["i0"], titles["new1"], titles["new2"]) == ("Zero", "One", "Two")
    jazz, unknown = whole.tags.matching(["JAZZ"], [], [])
    assert {whole.items.id(int(column)) for column in np.flatnonzero(jazz)} == {"i0", "new1"}
    assert whole.tags.matching([], ["rock"], [])[0].sum() == 1
    assert unknown == []


def test_a_dataset_without_them_on_the_disk_is_damaged(cold: tuple[Path, Dataset]) -> None:
    root, data = cold
    path = root / data.key / dataset.COLD
    kept = path.read_bytes()
    try:
        path.unlink()
        assert not dataset.is_whole(root, data.key)
    finally:
        path.write_bytes(kept)
    assert dataset.is_whole(root, data.key)


def test_what_a_training_part_leaves_out_is_counted(cold: tuple[Path, Dataset]) -> None:
    _, data = cold
    assert data.left_out() == (7, 2)
    assert data.whole().left_out() == (0, 0)


@pytest.mark.parametrize("model", ["valid", "lightgcn", "ease"])
def test_with_them_too_it_is_a_training_on_the_union(cold: tuple[Path, Dataset], model: str) -> None:
    root, data = cold
    users = [*data.users.ids(slice(None)), "late"]
    items = [*data.items.ids(slice(None)), "new1", "new2"]
    lines = [line.split(",") for text in (TRAIN, VALID, TEST) for line in text.splitlines()[1:]]
    rows = [users.index(user) for user, _ in lines]
    columns = [items.index(item) for _, item in lines]
    shape = (len(users), len(items))
    train = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
    none = csr_matrix(shape, dtype=np.float32)
    parts = {"train": train, "valid": none, "test": none.copy()}
    ids = [IdMap(pa.array(some)) for some in (users, items)]
    digest = hashlib.sha256(model.encode()).hexdigest()
    dataset.save(root, digest, parts, *ids, [""] * len(items), Tags.none(len(items)), rule={}, statistics={})
    union = dataset.load(root, dataset.key_of(digest))
    spec = RunSpec(
        str(uuid.uuid4()), model, json.dumps(SMALL[model]), data.key, SEED, Protocol(cutoffs=(2,)),
        device="cpu", refit=Refit(str(uuid.uuid4()), 3),
    )  # fmt: skip
    end = list(experiment.run(spec, root))[-1]
    assert isinstance(end, Finished)
    cls = registry.get(model)
    own = cls(registry.resolve_config(cls, spec.config_json), *data.train.shape)
    steps = 1 if model == "ease" else 3 * loop.steps_an_epoch(own, data.train)
    assert end.parameters_sha256 == after(steps, model, union)
    checkpoints = Checkpoints(root, 2, torch.device("cpu"))
    try:
        with checkpoints.use(CheckpointRef(end.best.key, end.best.sha256)) as served:
            served.warm()
            person = known_user(served.loaded.dataset, "late")
            assert {served.loaded.dataset.items.id(int(column)) for column in person.history} == {"i2", "new2"}
    finally:
        checkpoints.close()


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


@pytest.mark.parametrize(
    "split", [{"kind": "temporal"}, {"kind": "strong", "ratios": [0.6, 0.2, 0.2]}, {"kind": "leave_last"}]
)
def test_every_interaction_keeps_its_time_in_the_whole(tmp_path: Path, split: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    pairs = {(int(u), int(i)) for u, i in zip(rng.integers(0, 30, 400), rng.integers(0, 40, 400), strict=True)}
    # The last items are met last: a cut in time leaves them cold.
    at = {(u, i): 1_700_000_000 + (50_000 + u if i > 36 else (u * 7919 + i * 10_007) % 40_000) for u, i in pairs}
    (tmp_path / "rows.csv").write_text("user,item,timestamp\n" + "".join(f"u{u},i{i},{at[u, i]}\n" for u, i in pairs))
    rule = ImportRule.parse(json.dumps({"split": split}))
    files = [SourceFile("interactions", tmp_path / "rows.csv", "rows.csv")]
    (done,) = [one for one in import_dataset(files, rule, tmp_path, "a" * 64) if isinstance(one, Imported)]
    assert done.dataset.cold is not None or split["kind"] == "strong"
    whole = done.dataset.whole()
    assert whole.times is not None
    users, items = (ids.array.to_pylist() for ids in (whole.users, whole.items))
    train = whole.train.tocoo()
    found = {
        (users[row], items[column]): int(time)
        for row, column, time in zip(train.row, train.col, whole.times["train"], strict=True)
    }
    assert found == {(f"u{u}", f"i{i}"): when * 1000 for (u, i), when in at.items()}
    assert whole.left_out() == (0, 0)
    assert done.dataset.left_out()[0] == len(pairs) - done.dataset.train.nnz
