"""Whole comparisons, from the files of user values to the fields of the answer."""

import json
import math
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from trainer.data import dataset, manifest
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.errors import InvalidRequest, ValuesCorrupt, ValuesMissing
from trainer.evaluation.comparing import ComparedGroup, ComparedRun, CompareRequest
from trainer.evaluation.comparing.comparison import compare
from trainer.evaluation.user_values import USERS, UserValues, save
from trainer.events import Compared, from_line, to_line
from trainer.pb.trainer.v1 import comparing_pb2 as pb

DIGEST = "ab" * 32
PEOPLE = np.array([0, 1, *range(3, 41)], np.int32)
METRICS = ("recall@2", "calibration@2")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    ones = csr_matrix(np.ones((41, 3), np.float32))
    dataset.save(
        folder, DIGEST, dict.fromkeys(dataset.PARTS, ones), IdMap(pa.array([f"user {row}" for row in range(41)])),
        IdMap(pa.array(["a", "b", "c"])), [""] * 3, Tags.none(3), rule={}, statistics={},
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def split_digest(root: Path) -> str:
    return dataset.load(root, dataset.key_of(DIGEST)).split_digest


@pytest.fixture
def values(split_digest: str) -> Callable[..., UserValues]:
    def made(seed: int, better: float = 0.0, **changes: Any) -> UserValues:
        """Of 40 people, of whom a model finds what chance gives it."""
        draw = np.random.default_rng(seed)
        recall = draw.binomial(5, np.clip(np.linspace(0, 0.6, 40) + better, 0, 1)) / 5
        one = UserValues(
            users=PEOPLE,
            history=np.ones(40, np.int32),
            items=np.full(40, 5, np.int32),
            columns={"recall@2": recall, "calibration@2": 3 - recall},
            top=np.tile(np.array([seed % 3, (seed + 1) % 3], np.int32), (40, 1)),
            dataset_key=dataset.key_of(DIGEST),
            split_digest=split_digest,
            split="test",
            mask_rule="train",
            metrics=("recall", "calibration"),
            cutoffs=(1, 2),
        )
        return replace(one, **changes)

    return made


def run(root: Path, values: UserValues, seed: int) -> ComparedRun:
    ref = save(root, str(uuid.uuid4()), values)
    return ComparedRun(str(uuid.uuid4()), seed, ref.key, ref.sha256)


def asked(*groups: list[ComparedRun], **values: Any) -> CompareRequest:
    named = tuple(ComparedGroup(f"group {place}", tuple(runs)) for place, runs in enumerate(groups))
    defaults = {"baseline": 1, "metrics": METRICS, "draws": 200, "seed": 5}
    return CompareRequest(**{"dataset_key": dataset.key_of(DIGEST), "groups": named, **defaults, **values})


def compared(root: Path, request: CompareRequest) -> pb.CompareFinished:
    """As it leaves the server, `seconds` aside."""
    event = from_line(to_line(Compared(compare(root, request, lambda done, total: None))))
    assert isinstance(event, Compared)
    message = pb.CompareFinished(**event.result)
    message.seconds = 0
    return message


def test_two_groups(root: Path, values: Callable[..., UserValues]) -> None:
    first, second, other = values(1, 0.3), values(2, 0.3), values(3)
    one = [run(root, first, 1), run(root, second, 2)]
    found = compared(root, asked(one, [run(root, other, 1)]))
    assert (found.users, found.family, found.draws, found.interval_method) == (40, 2, 200, "bca")

    mean, of_baseline = found.means[0], found.means[2]
    a, b = (first.columns["recall@2"] + second.columns["recall@2"]) / 2, other.columns["recall@2"]
    assert (mean.group, mean.metric, mean.seeds) == (0, "recall@2", 2)
    assert mean.mean == pytest.approx(a.mean())
    assert mean.interval.low < mean.mean < mean.interval.high
    seeds = [first.columns["recall@2"].mean(), second.columns["recall@2"].mean()]
    assert mean.seed_deviation == pytest.approx(np.std(seeds, ddof=1))
    assert (of_baseline.seeds, math.isnan(of_baseline.seed_deviation)) == (1, True)

    recall, calibration = found.differences
    assert (recall.group, recall.baseline, recall.metric) == (0, 1, "recall@2")
    assert recall.difference == pytest.approx(a.mean() - b.mean())
    assert recall.relative == pytest.approx(a.mean() / b.mean() - 1)
    assert recall.users_interval.low < recall.difference < recall.users_interval.high
    assert not recall.HasField("seeds_interval")
    assert recall.p_randomisation == pytest.approx(2 / 201)
    assert recall.p_t < 1e-4
    assert recall.p_randomisation_holm == pytest.approx(4 / 201)
    assert recall.p_t_holm == pytest.approx(2 * recall.p_t)
    assert recall.effect == pytest.approx(recall.t / math.sqrt(40))
    assert math.isnan(recall.p_seeds)
    assert (recall.seeds_test, len(recall.detectable)) == ("", 0)

    apart = np.round(a - b, 9)
    counts = [int((apart > 0).sum()), int((apart == 0).sum()), int((apart < 0).sum())]
    assert [recall.won, recall.tied, recall.lost] == counts
    assert sum(one.users for one in recall.histogram) == 40
    place = int(np.argmax(apart))
    most = recall.won_most[0]
    assert (most.user, most.value, most.baseline) == (f"user {PEOPLE[place]}", a[place], b[place])
    assert len(recall.won_most) == 10
    # Who is better calibrated has less.
    assert calibration.difference == pytest.approx(-recall.difference)
    assert [calibration.won, calibration.tied, calibration.lost] == counts
    assert [one.user for one in calibration.won_most] == [one.user for one in recall.won_most]

    shared = {one.depth: one for one in found.overlaps}
    assert (shared[1].overlap, shared[1].within_group, shared[2].within_group) == (0, 0, 0.5)
    assert shared[2].overlap == 0.5
    assert math.isnan(shared[1].within_baseline)


def test_seeds_of_both_are_tested_and_one_seed_says_so(root: Path, values: Callable[..., UserValues]) -> None:
    groups = [[run(root, values(10 * place + seed, 0.1 * place), seed) for seed in (1, 2, 3)] for place in range(2)]
    several = compared(root, asked(*groups)).differences[0]
    assert (several.seeds_test, len(several.detectable)) == ("welch", 7)
    assert 0 < several.p_seeds < 1
    assert several.seeds_interval.low < several.difference < several.seeds_interval.high
    alone = compared(root, asked(groups[0][:1], groups[1][:1]))
    assert [mean.seeds for mean in alone.means] == [1] * 4
    assert not alone.differences[0].HasField("seeds_interval")
    assert alone.differences[0].HasField("users_interval")


def test_one_run_of_a_closed_form_says_what_all_its_seeds_would(root: Path, values: Callable[..., UserValues]) -> None:
    trained, fixed = [run(root, values(seed, 0.2), seed) for seed in (1, 2, 3)], [run(root, values(4), 1)]
    request = asked(trained, fixed)
    groups = (request.groups[0], replace(request.groups[1], closed_form=True))
    found = compared(root, CompareRequest.of(json.loads(json.dumps(asdict(replace(request, groups=groups))))))
    for one in found.differences:
        assert (one.seeds_test, len(one.detectable)) == ("one_sample", 7)
        assert 0 < one.p_seeds < 1
        assert one.seeds_interval.low < one.difference < one.seeds_interval.high


def test_the_same_request_gives_the_same_answer(root: Path, values: Callable[..., UserValues]) -> None:
    groups = [[run(root, values(seed), seed) for seed in some] for some in ((1, 2), (3, 4))]
    first = compared(root, asked(*groups))
    assert compared(root, asked(*groups)) == first
    assert compared(root, asked(*groups, seed=6)).differences[0].users_interval != first.differences[0].users_interval


def test_models_that_are_the_same_do_not_differ(root: Path, values: Callable[..., UserValues]) -> None:
    groups = [[run(root, values(seed), seed) for seed in (1, 2)] for _ in range(2)]
    found = compared(root, asked(*groups, draws=0)).differences[0]
    assert (found.difference, found.relative, found.t, found.effect) == (0, 0, 0, 0)
    assert (found.p_t, found.p_randomisation, found.p_t_holm, found.p_randomisation_holm, found.p_seeds) == (1,) * 5
    assert (found.users_interval.low, found.users_interval.high) == (0, 0)
    assert (found.won, found.tied, found.lost) == (0, 40, 0)
    assert len(found.won_most) == len(found.lost_most) == 0
    assert [(one.users, getattr(one, "from")) for one in found.histogram] == [(40, 0)]


def test_a_difference_that_is_the_same_for_everybody(root: Path, values: Callable[..., UserValues]) -> None:
    flat = [values(1, columns=dict.fromkeys(METRICS, np.full(40, mean))) for mean in (0.0, 0.25)]
    found = compared(root, asked(*[[run(root, one, 1)] for one in reversed(flat)])).differences[0]
    assert (found.users_interval.low, found.users_interval.high) == (0.25, 0.25)
    assert found.p_randomisation == pytest.approx(2 / 201)
    for undefined in (found.relative, found.t, found.p_t, found.p_t_holm, found.effect):
        assert math.isnan(undefined)


def test_pairs_are_of_a_baseline_or_each_with_each(root: Path, values: Callable[..., UserValues]) -> None:
    groups = [[run(root, values(seed), 1)] for seed in range(3)]
    told: list[tuple[int, int]] = []
    found = compare(root, asked(*groups, baseline=-1), lambda done, total: told.append((done, total)))
    pairs = [(one["group"], one["baseline"], one["metric"]) for one in found["differences"]]
    assert pairs == [(a, b, metric) for a, b in ((0, 1), (0, 2), (1, 2)) for metric in METRICS]
    assert found["family"] == 6
    assert told == sorted(told)
    assert told[-1] == (400, 400)
    to_second = compared(root, asked(*groups, baseline=1))
    assert [(one.group, one.baseline) for one in to_second.differences[::2]] == [(0, 1), (2, 1)]


@pytest.mark.parametrize(("changes", "message"), [
    ({"split_digest": "c" * 64}, f"its split is {'c' * 64}, not "),
    ({"split": "valid"}, "its measured part is valid, not test"),
    ({"mask_rule": "train+valid"}, "its mask rule is train.valid, not train"),
    ({"users": np.arange(40, dtype=np.int32)}, "other users were measured: 40, not the same 40"),
])  # fmt: skip
def test_what_cannot_be_compared_is_said(
    root: Path, values: Callable[..., UserValues], changes: dict[str, Any], message: str
) -> None:
    groups = [run(root, values(1), 1)], [run(root, values(2), 1), run(root, values(2, **changes), 2)]
    with pytest.raises(InvalidRequest, match=message) as caught:
        compare(root, asked(*map(list, groups)), lambda done, total: None)
    assert caught.value.field == "groups[1].runs[1].values"


def test_a_metric_that_was_not_measured_of_users_is_named(root: Path, values: Callable[..., UserValues]) -> None:
    groups = [[run(root, values(seed), 1)] for seed in (1, 2)]
    with pytest.raises(InvalidRequest, match="has no coverage@2 of its users, but recall@2, calibration@2") as caught:
        compare(root, asked(*groups, metrics=("recall@2", "coverage@2")), lambda done, total: None)
    assert caught.value.field == "metrics"


def test_of_one_person_there_are_no_intervals(root: Path, values: Callable[..., UserValues]) -> None:
    alone = {"users": PEOPLE[:1], "columns": dict.fromkeys(METRICS, np.ones(1)), "top": np.zeros((1, 2), np.int32)}
    few = values(1, **alone, history=np.ones(1, np.int32), items=np.ones(1, np.int32))
    found = compared(root, asked(*[[run(root, few, seed) for seed in (1, 2)] for _ in range(2)]))
    assert not any(one.HasField("interval") for one in found.means)
    for one in found.differences:
        assert not one.HasField("users_interval")
        assert not one.HasField("seeds_interval")


def test_the_answer_to_as_many_tests_as_there_may_be_is_one_message(tmp_path: Path) -> None:
    names = tuple(f"calibration@{cutoff}" for cutoff in range(1, 501))
    ids = IdMap(pa.array([f"{row:0512}" for row in range(12)]))
    ones, items = csr_matrix(np.ones((12, 3), np.float32)), IdMap(pa.array(["a", "b", "c"]))
    parts = dict.fromkeys(dataset.PARTS, ones)
    split_digest = dataset.save(tmp_path, DIGEST, parts, ids, items, [""] * 3, Tags.none(3), rule={}, statistics={})
    draw, twelve = np.random.default_rng(1), np.ones(12, np.int32)

    def made() -> UserValues:
        return UserValues(
            users=np.arange(12, dtype=np.int32), history=twelve, items=twelve,
            columns={name: draw.random(12) for name in names}, top=np.zeros((12, 50), np.int32),
            dataset_key=dataset.key_of(DIGEST), split_digest=split_digest, split="test", mask_rule="train",
            metrics=("calibration",), cutoffs=(10, 20, 50),
        )  # fmt: skip

    groups = [[run(tmp_path, made(), seed) for seed in (1, 2)] for _ in range(3)]
    found = compared(tmp_path, asked(*groups, metrics=names, draws=100))
    assert found.family == 1000
    assert all(len(one.won_most) == len(one.lost_most) == 1 and len(one.detectable) == 7 for one in found.differences)
    assert found.ByteSize() < 3 << 20  # which leaves room for more groups and depths


def test_nobody_is_not_compared(root: Path, values: Callable[..., UserValues]) -> None:
    none = {"users": PEOPLE[:0], "columns": dict.fromkeys(METRICS, np.empty(0)), "top": np.empty((0, 2), np.int32)}
    groups = [[run(root, values(seed, **none, history=PEOPLE[:0], items=PEOPLE[:0]), 1)] for seed in (1, 2)]
    with pytest.raises(InvalidRequest, match="nobody was measured"):
        compare(root, asked(*groups), lambda done, total: None)


def test_of_the_dataset_only_its_ids_are_read(
    root: Path, values: Callable[..., UserValues], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    proven = manifest.sha256_of
    monkeypatch.setattr(manifest, "sha256_of", lambda path: read.append(path.name) or proven(path))
    compared(root, asked(*[[run(root, values(seed), 1)] for seed in (1, 2)]))
    assert read == [dataset.IDS]


def test_the_dataset_is_the_one_that_was_measured(root: Path, values: Callable[..., UserValues]) -> None:
    groups = [[run(root, values(seed, split_digest="c" * 64), 1)] for seed in (1, 2)]
    with pytest.raises(InvalidRequest, match="measured on split c") as caught:
        compare(root, asked(*groups), lambda done, total: None)
    assert caught.value.field == "dataset_key"


def test_damaged_and_missing_values_are_named(root: Path, values: Callable[..., UserValues]) -> None:
    one, other = run(root, values(1), 1), run(root, values(2), 1)
    path = root / other.key / USERS
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValuesCorrupt, match=other.key):
        compare(root, asked([one], [other]), lambda done, total: None)
    gone = replace(other, key=f"values/{uuid.uuid4()}")
    with pytest.raises(ValuesMissing, match=gone.key):
        compare(root, asked([one], [gone]), lambda done, total: None)
