"""Users held out of the training, folded in, measured and answered: a strong split from file to list."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer import registry
from trainer.contract.recommender import Histories, Recommender
from trainer.data import dataset
from trainer.data.dataset import NO_TIME, Dataset
from trainer.data.importing import Finished as Imported
from trainer.data.importing import ImportRule, SourceFile, import_dataset
from trainer.errors import FoldInUnsupported
from trainer.evaluation.reference import Reference
from trainer.events import Finished
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.everybody import lists_of
from trainer.serving.person import held_among, interactions_of, known_user
from trainer.storage import artifacts
from trainer.training import experiment
from trainer.training.checkpoint import model_of
from trainer.training.experiment import RunSpec
from trainer.training.protocol import Protocol

DIGEST = "d" * 64
CPU = torch.device("cpu")
MODELS = list(registry.catalogue().values())
RULE = '{"split": {"kind": "strong", "ratios": [0.6, 0.2, 0.2], "seed": 5}}'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tastes; the items of a user in random order, with the time of each."""
    folder, root = tmp_path_factory.mktemp("toy"), tmp_path_factory.mktemp("artifacts")
    random = np.random.default_rng(0)
    rows = [
        f"u{user:02},i{user % 2 * 15 + item:02},{1_577_836_800 + 60 * place}"
        for user in range(50)
        for place, item in enumerate(random.permutation(15)[:10].tolist())
    ]
    (folder / "toy.csv").write_text("\n".join(["user,item,timestamp", *rows]) + "\n")
    files = [SourceFile("interactions", folder / "toy.csv", "toy.csv")]
    assert isinstance(list(import_dataset(files, ImportRule.parse(RULE), root, DIGEST))[-1], Imported)
    return root


@pytest.fixture(scope="module")
def data(root: Path) -> Dataset:
    return dataset.load(root, dataset.key_of(DIGEST))


def spec_of(model: type[Recommender]) -> RunSpec:
    small = {"epochs": 1, "patience": 1, "embedding_size": 8, "encoder_size": 8, "k": 2}
    fields = model.config_class.model_fields
    config = json.dumps({name: value for name, value in small.items() if name in fields})
    protocol = Protocol(cutoffs=(5,))
    return RunSpec(str(uuid.uuid4()), model.name, config, dataset.key_of(DIGEST), 1, protocol, device="cpu")


def slow_recall(model: Recommender, data: Dataset, split: str, depth: int) -> float:
    """Person by person, as somebody whom nobody has seen before."""
    assert data.fold_in is not None
    values = []
    for row in range(len(data.users)):
        wanted = set(getattr(data, split)[row].indices.tolist())
        if not wanted:
            continue
        history = np.sort(data.fold_in[row].indices.astype(np.int64))
        assert history.size
        with torch.no_grad():
            scores = model.scores(Histories.of_rows(torch.tensor([-1]), [history]))[0].double().numpy()
        scores[history] = -np.inf
        best = np.lexsort((np.arange(len(scores)), -scores))[:depth]
        values.append(len(wanted & set(best.tolist())) / len(wanted))
    return float(np.mean(values))


@pytest.mark.parametrize("model", [one for one in MODELS if "fold_in" in one.capabilities], ids=lambda one: one.name)
def test_held_out_users_are_measured_by_what_is_folded_in(root: Path, data: Dataset, model: type[Recommender]) -> None:
    *_, last_epoch, finished = experiment.run(spec_of(model), root)
    assert isinstance(finished, Finished)
    loaded = artifacts.load_checkpoint(root, finished.best.key, finished.best.sha256, with_optimizer=False)
    trained = model_of(loaded, data, CPU)
    told = {metric.name: metric.value for metric in finished.metrics}
    assert told["recall@5"] == pytest.approx(slow_recall(trained, data, "test", 5), abs=1e-6)
    valid = {metric.name: metric.value for metric in last_epoch.metrics if metric.split == "valid"}
    assert valid["recall@5"] == pytest.approx(slow_recall(trained, data, "valid", 5), abs=1e-6)


@pytest.mark.parametrize(
    "model", [one for one in MODELS if "fold_in" not in one.capabilities], ids=lambda one: one.name
)
def test_a_model_that_cannot_fold_in_is_refused_with_those_that_can(root: Path, model: type[Recommender]) -> None:
    with pytest.raises(FoldInUnsupported) as error:
        next(experiment.run(spec_of(model), root))
    assert ("valid" in error.value.message, error.value.field) == (True, "model")


def test_a_held_out_user_is_answered_by_what_is_folded_in(root: Path, data: Dataset) -> None:
    *_, finished = experiment.run(spec_of(registry.get("ease")), root)
    assert isinstance(finished, Finished)
    loaded = artifacts.load_checkpoint(root, finished.best.key, finished.best.sha256, with_optimizer=False)
    served = LoadedCheckpoint(model_of(loaded, data, CPU), data, CPU)
    assert data.held_out is not None
    assert data.fold_in is not None
    row = int(np.flatnonzero(data.held_out)[0])
    person = known_user(data, data.users.id(row))
    assert (person.user, sorted(person.history)) == (-1, sorted(data.fold_in[row].indices))
    assert set(person.seen) == set(data.met(slice(row, row + 1)).indices)
    newest_last = [data.items.id(int(column)) for column in person.history[person.order]]
    told = interactions_of(data, data.users.id(row))
    assert newest_last == [data.items.id(one.column) for one in told if one.part == "fold_in"][::-1]
    [lists] = list(lists_of(served, np.array([row]), 5, explain=False))
    with torch.no_grad():
        scores = served.model.scores(Histories.of_rows(torch.tensor([-1]), [person.history]))[0].numpy()
    scores[person.seen] = -np.inf
    assert lists.columns.tolist() == np.argsort(-scores, kind="stable")[:5].tolist()


def test_a_history_is_told_newest_first_with_its_parts(data: Dataset) -> None:
    for user in ("u00", "u01", "u49"):
        told = interactions_of(data, user)
        times = [one.at for one in told]
        assert times == sorted(times, reverse=True)
        assert NO_TIME not in times
        assert len({one.column for one in told}) == len(told) == 10
        assert {one.part for one in told} in ({"train"}, {"valid", "fold_in"}, {"test", "fold_in"})
        theirs = [(data.items.id(one.column), one.at) for one in told]
        others = [("unheard of", told[0].at), (theirs[0][0], told[0].at + 1)]
        assert held_among(data, told, [*others, *theirs]) == list(range(2, 12))


def test_a_run_makes_once_what_its_lists_are_held_against(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, first = [], Reference.__init__

    def counted(self: Reference, of: dataset.Dataset) -> None:
        made.append(self)
        first(self, of)

    monkeypatch.setattr(Reference, "__init__", counted)
    list(experiment.run(spec_of(registry.get("ease")), root))
    assert len(made) == 1
