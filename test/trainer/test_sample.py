"""The built-in sample is what its description says, and there is something in it to learn."""

import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.data import sample
from trainer.data.dataset import Dataset
from trainer.data.importing import Finished as Imported
from trainer.data.importing import files_of_folder, import_dataset
from trainer.events import Finished
from trainer.training import experiment
from trainer.training.protocol import Protocol

SHORT = {"epochs": 3, "learning_rate": 0.01, "embedding_size": 32, "encoder_size": 32, "train_batch_size": 256}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.write_sample(folder)
    return folder


@pytest.fixture(scope="module")
def pairs(folder: Path) -> list[tuple[str, str]]:
    header, *rows = (folder / "sample.inter").read_text().splitlines()
    assert header == "user_id:token\titem_id:token"
    return [(user, item) for user, item in (row.split("\t") for row in rows)]


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "sample.topics.json").read_text())
    return values


@pytest.fixture(scope="module")
def imported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset]:
    root = tmp_path_factory.mktemp("artifacts")
    *_, last = import_dataset(*files_of_folder(folder), root, "e" * 64)
    assert isinstance(last, Imported)
    return root, last.dataset


def test_the_same_bytes_every_time(folder: Path, tmp_path: Path) -> None:
    sample.write_sample(tmp_path)
    names = {"sample.inter", "sample.item", "sample.topics.json"}
    assert {path.name for path in folder.iterdir()} == {path.name for path in tmp_path.iterdir()} == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_users_and_titled_items(imported: tuple[Path, Dataset], pairs: list[tuple[str, str]]) -> None:
    _, data = imported
    assert data.train.shape == (2_000, 1_000)
    assert len(set(data.titles)) == 1_000
    assert all(data.titles)
    assert len(set(pairs)) == len(pairs) == data.statistics["interactions"]
    sizes = Counter(user for user, _ in pairs).values()
    assert (min(sizes), max(sizes)) == (10, 80)
    assert (data.statistics["cold_dropped"], data.statistics["duplicates_merged"]) == (0, 0)


def test_popularity_follows_zipf(pairs: list[tuple[str, str]]) -> None:
    counts = np.sort(list(Counter(item for _, item in pairs).values()))[::-1]
    slope, _ = np.polyfit(np.log(np.arange(1, len(counts) + 1)), np.log(counts), 1)
    assert -0.9 < slope < -0.6  # 0.8, a little flattened: nobody has an item twice
    assert counts[:100].sum() > 0.25 * counts.sum()


def test_the_ground_truth_is_kept_and_true(truth: dict[str, Any], pairs: list[tuple[str, str]]) -> None:
    followed, topic_of = truth["user_topics"], truth["item_topic"]
    assert Counter(len(topics) for topics in followed.values()).keys() == {1, 2, 3, 4}
    assert all(len(set(topics)) == len(topics) for topics in followed.values())
    assert followed.keys() == {user for user, _ in pairs}
    assert topic_of.keys() == {item for _, item in pairs}
    assert set(topic_of.values()) == set(truth["topics"]) == set(sample.TOPICS)
    inside = np.mean([topic_of[item] in followed[user] for user, item in pairs])
    assert 0.93 < inside < 0.97  # a twentieth strays
    liked = {user: Counter[str]() for user in followed}
    for user, item in pairs:
        liked[user][topic_of[item]] += 1
    assert sum(set(followed[user]) <= liked[user].keys() for user in followed) > 0.98 * len(followed)


def test_title_and_tag_say_the_topic(folder: Path, truth: dict[str, Any]) -> None:
    for row in (folder / "sample.item").read_text().splitlines()[1:]:
        item, title, tag = row.split("\t")
        assert tag == truth["item_topic"][item]
        assert f"({truth['item_topic'][item]} #" in title


def recall(imported: tuple[Path, Dataset], model: str, config: dict[str, Any]) -> float:
    root, data = imported
    spec = experiment.RunSpec(str(uuid.uuid4()), model, json.dumps(config), data.key, 1, Protocol(), device="cpu")
    *_, last = experiment.run(spec, root)
    assert isinstance(last, Finished)
    return next(metric.value for metric in last.metrics if metric.name == "recall@20")


def test_three_epochs_of_valid_beat_popularity_clearly(imported: tuple[Path, Dataset]) -> None:
    floor = recall(imported, "popularity", {})
    assert 0.1 < floor < 0.25
    assert recall(imported, "valid", SHORT) > 1.5 * floor
