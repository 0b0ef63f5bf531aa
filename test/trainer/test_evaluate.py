"""The protocol against a ten-line brute force, a case worked by hand, and published figures."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Config, Histories, Recommender
from trainer.contract.ridge import EASEConfig
from trainer.data.dataset import Dataset, IdMap
from trainer.data.importing import Finished, files_of_folder, import_dataset
from trainer.data.tags import Tags
from trainer.errors import Diverged
from trainer.evaluation import evaluate as evaluation
from trainer.evaluation.evaluate import evaluate
from trainer.models.ease import EASE
from trainer.models.itemknn import ItemKNN, ItemKNNConfig
from trainer.models.popularity import Popularity, PopularityConfig


def dataset_of(train: np.ndarray, valid: np.ndarray, test: np.ndarray) -> Dataset:
    users, items = train.shape
    ids = [IdMap(pa.array([str(n) for n in range(size)])) for size in (users, items)]
    parts = [csr_matrix(part.astype(np.float32)) for part in (train, valid, test)]
    return Dataset("k", "d", "s", *parts, *ids, [""] * items, Tags.none(items))


class Scored(Recommender):
    """Scores users as a matrix says."""

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__(Config(), *matrix.shape)
        self.matrix = torch.from_numpy(matrix)

    def scores(self, batch: Histories) -> Tensor:
        return self.matrix[batch.users].clone()


def brute_force(scores: np.ndarray, masked: np.ndarray, truth: np.ndarray, cutoff: int) -> tuple[float, float]:
    recalls, ndcgs = [], []
    for row, mask, wanted in zip(scores, masked, truth, strict=True):
        if not wanted.any():
            continue
        ranked = sorted((i for i in range(len(row)) if not mask[i]), key=lambda i: -row[i])[:cutoff]
        hits = [bool(wanted[i]) for i in ranked]
        recalls.append(sum(hits) / wanted.sum())
        ideal = sum(1 / np.log2(rank + 2) for rank in range(min(cutoff, int(wanted.sum()))))
        ndcgs.append(sum(hit / np.log2(rank + 2) for rank, hit in enumerate(hits)) / ideal)
    return float(np.mean(recalls)), float(np.mean(ndcgs))


@pytest.mark.parametrize("batch", [1, 7, 1024])
def test_equals_brute_force(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(evaluation, "LARGEST_BATCH", batch)
    random = np.random.default_rng(3)
    part = random.choice(4, size=(50, 40), p=[0.8, 0.1, 0.05, 0.05])  # 0 nothing, then train, valid, test
    train, valid, test = (part == number for number in (1, 2, 3))
    test[:5] = False  # users without test items do not count
    scores = random.normal(size=(50, 40))
    results = evaluate(Scored(scores), dataset_of(train, valid, test), cutoffs=(5, 20))
    for (split, rule), masked in {
        ("valid", "train"): train,
        ("test", "train"): train,
        ("test", "train+valid"): train | valid,
    }.items():
        for cutoff in (5, 20):
            recall, ndcg = brute_force(scores, masked, valid if split == "valid" else test, cutoff)
            assert results[split, rule][f"recall@{cutoff}"] == pytest.approx(recall, abs=1e-12)
            assert results[split, rule][f"ndcg@{cutoff}"] == pytest.approx(ndcg, abs=1e-12)


def test_a_case_worked_by_hand() -> None:
    """One user; ranking 3 1 2 0 with item 3 masked as train leaves 1 2 0; test items are 2 and 0."""
    train, valid, test = np.eye(4, dtype=bool)[[[3], [1], [2]]]
    test[0, 0] = True
    scores = np.array([[0.1, 0.8, 0.5, 0.9]])
    results = evaluate(Scored(scores), dataset_of(train, valid, test), cutoffs=(2,))
    assert results["test", "train"]["recall@2"] == pytest.approx(0.5)
    # one hit at rank 2; the ideal list has hits at ranks 1 and 2
    assert results["test", "train"]["ndcg@2"] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert results["test", "train+valid"]["recall@2"] == 1
    assert results["valid", "train"]["recall@2"] == 1


def test_popularity_of_three_users_worked_by_hand() -> None:
    """a was met by three, b by two, c and d by one each: who has met a and b is offered c, then d."""
    train, valid, test = np.zeros((3, 3, 4), dtype=bool)
    train[[0, 0, 1, 1, 2, 2, 2], [0, 1, 0, 2, 0, 1, 3]] = True
    test[[0, 0, 1, 2], [2, 3, 3, 2]] = True
    popularity = train.sum(0).astype(float)
    results = evaluate(Scored(np.tile(popularity, (3, 1))), dataset_of(train, valid, test), cutoffs=(1, 2, 20, 1000))
    measured = results["test", "train"]
    assert measured["recall@1"] == pytest.approx(0.5)
    assert measured["ndcg@1"] == pytest.approx(0.6667, abs=5e-5)
    assert measured["ndcg@2"] == pytest.approx(0.8770, abs=5e-5)
    for cutoff in (20, 1000):
        assert (measured[f"recall@{cutoff}"], measured[f"ndcg@{cutoff}"]) == (measured["recall@2"], measured["ndcg@2"])
    assert measured["recall@2"] == 1
    assert all(value is None or np.isnan(value) for value in results["valid", "train"].values())


def test_over_nobody_there_is_no_mean() -> None:
    nothing, ones = np.zeros((3, 3), dtype=bool), np.eye(3, dtype=bool)
    results = evaluate(Scored(np.ones((3, 3))), dataset_of(ones, nothing, ones[::-1]), cutoffs=(1,))
    assert results["valid", "train"].keys() == {"recall@1", "ndcg@1"}
    assert np.isnan(list(results["valid", "train"].values())).all()
    assert np.isfinite(list(results["test", "train"].values())).all()


def test_scores_that_are_not_numbers_are_refused() -> None:
    ones = np.eye(3, dtype=bool)
    with pytest.raises(Diverged):
        evaluate(Scored(np.full((3, 3), np.nan)), dataset_of(ones, ones[::-1], ones[[1, 2, 0]]))


FIGURES = {
    "popularity": (Popularity, PopularityConfig(), (0.0158, 0.0095, 0.0329, 0.0147)),
    "itemknn": (ItemKNN, ItemKNNConfig(k=1000, shrink=10), (0.2445, 0.1454, 0.3600, 0.1759)),
    "ease": (EASE, EASEConfig(reg_weight=50), (0.2984, 0.1815, 0.4116, 0.2117)),
}


@pytest.fixture(scope="module")
def citeulike(reference_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    files, rule = files_of_folder(reference_dir / "data" / "citeulike-a")
    events = list(import_dataset(files, rule, tmp_path_factory.mktemp("artifacts"), "c" * 64))
    assert isinstance(events[-1], Finished)
    return events[-1].dataset


def test_the_reference_dataset_has_its_published_size(citeulike: Dataset) -> None:
    assert citeulike.train.shape == (5_551, 16_945)
    assert [part.nnz for part in (citeulike.train, citeulike.valid, citeulike.test)] == [168_332, 18_300, 18_297]
    assert citeulike.titles[0] == "The metabolic world of Escherichia coli is not small"


@pytest.mark.parametrize("name", FIGURES)
def test_deterministic_models_reach_their_reference_figures(citeulike: Dataset, name: str) -> None:
    model_class, config, expected = FIGURES[name]
    model: Recommender = model_class(config, *citeulike.train.shape)
    model.prepare(citeulike.train, torch.Generator())
    model.fit(citeulike.train)
    measured = evaluate(model, citeulike, ("test",), ("train",))["test", "train"]
    figures = [measured[key] for key in ("recall@20", "ndcg@20", "recall@50", "ndcg@50")]
    assert figures == pytest.approx(expected, abs=5e-4)
