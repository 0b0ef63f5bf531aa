"""A checkpoint on a dataset it was not trained on, against a slow version written from the definition."""

import csv
import json
import math
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainer.contract.recommender import Histories, Recommender
from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.data.importing import Finished as Imported
from trainer.data.importing import ImportRule, SourceFile, import_dataset
from trainer.errors import DatasetMissing, FoldInUnsupported, InvalidRequest
from trainer.evaluation import elsewhere, user_values
from trainer.evaluation.means import mean_of
from trainer.events import Evaluated, Finished
from trainer.storage import artifacts
from trainer.training import experiment
from trainer.training.checkpoint import open_checkpoint
from trainer.training.experiment import Refit, RunSpec
from trainer.training.protocol import Protocol

SMALL: dict[str, dict[str, Any]] = {
    "valid": {"epochs": 2, "patience": 2, "k": 2, "embedding_size": 8, "encoder_size": 8, "train_batch_size": 20},
    "ials": {"epochs": 2, "patience": 2, "embedding_size": 4},
    "bpr": {"epochs": 1, "patience": 1, "embedding_size": 4},
    "ease": {},
}
METRICS = ("recall", "ndcg", "novelty")
OLD, NEW, STRONG, BARE = (letter * 64 for letter in "abcd")


def write(root: Path, digest: str, rule: dict[str, Any], rows: list[tuple[str, str, int]]) -> Dataset:
    path = root / f"{digest[0]}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("user", "item", "timestamp"), *rows])
    files = [SourceFile("interactions", path, path.name)]
    (end,) = [
        event
        for event in import_dataset(files, ImportRule.parse(json.dumps(rule)), root, digest)
        if isinstance(event, Imported)
    ]
    return end.dataset


def interactions(seed: int, users: range, items: range, each: int) -> list[tuple[str, str, int]]:
    random = np.random.default_rng(seed)
    return [
        (f"u{user}", f"i{item}", 1_700_000_000 + int(random.integers(0, 4)))
        for user in users
        for item in random.choice(items, size=each, replace=False)
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is deployed knows u0 to u39 and i0 to i29; since, people and items have come and gone."""
    root = tmp_path_factory.mktemp("artifacts")
    old = interactions(1, range(40), range(30), 9)
    split = {"kind": "ratio", "seed": 3}
    write(root, OLD, {"split": split}, old)
    again = [row for row in old if int(row[0][1:]) > 15]
    # Strangers have met nothing that was there before.
    strangers = interactions(3, range(70, 75), range(40, 60), 8)
    rows = again + interactions(2, range(20, 60), range(12, 45), 12) + strangers
    rows = list({row[:2]: row for row in rows}.values())
    write(root, NEW, {"split": split}, rows)
    write(root, STRONG, {"split": {"kind": "strong", "seed": 1, "ratios": [0.6, 0.2, 0.2]}}, rows)
    return root


def trained(root: Path, model: str, digest: str, *, refit: bool = False) -> tuple[str, str]:
    spec = RunSpec(
        str(uuid.uuid4()), model, json.dumps(SMALL[model]), f"datasets/{digest}", 7, Protocol(cutoffs=(5,)),
        device="cpu", refit=Refit(str(uuid.uuid4()), 1) if refit else None,
    )  # fmt: skip
    end = list(experiment.run(spec, root))[-1]
    assert isinstance(end, Finished)
    return end.best.key, end.best.sha256


def ids(data: Dataset, part: str, row: int) -> set[str]:
    return {data.items.id(int(column)) for column in getattr(data, part)[row].indices} if part in data.parts else set()


def slowly(
    model: Recommender, own: Dataset, there: Dataset, split: str, rule: str, cutoffs: list[int], most: int
) -> Any:
    """Means over users one by one; how many users, learnt pairs and unknown items there are; and everybody's list."""
    held = Counter(item for row in range(len(there.users)) for item in ids(there, "train", row))
    training = sum(bool(ids(there, "train", row)) for row in range(len(there.users)))
    lists: dict[str, list[str]] = {}
    learnt = {(own.users.id(row), item) for row in range(len(own.users)) for item in ids(own, "train", row)}
    totals = {f"{name}@{cutoff}": 0.0 for cutoff in cutoffs for name in METRICS}
    users, silent, seen_pairs, unknown = 0, 0, 0, set()
    for row in range(len(there.users)):
        targets = ids(there, split, row)
        if not targets:
            continue
        users += 1
        lists[there.users.id(row)] = []
        seen_pairs += sum((there.users.id(row), item) in learnt for item in targets)
        unknown |= {item for item in targets if own.items.index(item) is None}
        at = {}
        for part in {"train", "fold_in"} & there.parts.keys():
            matrix = there.parts[part]
            first, end = matrix.indptr[row : row + 2]
            assert there.times is not None
            times = there.times[part][first:end]
            at |= {there.items.id(int(c)): int(t) for c, t in zip(matrix.indices[first:end], times, strict=True)}
        known = [item for item in at if own.items.index(item) is not None]
        newest = sorted(known, key=lambda item: (at[item], item.encode()), reverse=True)[:most]
        columns = sorted(own.items.index(item) or 0 for item in newest)
        if not columns:
            silent += 1
            continue
        person = Histories(torch.tensor([-1]), torch.tensor([0, len(columns)]), torch.tensor(columns))
        scores = model.scores(person)[0].tolist()
        masked = set(at) | (ids(there, "valid", row) if rule == "train+valid" else set())
        ranked = sorted(range(len(scores)), key=lambda column: (-scores[column], column))
        ranked_ids = [item for item in map(own.items.id, ranked) if item not in masked]
        lists[there.users.id(row)] = [item for item in ranked_ids[:50] if there.items.index(item) is not None]
        for cutoff in cutoffs:
            known = [item for item in ranked_ids[:cutoff] if there.items.index(item) is not None]
            bits = sum(-math.log2(max(held[item], 1) / training) for item in known)
            totals[f"novelty@{cutoff}"] += bits / max(len(known), 1)
            hits = [item in targets for item in ranked_ids[:cutoff]]
            ideal = sum(1 / math.log2(rank + 2) for rank in range(min(cutoff, len(targets))))
            totals[f"recall@{cutoff}"] += sum(hits) / len(targets)
            totals[f"ndcg@{cutoff}"] += sum(hit / math.log2(rank + 2) for rank, hit in enumerate(hits)) / ideal
    return {name: total / users for name, total in totals.items()}, users, silent, seen_pairs, len(unknown), lists


def measured(
    root: Path, checkpoint: tuple[str, str], digest: str, split: Any = "test", rule: Any = "train"
) -> Evaluated:
    key = f"datasets/{digest}" if digest else ""
    protocol = Protocol(rule, (3, 5, 50), METRICS)
    return experiment.evaluate_checkpoint(
        root, *checkpoint, split, protocol, "cpu", dataset_key=key, evaluation_id=str(uuid.uuid4())
    )


def values(evaluated: Evaluated) -> dict[str, float]:
    return {metric.name: metric.value for metric in evaluated.metrics}


@pytest.mark.parametrize(("model", "refit"), [("valid", False), ("ease", True), ("ials", False)])
def test_equals_the_slow_version(root: Path, monkeypatch: pytest.MonkeyPatch, model: str, refit: bool) -> None:
    monkeypatch.setattr(elsewhere, "MOST_WHOLE", 6)
    checkpoint = trained(root, model, OLD, refit=refit)
    opened, own = open_checkpoint(root, artifacts.load_checkpoint(root, *checkpoint), torch.device("cpu"))
    silent = 0
    for digest, split, rule in [
        (NEW, "test", "train"),
        (NEW, "test", "train+valid"),
        (NEW, "valid", "train"),
        (STRONG, "test", "train"),
    ]:
        there = dataset.load(root, f"datasets/{digest}")
        assert np.diff(there.history.indptr).max() > 6
        expected, users, without, pairs, unknown, lists = slowly(opened, own, there, split, rule, [3, 5, 50], 6)
        found = measured(root, checkpoint, digest, split, rule)
        assert values(found) == pytest.approx(expected, abs=1e-6)
        assert (found.users, found.learnt_from, found.unknown_items) == (users, pairs, unknown)
        assert found.user_values is not None
        kept = user_values.load(root, found.user_values.key, found.user_values.sha256)
        assert (kept.dataset_key, kept.split, kept.mask_rule) == (there.key, split, rule)
        tops = {there.users.id(row): top[top >= 0].tolist() for row, top in zip(kept.users, kept.top, strict=True)}
        assert {user: [there.items.id(column) for column in top] for user, top in tops.items()} == lists
        assert {name: mean_of(column) for name, column in kept.columns.items()} == values(found)
        assert sum(one.users for one in found.groups if one.by == "activity") == users
        assert unknown > 0
        assert pairs > 0 or digest == STRONG
        silent += without
    assert silent > 0


@pytest.mark.parametrize("model", ["valid", "ease", "ials"])
def test_of_a_strong_split_it_equals_the_evaluation_on_its_own_dataset(root: Path, model: str) -> None:
    checkpoint = trained(root, model, STRONG)
    for split in ("valid", "test"):
        own, by_ids = (measured(root, checkpoint, digest, split) for digest in ("", STRONG))
        assert values(own) == values(by_ids)
        assert (by_ids.users, by_ids.learnt_from, by_ids.unknown_items) == (own.users, 0, 0)


def test_over_nobody_there_is_no_mean(root: Path) -> None:
    rows = [(f"u{user}", f"i{item}", 1_700_000_000) for user in range(4) for item in range(3)]
    write(root, BARE, {"split": {"kind": "ratio", "ratios": [0.5, 0, 0.5]}}, rows)
    found = measured(root, trained(root, "ease", OLD), BARE, "valid")
    assert (found.users, found.learnt_from, found.unknown_items) == (0, 0, 0)
    assert all(map(math.isnan, values(found).values()))
    assert (found.user_values, found.groups) == (None, [])


def test_what_cannot_be_measured_is_refused(root: Path) -> None:
    with pytest.raises(FoldInUnsupported, match="was not trained on"):
        measured(root, trained(root, "bpr", OLD), NEW)
    ease = trained(root, "ease", OLD)
    with pytest.raises(DatasetMissing):
        measured(root, ease, "e" * 64)
    refit = trained(root, "ease", OLD, refit=True)
    for own in ("", OLD):
        with pytest.raises(InvalidRequest, match="has learnt from"):
            measured(root, refit, own)
