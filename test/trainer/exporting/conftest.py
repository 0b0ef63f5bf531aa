"""Trained checkpoints on a dataset whose users fill several parts when each gets a thousand recommendations."""

import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from trainer.data import dataset
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.events import Checkpoint, Finished
from trainer.training import experiment
from trainer.training.protocol import Protocol

USERS, ITEMS = 300, 120
DIGEST = "ef" * 32


def save_dataset(root: Path) -> None:
    part_of = np.random.default_rng(4).choice(4, (USERS, ITEMS), p=[0.9, 0.06, 0.02, 0.02])
    part_of[:, 0] = 1
    part_of[17, :] = 1  # has seen everything
    dataset.save(
        root,
        DIGEST,
        {name: csr_matrix(part_of == part, dtype=np.float32) for part, name in enumerate(dataset.PARTS, start=1)},
        IdMap(pa.array([f"user {row}" for row in range(USERS)])),
        IdMap(pa.array([f"item {column}" for column in range(ITEMS)])),
        [f"Title {column}" if column % 3 else "" for column in range(ITEMS)],
        Tags.none(ITEMS),
        rule={},
        statistics={},
    )


def train(root: Path, model: str, config: str) -> Checkpoint:
    spec = experiment.RunSpec(
        run_id=str(uuid.uuid4()),
        model=model,
        config_json=config,
        dataset_key=dataset.key_of(DIGEST),
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
    small = '{"epochs": 1, "k": 3, "embedding_size": 8, "encoder_size": 8}'
    configs = {"valid": small, "bpr": '{"epochs": 1, "embedding_size": 8}', "popularity": "{}"}
    return {model: train(root, model, config) for model, config in configs.items()}
