"""The real trainer process over real gRPC: values of users, kept, read and compared."""

import csv
import hashlib
import io
import itertools
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from trainer.data import dataset
from trainer.evaluation import user_values
from trainer.evaluation.means import mean_of
from trainer.pb.trainer.v1 import comparing_pb2 as cs
from trainer.pb.trainer.v1 import measures_pb2 as ms
from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer.server import measures
from trainer_process import DIGEST, SECONDS, Server, Stub, refused, request, train


@pytest.fixture(scope="module")
def kept(server: Server) -> pb.TrainFinished:
    """Of a run that measured novelty, recall and Gini at 5 and 20."""
    asked = pb.Protocol(mask_test="train", cutoffs=[5, 20], metrics=["gini", "novelty", "recall"])
    return train(server[1], request("{}", model="popularity", protocol=asked))[-1].finished


def test_what_can_be_measured_is_listed(stub: Stub) -> None:
    listed = {metric.name: metric for metric in stub.ListMetrics(ms.ListMetricsRequest(), timeout=SECONDS).metrics}
    assert list(listed)[:2] == ["recall", "ndcg"]
    assert (listed["gini"].of_user, listed["gini"].better, listed["novelty"].better) == (False, "lower", "")
    assert listed["map"].definition.startswith("Sum of the precision")


def test_a_run_keeps_the_values_of_its_users(root: Path, kept: pb.TrainFinished) -> None:
    values = user_values.load(root, kept.values.key, kept.values.sha256)
    assert list(values.columns) == ["recall@5", "novelty@5", "recall@20", "novelty@20"]
    assert kept.values.users == len(values.users) > 30
    metrics = {metric.name: metric.value for metric in kept.metrics}
    assert metrics.keys() == {*values.columns, "gini@5", "gini@20"}
    assert {name: mean_of(column) for name, column in values.columns.items()}.items() <= metrics.items()
    assert {(one.by, one.group) for one in kept.groups} >= {("activity", "low"), ("popularity", "high")}
    for by in ("activity", "popularity"):
        some = [one for one in kept.groups if one.by == by]
        assert all(one.to < getattr(after, "from") for one, after in itertools.pairwise(some))
    assert sum(one.users for one in kept.groups if one.by == "activity") == kept.values.users


def page(stub: Stub, kept: pb.TrainFinished, **asked: Any) -> ms.ReadUserValuesResponse:
    fields = {"values": kept.values, "dataset_key": dataset.key_of(DIGEST), "limit": 1000, **asked}
    return stub.ReadUserValues(pb.ReadUserValuesRequest(**fields), timeout=SECONDS)


def test_values_of_users_are_read_in_pages_in_any_order(root: Path, stub: Stub, kept: pb.TrainFinished) -> None:
    whole = page(stub, kept)
    values = user_values.load(root, kept.values.key, kept.values.sha256)
    assert list(whole.columns) == list(values.columns)
    assert whole.total == len(whole.rows) == len(values.users)
    assert [row.user for row in whole.rows] == [f"user {row}" for row in values.users]
    assert [row.history for row in whole.rows] == values.history.tolist()
    assert [row.items for row in whole.rows] == values.items.tolist()
    assert [row.values[1] for row in whole.rows] == values.columns["novelty@5"].tolist()
    for sort, key in {
        "recall@20": lambda row: row.values[2],
        "history": lambda row: row.history,
        "items": lambda row: row.items,
        "user": lambda row: row.user,
    }.items():
        for descending in (False, True):
            pages = [page(stub, kept, sort=sort, descending=descending, offset=at, limit=7) for at in range(0, 49, 7)]
            # Of equal ones as the dataset has its users: Python's sort is stable, also reversed.
            expected = sorted(whole.rows, key=key, reverse=descending)
            assert [row for one in pages for row in one.rows] == expected
            assert {one.total for one in pages} == {whole.total}
    assert list(page(stub, kept, user=whole.rows[3].user).rows) == [whole.rows[3]]
    assert page(stub, kept, user="nobody").total == 0
    assert len(page(stub, kept, offset=1000).rows) == 0


@pytest.mark.parametrize(
    ("asked", "code", "place"),
    [
        ({"limit": 0}, "invalid_request", "limit"),
        ({"limit": 1001}, "invalid_request", "limit"),
        ({"offset": -1}, "invalid_request", "offset"),
        ({"sort": "gini@5"}, "invalid_request", "sort"),
        ({"dataset_key": f"datasets/{'0' * 64}"}, "invalid_request", "dataset_key"),
        ({"values": ms.UserValuesRef(key=f"values/{uuid.UUID(int=1)}")}, "values_missing", "values.key"),
        ({"values": ms.UserValuesRef(key="../secrets")}, "invalid_request", "values.key"),
    ],
)
def test_a_page_that_there_is_not_is_refused(
    stub: Stub, kept: pb.TrainFinished, asked: dict[str, Any], code: str, place: str
) -> None:
    assert refused(lambda: page(stub, kept, **asked))[1:3] == (code, place)


def test_turning_pages_reads_a_file_once(root: Path, kept: pb.TrainFinished, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    load = user_values.load
    monkeypatch.setattr(
        user_values, "load", lambda root, key, sha256, **how: loaded.append(key) or load(root, key, sha256, **how)
    )
    fields = {"values": kept.values, "dataset_key": dataset.key_of(DIGEST), "limit": 7}
    pages = [measures.page(root, pb.ReadUserValuesRequest(offset=at, **fields)) for at in range(0, 21, 7)]
    assert len({row.user for one in pages for row in one.rows}) == 21
    assert loaded == [kept.values.key]


def downloaded(stub: Stub, kept: pb.TrainFinished, **asked: Any) -> bytes:
    message = pb.DownloadUserValuesRequest(
        **{"values": kept.values, "dataset_key": dataset.key_of(DIGEST), "format": "csv", **asked}
    )
    return b"".join(part.data for part in stub.DownloadUserValues(message, timeout=SECONDS))


def test_values_of_users_are_downloaded_with_ids(root: Path, stub: Stub, kept: pb.TrainFinished) -> None:
    whole = page(stub, kept)
    names = ["user", "history", "items", *whole.columns]
    rows = [[row.user, row.history, row.items, *row.values] for row in whole.rows]
    head, *lines = csv.reader(downloaded(stub, kept).decode().splitlines())
    assert head == names
    assert [[user, *map(float, numbers)] for user, *numbers in lines] == rows
    table = pyarrow.parquet.read_table(io.BytesIO(downloaded(stub, kept, format="parquet")))
    assert table.column_names == [*names, "top"]
    assert [list(row.values())[:-1] for row in table.to_pylist()] == rows
    top = user_values.load(root, kept.values.key, kept.values.sha256).top
    assert table["top"].to_pylist() == [[f"item {column}" for column in columns if column >= 0] for columns in top]
    assert refused(lambda: downloaded(stub, kept, format="xlsx"))[1:3] == ("invalid_request", "format")


def test_who_was_erased_since_has_no_values(stub: Stub, kept: pb.TrainFinished) -> None:
    whole = page(stub, kept)
    gone = whole.rows[3].user
    digest = hashlib.sha256(b"salt" + gone.encode()).digest()
    erased = [pb.ErasedPeople(salt=b"salt", digests=[digest])]
    left = [row for row in whole.rows if row.user != gone]
    few = page(stub, kept, erased=erased)
    assert (list(few.rows), few.total) == (left, whole.total - 1)
    assert page(stub, kept, erased=erased, user=gone).total == 0
    _, *lines = csv.reader(downloaded(stub, kept, erased=erased).decode().splitlines())
    assert [user for user, *_ in lines] == [row.user for row in left]


def test_runs_are_compared_by_the_values_of_their_users(stub: Stub) -> None:
    groups = []
    for model in ("popularity", "itemknn"):
        values = train(stub, request("{}", model=model))[-1].finished.values
        run = cs.ComparedRun(run_id=str(uuid.uuid4()), seed=1, values=values)
        groups.append(cs.ComparedGroup(name=model, runs=[run]))
    message = cs.CompareRequest(
        comparison_id=str(uuid.uuid4()), dataset_key=request().dataset_key, groups=groups, baseline=-1,
        metrics=["recall@20", "ndcg@20"], draws=1000,
    )  # fmt: skip
    *steps, last = stub.Compare(message, timeout=SECONDS)
    # They come by the clock: of a short one perhaps only that it has begun.
    assert 0 <= steps[0].progress.done <= steps[-1].progress.done <= steps[-1].progress.total
    found = last.finished
    assert (found.users, found.family, found.draws) == (values.users, 2, 1_000)
    for one in found.differences:
        assert (one.group, one.baseline, one.seeds_test) == (0, 1, "")
        assert one.users_interval.low <= one.difference <= one.users_interval.high
        assert one.won + one.tied + one.lost == found.users
    message.baseline = 2
    assert refused(lambda: list(stub.Compare(message, timeout=SECONDS)))[:3] == (
        "INVALID_ARGUMENT", "invalid_request", "baseline",
    )  # fmt: skip
    message.baseline, message.groups[1].runs[0].values.key = 1, f"values/{uuid.uuid4()}"
    assert refused(lambda: list(stub.Compare(message, timeout=SECONDS)))[:2] == ("NOT_FOUND", "values_missing")
