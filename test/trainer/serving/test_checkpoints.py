"""Checkpoints from real runs: opened, verified, served on when another one is damaged."""

import json
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.contract.recommender import Histories
from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.errors import CheckpointCorrupt, CheckpointMissing, DatasetCorrupt, ValenceError
from trainer.events import Finished
from trainer.serving.checkpoints import CheckpointRef, Checkpoints
from trainer.serving.everybody import lists_of
from trainer.serving.person import known_user
from trainer.serving.question import Question
from trainer.storage import artifacts
from trainer.training import experiment
from trainer.training.checkpoint import open_checkpoint
from trainer.training.protocol import Protocol

DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def root(toy: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    parts = {"train": toy.train, "valid": toy.valid, "test": toy.test}
    dataset.save(folder, DIGEST, parts, toy.users, toy.items, toy.titles, toy.tags, rule={}, statistics={})
    return folder


def trained(root: Path, model: str, **config: int) -> CheckpointRef:
    spec = experiment.RunSpec(
        run_id=str(uuid.uuid4()),
        model=model,
        config_json=json.dumps(config),
        dataset_key=dataset.key_of(DIGEST),
        seed=1,
        protocol=Protocol(),
        device="cpu",
    )
    *_, finished = experiment.run(spec, root)
    assert isinstance(finished, Finished)
    return CheckpointRef(finished.best.key, finished.best.sha256)


@pytest.fixture(scope="module")
def valid(root: Path) -> CheckpointRef:
    return trained(root, "valid", epochs=2, k=3, embedding_size=8, encoder_size=8)


@pytest.fixture(scope="module")
def ease(root: Path) -> CheckpointRef:
    return trained(root, "ease")


@pytest.fixture
def checkpoints(root: Path) -> Iterator[Checkpoints]:
    opened = Checkpoints(root, capacity=2, device=torch.device("cpu"))
    yield opened
    opened.close()


def top(checkpoints: Checkpoints, ref: CheckpointRef, user: str = "user 3") -> list[int]:
    with checkpoints.use(ref) as served:
        person = known_user(served.loaded.dataset, user)
        answer = served.recommend(Question(person, n=10, excluded=person.seen), seconds=30)
        return answer.ranked.columns.tolist()


@pytest.mark.parametrize("model", ["valid", "ease"])
def test_a_trained_model_recommends(model: str, checkpoints: Checkpoints, request: pytest.FixtureRequest) -> None:
    ref = request.getfixturevalue(model)
    with checkpoints.use(ref) as served:
        served.warm()
        assert served.loaded.model.name == model
        assert served.loaded.interests == (3 if model == "valid" else 0)
    assert len(top(checkpoints, ref)) == 10


def test_items_alike_and_reasons_come_from_the_weights_of_a_model(
    ease: CheckpointRef, checkpoints: Checkpoints
) -> None:
    with checkpoints.use(ease) as served:
        loaded = served.loaded
        alike = loaded.similar(7, 5)
        weights = loaded.model.likeness(torch.tensor([7]))
        assert [item.column for item in alike] == weights.topk(5).indices.tolist()
        assert [item.score for item in alike] == pytest.approx(weights.topk(5).values.tolist())
        assert all(item.score > 0 for item in loaded.similar(7, 1000))
        person = known_user(loaded.dataset, "user 3")
        batch = Histories.of(loaded.dataset.train, np.array([person.user]))
        [lists] = lists_of(loaded, np.array([person.user]), 10, explain=True)
        assert lists.because is not None
        added = loaded.model.contributions(batch, torch.from_numpy(lists.columns)[None]).T
        for reasons, each in zip(lists.because.tolist(), added.tolist(), strict=True):
            strongest = sorted(zip(each, person.history.tolist(), strict=True), reverse=True)
            assert [column for value, column in strongest if value > 0][:3] == [c for c in reasons if c >= 0]


def test_many_at_once_get_what_one_alone_gets(valid: CheckpointRef, checkpoints: Checkpoints) -> None:
    users = [f"user {row}" for row in range(29)]
    alone = [top(checkpoints, valid, user) for user in users]
    with ThreadPoolExecutor(29) as pool:
        assert list(pool.map(lambda user: top(checkpoints, valid, user), users)) == alone


def test_checkpoints_of_one_dataset_share_it(
    valid: CheckpointRef, ease: CheckpointRef, checkpoints: Checkpoints
) -> None:
    with checkpoints.use(valid) as one, checkpoints.use(ease) as other:
        assert one.loaded.dataset is other.loaded.dataset


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


DAMAGES = {
    "a flipped bit": lambda folder: flip_a_bit(folder / "weights.safetensors"),
    "cut short": lambda folder: (folder / "weights.safetensors").write_bytes(b"half"),
    "weights missing": lambda folder: (folder / "weights.safetensors").unlink(),
    "manifest changed": lambda folder: flip_a_bit(folder / "manifest.json"),
    "manifest missing": lambda folder: (folder / "manifest.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_refused_and_the_old_one_serves_on(
    damage: str, root: Path, valid: CheckpointRef, ease: CheckpointRef, checkpoints: Checkpoints
) -> None:
    before = top(checkpoints, ease)
    bad = CheckpointRef(f"runs/{uuid.uuid4()}/epoch-00001", valid.sha256)
    shutil.copytree(root / valid.key, root / bad.key)
    DAMAGES[damage](root / bad.key)
    with pytest.raises(CheckpointCorrupt, match=bad.key), checkpoints.use(bad):
        pass
    assert top(checkpoints, ease) == before


def test_one_that_is_loaded_survives_damage_to_its_files(root: Path, checkpoints: Checkpoints) -> None:
    ref = trained(root, "ease")
    before = top(checkpoints, ref)
    shutil.rmtree(root / ref.key)
    assert top(checkpoints, ref) == before


def test_what_is_not_there_or_not_the_committed_one(
    valid: CheckpointRef, ease: CheckpointRef, checkpoints: Checkpoints
) -> None:
    wrong: list[tuple[CheckpointRef, type[ValenceError]]] = [
        (CheckpointRef(f"runs/{uuid.uuid4()}/epoch-00001", valid.sha256), CheckpointMissing),
        (CheckpointRef(valid.key, ease.sha256), CheckpointCorrupt),
        (CheckpointRef("../../etc/epoch-00001", valid.sha256), ValenceError),
    ]
    for ref, error in wrong:
        with pytest.raises(error), checkpoints.use(ref):
            pass


def test_a_damaged_dataset_is_refused(root: Path, ease: CheckpointRef, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy")
    flip_a_bit(tmp_path / "copy" / dataset.key_of(DIGEST) / "ids.arrow")
    opened = Checkpoints(tmp_path / "copy", capacity=2, device=torch.device("cpu"))
    with pytest.raises(DatasetCorrupt), opened.use(ease):
        pass


def test_scores_of_the_served_model_are_those_of_evaluation(
    root: Path, valid: CheckpointRef, checkpoints: Checkpoints, toy: Dataset
) -> None:
    loaded = artifacts.load_checkpoint(root, *valid, with_optimizer=False)
    model, data = open_checkpoint(root, loaded, torch.device("cpu"))
    scores = model.scores(Histories.of(data.train, np.array([3])))[0]
    seen = known_user(toy, "user 3").seen
    scores[torch.as_tensor(seen)] = -torch.inf
    assert top(checkpoints, valid) == scores.topk(10).indices.tolist()
