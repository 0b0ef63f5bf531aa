"""Trained checkpoints on a dataset whose users fill several parts when each gets a thousand recommendations."""

import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from trainer.data import dataset
from trainer.data.cold import Cold
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.events import Checkpoint, Finished
from trainer.training import experiment
from trainer.training.protocol import Protocol

USERS, ITEMS = 300, 120
DIGEST = "ef" * 32
CONFIGS = {
    "valid": '{"epochs": 1, "k": 3, "embedding_size": 8, "encoder_size": 8}',
    "bpr": '{"epochs": 1, "embedding_size": 8}',
    "popularity": "{}",
}


def save_dataset(root: Path, digest: str = DIGEST, cold: Cold | None = None) -> None:
    part_of = np.random.default_rng(4).choice(4, (USERS, ITEMS), p=[0.9, 0.06, 0.02, 0.02])
    part_of[:, 0] = 1
    part_of[17, :] = 1  # has seen everything
    dataset.save(
        root,
        digest,
        {name: csr_matrix(part_of == part, dtype=np.float32) for part, name in enumerate(dataset.PARTS, start=1)},
        IdMap(pa.array([f"user {row}" for row in range(USERS)])),
        IdMap(pa.array([f"item {column}" for column in range(ITEMS)])),
        [f"Title {column}" if column % 3 else "" for column in range(ITEMS)],
        Tags.none(ITEMS),
        rule={},
        statistics={},
        cold=cold,
    )


def train(root: Path, model: str, config: str, digest: str = DIGEST) -> Checkpoint:
    spec = experiment.RunSpec(
        run_id=str(uuid.uuid4()),
        model=model,
        config_json=config,
        dataset_key=dataset.key_of(digest),
        seed=1,
        protocol=Protocol(),
        device="cpu",
    )
    *_, last = experiment.run(spec, root)
    assert isinstance(last, Finished)
    return last.best


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    save_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoints(root: Path) -> dict[str, Checkpoint]:
    """With interests, with item vectors alone, with neither."""
    return {model: train(root, model, config) for model, config in CONFIGS.items()}


@pytest.fixture(scope="session")
def late(root: Path) -> dict[str, Checkpoint]:
    """Of a dataset that holds of "late" items 7, 9 and a new one, of "later" the new one alone, and of "user 3" that
    one: with fold_in, and without."""
    digest = "ab" * 32
    pairs = csr_matrix(
        (np.ones(5, np.float32), ([3, USERS, USERS, USERS, USERS + 1], [ITEMS, 7, 9, ITEMS, ITEMS])),
        (USERS + 2, ITEMS + 1),
    )
    users, items = pa.array(["late", "later"]), pa.array(["new"])
    save_dataset(root, digest, Cold(pairs, users, items, ["New"], Tags.none(1), np.arange(5)))
    return {model: train(root, model, config, digest) for model, config in CONFIGS.items()}
