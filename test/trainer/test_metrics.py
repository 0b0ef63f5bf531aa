"""Every metric against a case worked by hand, those of what was met against an independent library, and what holds of
all of them."""

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from trainer.data.dataset import Dataset, IdMap
from trainer.data.tags import Tags
from trainer.errors import InvalidRequest
from trainer.evaluation import list_metrics
from trainer.evaluation.groups import by_activity, thirds_of_interactions
from trainer.evaluation.list_metrics import CATALOGUE_METRICS, LIST_METRICS
from trainer.evaluation.means import mean_of
from trainer.evaluation.measuring import Asked, Measured, Measuring
from trainer.evaluation.metrics import DEFAULT, METRICS, in_order
from trainer.evaluation.ranking_metrics import RANKING_METRICS
from trainer.evaluation.reference import Reference
from trainer.training.protocol import Protocol

ALL = tuple(METRICS)


def dataset_of(train: Any, test: Any = None, tags: Tags | None = None) -> Dataset:
    train = np.asarray(train)
    users, items = train.shape
    ids = [IdMap(pa.array([str(n) for n in range(size)])) for size in (users, items)]
    nothing = np.zeros_like(train)
    parts = [csr_matrix(np.asarray(part, np.float32)) for part in (train, nothing, nothing if test is None else test)]
    return Dataset("k", "d", "s", *parts, *ids, [""] * items, tags or Tags.none(items))


def measured(data: Dataset, lists: Any, metrics: Sequence[str], cutoffs: Sequence[int], batch: int = 1024) -> Measured:
    """Of users whose lists of items are given."""
    measuring = Measuring(Asked(data.test, data.test, None, Reference(data)), metrics, cutoffs, in_detail=True)
    lists = np.asarray(lists)
    for start in range(0, len(lists), batch):
        rows = np.arange(start, min(start + batch, len(lists)))
        measuring.add(rows, torch.from_numpy(lists[rows]))
    return measuring.ended()


def test_the_catalogue_has_what_is_computed_and_says_what_it_is() -> None:
    assert list(METRICS) == [*RANKING_METRICS, *LIST_METRICS, *CATALOGUE_METRICS]
    assert {name for name, metric in METRICS.items() if not metric.of_user} == CATALOGUE_METRICS.keys()
    for name, metric in METRICS.items():
        assert (metric.name, metric.better in ("higher", "lower", "")) == (name, True)
        of = "each user" if metric.of_user else "all lists"
        row = f"| `{name}` | {metric.title} | {of} | {metric.better or 'neither'} | {metric.definition} |\n"
        assert row in (Path(__file__).parents[2] / "docs/metrics.md").read_text()


def test_metrics_are_kept_in_one_order_and_a_name_that_is_none_is_refused() -> None:
    assert in_order(["gini", "ndcg", "recall", "ndcg"]) == ("recall", "ndcg", "gini")
    assert Protocol(metrics=("ndcg", "recall")) == Protocol(metrics=()) == Protocol(metrics=DEFAULT)
    with pytest.raises(InvalidRequest, match=r"no metric 'auc'; allowed: recall, ndcg, precision") as error:
        Protocol(metrics=("recall", "auc"))
    assert error.value.field == "protocol.metrics"


# One user: of three test items two are at ranks 2 and 4 of a list of four, where at most six are asked for.
HITS, SIZES = torch.tensor([[False, True, False, True, False, False]]), torch.tensor([3])
BY_HAND = {
    ("recall", 2): 1 / 3,
    ("recall", 4): 2 / 3,
    ("ndcg", 4): (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / math.log2(4)),
    ("precision", 2): 1 / 2,
    ("precision", 6): 2 / 6,
    ("hit", 1): 0,
    ("hit", 2): 1,
    ("mrr", 1): 0,
    ("mrr", 6): 1 / 2,
    ("map", 1): 0,
    ("map", 2): (1 / 2) / 2,
    ("map", 6): (1 / 2 + 2 / 4) / 3,
}


@pytest.mark.parametrize(("name", "cutoff"), BY_HAND)
def test_metrics_of_what_was_met_worked_by_hand(name: str, cutoff: int) -> None:
    assert float(RANKING_METRICS[name](HITS, SIZES, cutoff)) == pytest.approx(BY_HAND[name, cutoff], abs=1e-15)


def test_metrics_of_what_was_met_equal_those_of_an_independent_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)  # it takes minutes to compile
    ranx = importlib.import_module("ranx")
    random = np.random.default_rng(5)
    users, items, depth = 25, 40, 25
    test = random.random((users, items)) < random.choice([0.02, 0.1, 0.6], (users, 1))
    test[:, 0] = True
    lists = np.argsort(random.random((users, items)), axis=1)[:, :depth]
    found = measured(dataset_of(np.zeros_like(test), test), lists, tuple(RANKING_METRICS), (5, 20))
    names = {name: name for name in RANKING_METRICS} | {"hit": "hit_rate"}
    qrels = ranx.Qrels({f"{u:03}": {f"{i}": 1 for i in np.flatnonzero(row)} for u, row in enumerate(test)})
    run = ranx.Run({f"{u:03}": {f"{i}": float(-rank) for rank, i in enumerate(row)} for u, row in enumerate(lists)})
    for cutoff in (5, 20):
        for ours, theirs in names.items():
            expected = ranx.evaluate(qrels, run, f"{theirs}@{cutoff}", return_mean=False, make_comparable=True)
            if ours == "map":  # theirs is divided by all test items
                sizes = test.sum(1)
                expected = expected * sizes / np.minimum(sizes, cutoff)
            np.testing.assert_allclose(found.columns[f"{ours}@{cutoff}"], expected, rtol=1e-12, err_msg=ours)


# Four training users; items 0 to 4 have 4, 2, 2, 1 and 0 of them.
TRAIN = [
    [1, 1, 0, 0, 0],
    [1, 1, 1, 0, 0],
    [1, 0, 1, 0, 0],
    [1, 0, 0, 1, 0],
]
ANY = np.ones((4, 5), bool)
LISTS = [[0, 1, 3], [1, 2, 4], [3, -1, -1], [-1, -1, -1]]


def test_novelty_and_long_tail_worked_by_hand() -> None:
    found = measured(dataset_of(TRAIN, ANY), LISTS, ("novelty", "tail"), (1, 3)).columns
    # Bits: 0 of everybody's item, 1 of every other's, 2 of a quarter's, and as much of nobody's.
    assert found["novelty@3"].tolist() == [(0 + 1 + 2) / 3, (1 + 1 + 2) / 3, 2, 0]
    assert found["novelty@1"].tolist() == [0, 1, 2, 0]
    # 9 interactions: items 0, 1 and 2 hold 4, 6 and 8 of them, and 80 % are 7.2.
    assert Reference(dataset_of(TRAIN)).is_tail.tolist() == [False, False, False, True, True]
    assert found["tail@3"].tolist() == [1 / 3, 1 / 3, 1, 0]


def test_diversity_worked_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    cosines = {(0, 1): 2 / math.sqrt(4 * 2), (0, 3): 1 / math.sqrt(4 * 1), (1, 3): 0.0}
    expected = [1 - sum(cosines.values()) / 3, 1 - (1 / 2 + 0 + 0) / 3, 0, 0]
    for entries in (list_metrics.MOST_ENTRIES, 1):  # a strip for each list
        monkeypatch.setattr(list_metrics, "MOST_ENTRIES", entries)
        found = measured(dataset_of(TRAIN, ANY), LISTS, ("diversity",), (1, 3)).columns
        assert found["diversity@3"] == pytest.approx(expected, abs=1e-12)
        assert found["diversity@1"].tolist() == [0, 0, 0, 0]


def test_calibration_worked_by_hand() -> None:
    # Items 0 and 1 are tagged a, item 2 a and b, item 3 b, item 4 nothing.
    tags = Tags(["a", "b"], np.array([0, 1, 2, 4, 5, 5]), np.array([0, 0, 0, 1, 1]))
    train = [*TRAIN[:3], [0, 0, 0, 0, 1]]
    found = measured(dataset_of(train, ANY, tags), [[3, 4], [0, 3], [4, -1], [0, 1]], ("calibration",), (2,))

    def divergence(p: list[float], q: list[float]) -> float:
        return sum(x * math.log(x / (0.99 * y + 0.01 * x)) for x, y in zip(p, q, strict=True) if x > 0)

    expected = [
        divergence([1, 0], [0, 1]),  # an item without a tag does not count
        divergence([2.5 / 3, 0.5 / 3], [0.5, 0.5]),
        -math.log(0.01),  # of a list without a tag
        0,  # of a history without one
    ]
    assert found.columns["calibration@2"] == pytest.approx(expected, abs=1e-12)
    assert found.columns["calibration@2"][0] == pytest.approx(-math.log(0.01))


def test_without_tags_groups_are_clusters_of_the_training_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.evaluation.reference.CLUSTERS", 2)
    blocks = np.kron(np.eye(2), np.ones((6, 4)))  # two kinds of people, with four items each
    data = dataset_of(np.column_stack([blocks, np.zeros(12)]), np.ones((12, 9)))
    shares = Reference(data).shares.toarray()
    assert (shares[:8].sum(1) == 1).all()
    assert shares[8].tolist() == [0, 0]  # nobody has it
    np.testing.assert_array_equal(shares[:4], np.repeat(shares[:1], 4, 0))
    np.testing.assert_array_equal(shares[4:8], 1 - shares[:4])
    own, others = list(range(4)), list(range(4, 8))
    found = measured(data, [own] * 6 + [own] * 3 + [others] * 3, ("calibration",), (4,)).columns["calibration@4"]
    assert found == pytest.approx([0] * 6 + [-math.log(0.01)] * 3 + [0] * 3, abs=1e-12)


def test_coverage_and_gini_worked_by_hand() -> None:
    found = measured(dataset_of(TRAIN, ANY), LISTS, ("coverage", "gini"), (1, 3))
    assert found.columns == {}
    assert (found.metrics["coverage@1"], found.metrics["coverage@3"]) == (3 / 5, 1)
    # How often, rarest first: 0 0 1 1 1, and 1 1 1 2 2.
    assert found.metrics["gini@1"] == pytest.approx((0 * 1 + 2 * 1 + 4 * 1) / (4 * 3))
    assert found.metrics["gini@3"] == pytest.approx((-4 * 1 - 2 * 1 + 0 * 1 + 2 * 2 + 4 * 2) / (4 * 7))
    everybody = measured(dataset_of(TRAIN, ANY), [[0]] * 4, ("gini",), (1,)).metrics
    assert everybody == {"gini@1": 1}


def test_groups_worked_by_hand() -> None:
    # The middles of 0 to 0, 0 to 1, 1 to 3, 3 to 6 and 6 to 12.
    assert thirds_of_interactions(np.array([6, 3, 2, 1, 0])).tolist() == [2, 1, 0, 0, 0]
    assert thirds_of_interactions(np.array([1, 1, 1])).tolist() == [1, 1, 1]
    assert thirds_of_interactions(np.array([4, 1, 3, 3, 1])).tolist() == [2, 0, 1, 1, 0]
    assert thirds_of_interactions(np.zeros(3, np.int64)).tolist() == [0, 0, 0]
    values = {"recall@5": np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])}
    low, middle, high = by_activity(np.array([9, 1, 2, 2, 2, 3, 4]), values, (), {})
    assert [(one.group, one.first, one.last, one.users) for one in (low, middle, high)] == [
        ("low", 1, 2, 4), ("middle", 3, 3, 1), ("high", 4, 9, 2),
    ]  # fmt: skip
    assert low.metrics == {"recall@5": pytest.approx((0.2 + 0.3 + 0.4 + 0.5) / 4)}
    assert high.metrics == {"recall@5": pytest.approx((0.1 + 0.7) / 2)}
    assert [one.group for one in by_activity(np.array([5, 5]), {}, (), {})] == ["low"]
    assert by_activity(np.array([], np.int64), {}, (), {}) == []


def test_by_popularity_only_items_of_the_group_are_to_be_found() -> None:
    train = np.zeros((12, 4))
    train[:6, 0] = train[:4, 1] = train[:2, 2] = 1  # popularity 6, 4, 2, 0: groups high, middle, low, low
    test = np.zeros((12, 4), bool)
    test[6], test[7, 2], test[8, 0] = [True, False, True, True], True, True
    data = dataset_of(train, test)
    lists = np.full((12, 3), -1)
    lists[6], lists[7], lists[8] = [1, 2, 0], [1, 0, 2], [0, 1, 2]
    found = measured(data, lists, ("recall", "mrr", "coverage"), (2, 3))
    groups = {one.group: one for one in found.groups if one.by == "popularity"}
    assert {name: (one.first, one.last, one.users) for name, one in groups.items()} == {
        "low": (0, 2, 2), "middle": (4, 4, 0), "high": (6, 6, 2),
    }  # fmt: skip
    # Of items 2 and 3, which are low, nobody's list has the other.
    low = {"recall@2": 1 / 4, "mrr@2": 1 / 4, "recall@3": 3 / 4, "mrr@3": (1 / 2 + 1 / 3) / 2}
    assert groups["low"].metrics == low | {"coverage@2": 1 / 2, "coverage@3": 1 / 2}
    high = {"recall@2": 1 / 2, "mrr@2": 1 / 2, "recall@3": 1, "mrr@3": (1 / 3 + 1) / 2}
    assert groups["high"].metrics == high | {"coverage@2": 1, "coverage@3": 1}
    assert groups["middle"].metrics == {"coverage@2": 1, "coverage@3": 1}
    assert {one.users for one in found.groups if one.by == "activity"} == {3}


def test_by_popularity_lists_are_those_of_the_items_of_the_group() -> None:
    # 9 interactions: item 0, which is high, has 4 of them, 1 and 2, which are middle, 2 each, 3 has one, 4 none.
    data = dataset_of(TRAIN, ANY, Tags(["a", "b"], np.array([0, 1, 2, 3, 4, 5]), np.array([0, 0, 1, 0, 1])))
    metrics = ("novelty", "tail", "diversity", "calibration")
    with_one = {f"{name}@{cutoff}" for name in metrics for cutoff in (1, 3)} - {"diversity@1"}
    for batch in (1, 4):
        found = measured(data, [[0, 2, 3], [1, 2, 4], [3, 0, -1], [-1, -1, -1]], metrics, (1, 3), batch)
        low, middle, high = (one.metrics for one in found.groups if one.by == "popularity")
        # Only the second list has two items of a group: 1 and 2.
        assert (low.keys(), middle.keys(), high.keys()) == (with_one - {"diversity@3"}, with_one, low.keys())
        assert [one["novelty@3"] for one in (low, middle, high)] == [2, 1, 0]
        assert [one["tail@3"] for one in (low, middle, high)] == [1, 0, 0]
        own = measured(data, [[2], [1], [3], [-1]], ("calibration",), (1,)).columns["calibration@1"]
        both = measured(data, [[1, 2]] * 4, metrics, (2,)).columns
        assert middle["diversity@3"] == pytest.approx(both["diversity@2"][1])
        assert middle["calibration@1"] == pytest.approx(own[1])
        assert middle["calibration@3"] == pytest.approx((own[0] + both["calibration@2"][1]) / 2)
        assert low["calibration@1"] == pytest.approx(own[2])


def test_coverage_and_gini_of_groups_worked_by_hand() -> None:
    train = np.zeros((6, 6))
    # Popularity 1, 2, 2, 0, 0, 4; activity 4, 3, 1, 1, 0, 0.
    train[:1, 0] = train[:2, 1] = train[:2, 2] = train[:4, 5] = 1
    lists = [[3, 4], [0, 4], [1, 5], [1, 5], [1, 2], [5, 2]]
    found = measured(dataset_of(train, np.ones((6, 6))), lists, ("coverage", "gini"), (2,), batch=4)
    of = {(one.by, one.group): one.metrics for one in found.groups}

    def expected(coverage: float, gini: float) -> dict[str, float]:
        return {"coverage@2": coverage, "gini@2": pytest.approx(gini)}

    # Items 0 to 5 are in 1 3 2 1 2 3 of all lists; of two people's each in 0 1 2 0 0 1, 0 2 0 0 0 2 and 1 0 0 1 2 0.
    assert found.metrics == expected(1, (-5 * 1 - 3 * 1 - 1 * 2 + 1 * 2 + 3 * 3 + 5 * 3) / (5 * 12))
    assert of["activity", "low"] == expected(3 / 6, (1 * 1 + 3 * 1 + 5 * 2) / (5 * 4))
    assert of["activity", "middle"] == expected(2 / 6, (3 * 2 + 5 * 2) / (5 * 4))
    assert of["activity", "high"] == expected(3 / 6, (1 * 1 + 3 * 1 + 5 * 2) / (5 * 4))
    # Items 0, 3 and 4; 1 and 2; 5 alone, which cannot be uneven.
    assert of["popularity", "low"] == expected(1, (-2 * 1 + 0 * 1 + 2 * 2) / (2 * 4))
    assert of["popularity", "middle"] == expected(1, (-1 * 2 + 1 * 3) / (1 * 5))
    assert of["popularity", "high"] == expected(1, 0)
    # Of items that nobody is recommended nothing is covered.
    nobody = measured(dataset_of(train, np.ones((6, 6))), [[5]] * 6, ("coverage", "gini"), (1,)).groups
    assert {one.group: one.metrics["coverage@1"] for one in nobody if one.by == "popularity"} == {
        "low": 0, "middle": 0, "high": 1,
    }  # fmt: skip


def test_over_nobody_there_is_no_number_and_no_group() -> None:
    found = measured(dataset_of(TRAIN), LISTS, ALL, (1, 20))
    assert len(found.users) == len(found.groups) == len(found.top) == 0
    assert found.metrics.keys() == {f"{name}@{cutoff}" for name in ALL for cutoff in (1, 20)}
    assert np.isnan(list(found.metrics.values())).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(2, 12), st.sampled_from([(1,), (2, 5), (3, 20)]))
def test_what_holds_of_any_lists(seed: int, users: int, items: int, cutoffs: tuple[int, ...]) -> None:
    random = np.random.default_rng(seed)
    train, test = random.random((2, users, items)) < 0.3
    order = np.argsort(random.random((users, items)), axis=1)
    order[np.arange(items) >= random.integers(0, items + 1, (users, 1))] = -1  # lists end where they like
    data = dataset_of(train, test)
    found = measured(data, order, ALL, cutoffs)
    again = measured(data, order, ALL, cutoffs, batch=2)
    assert again.metrics == pytest.approx(found.metrics, rel=1e-12, nan_ok=True)
    assert np.array_equal(again.top, found.top)
    assert [one.users for one in again.groups] == [one.users for one in found.groups]
    highest = {"novelty": math.log2(max(users, 1)) + 1e-9, "calibration": -math.log(0.01) + 1e-9}
    for name, values in found.columns.items():
        assert found.metrics[name] == mean_of(values) or not len(values)
        assert (values >= -1e-12).all()
        assert (values <= highest.get(name.partition("@")[0], 1)).all()
    for name in ("coverage", "gini"):
        assert all(0 <= found.metrics[f"{name}@{cutoff}"] <= 1 for cutoff in cutoffs if len(found.users))
    for name in ("recall", "hit", "mrr"):
        rising = np.array([found.columns[f"{name}@{cutoff}"] for cutoff in cutoffs])
        assert (np.diff(rising, axis=0) >= 0).all()
    perfect = np.argsort(~test, axis=1, kind="stable")
    best = measured(data, perfect, ("ndcg", "map", "hit", "mrr"), cutoffs).columns
    assert all(values == pytest.approx(1) for values in best.values())


def test_the_mean_is_that_of_blocks_and_no_other() -> None:
    """So that what was measured before there were values of users is measured again to the bit."""
    values = np.random.default_rng(2).random(2_500)
    blocks = [torch.from_numpy(values[start : start + 1024]).sum() for start in (0, 1024, 2048)]
    assert mean_of(values) == sum(map(float, blocks)) / 2500
    assert math.isnan(mean_of(values[:0]))
