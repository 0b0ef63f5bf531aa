"""The real recommender process over real gRPC, on checkpoints of real runs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc
from scipy.sparse import csr_matrix

import trainer
from trainer.data import dataset
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.events import Finished
from trainer.pb.recommender.v1 import recommender_pb2 as pb
from trainer.pb.recommender.v1 import recommender_pb2_grpc
from trainer.server import recommender_server
from trainer.server.recommender_server import RecommenderServicer
from trainer.serving.checkpoint import LARGEST_BATCH
from trainer.serving.checkpoints import Checkpoints
from trainer.serving.everybody import FIRST_USERS
from trainer.training import experiment
from trainer.training.protocol import Protocol

DIGEST = "cd" * 32
USERS, ITEMS = 40, 120
# Item 0 has both tags, item 1 the second.
TAGS = Tags(["Jazz", "Übung"], np.minimum([0, 2, 3, *[3] * (ITEMS - 2)], 3), np.array([0, 1, 1]))
SECONDS = 30

Stub = recommender_pb2_grpc.RecommenderServiceStub


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    generator = np.random.default_rng(4)
    part_of = generator.choice(4, (USERS, ITEMS), p=[0.8, 0.14, 0.03, 0.03])
    part_of[:, 0] = 1
    dataset.save(
        folder,
        DIGEST,
        {name: csr_matrix(part_of == part, dtype=np.float32) for part, name in enumerate(dataset.PARTS, start=1)},
        IdMap(pa.array([*(f"user {row}" for row in range(USERS - 1)), "Zoë 🦊\n<b>"])),
        IdMap(pa.array([*(f"item {column}" for column in range(ITEMS - 1)), "本\u202e<img onerror=x>"])),
        [f"Title {column}" if column % 2 else "" for column in range(ITEMS)],
        TAGS,
        rule={},
        statistics={},
    )
    return folder


def trained(root: Path, model: str, config_json: str) -> pb.Checkpoint:
    spec = experiment.RunSpec(
        run_id=str(uuid.uuid4()),
        model=model,
        config_json=config_json,
        dataset_key=dataset.key_of(DIGEST),
        seed=1,
        protocol=Protocol(),
        device="cpu",
    )
    *_, finished = experiment.run(spec, root)
    assert isinstance(finished, Finished)
    return pb.Checkpoint(key=finished.best.key, sha256=finished.best.sha256)


@pytest.fixture(scope="module")
def valid(root: Path) -> pb.Checkpoint:
    return trained(root, "valid", '{"epochs": 2, "k": 3, "embedding_size": 8, "encoder_size": 8}')


@pytest.fixture(scope="module")
def popularity(root: Path) -> pb.Checkpoint:
    return trained(root, "popularity", "{}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(root: Path, port: int, **extra: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(trainer.__file__).parents[1]),
        "VALENCE_ARTIFACTS": str(root),
        "RECOMMENDER_LISTEN": f"127.0.0.1:{port}",
        "EXIT_WITH_STDIN": "1",
        **extra,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "trainer", "serve-recommender"],
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def channel(root: Path) -> Iterator[grpc.Channel]:
    port = free_port()
    process = start(root, port, RECOMMENDER_CACHE="2")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        grpc.channel_ready_future(opened).result(SECONDS)
        yield opened
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> Stub:
    return Stub(channel)


def refused(call: Callable[[], Any]) -> tuple[str, str, str]:
    """gRPC status, valence-code and valence-field of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    metadata = dict(caught.value.trailing_metadata())
    return caught.value.code().name, metadata.get("valence-code", ""), metadata.get("valence-field", "")


def test_is_healthy(channel: grpc.Channel) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_is_healthy_while_every_thread_is_taken(root: Path, channel: grpc.Channel, stub: Stub) -> None:
    keys = [f"runs/{uuid.uuid4()}/epoch-00001" for _ in range(2)]
    manifests = [root / key / "manifest.json" for key in keys]
    for manifest in manifests:
        manifest.parent.mkdir(parents=True)
        os.mkfifo(manifest)  # who opens it waits for somebody who writes
    # Calls are begun in their order: once the last one reads its file, all others have a thread, and wait for theirs.
    asked = [keys[0]] * (LARGEST_BATCH - 1) + [keys[1]]
    calls = [
        stub.Warm.future(pb.WarmRequest(checkpoint=pb.Checkpoint(key=key, sha256="0" * 64)), timeout=SECONDS)
        for key in asked
    ]
    with manifests[1].open("wb"), manifests[0].open("wb"):
        for manifest in manifests:
            manifest.unlink()  # so that nobody waits anew
        test_is_healthy(channel)
    assert {call.exception(SECONDS).code().name for call in calls} == {"DATA_LOSS"}


def test_warm_says_what_it_loaded(root: Path, stub: Stub, valid: pb.Checkpoint, popularity: pb.Checkpoint) -> None:
    answer = stub.Warm(pb.WarmRequest(checkpoint=valid), timeout=SECONDS)
    assert (answer.model, answer.users, answer.items) == ("valid", USERS, ITEMS)
    assert set(answer.capabilities) == {"fold_in", "interests", "similar", "data_parallel"}
    assert answer.seconds > 0
    data = dataset.load(root, dataset.key_of(DIGEST))
    assert (answer.left_out_interactions, answer.left_out_items) == data.left_out()
    assert answer.left_out_interactions >= data.valid.nnz + data.test.nnz > 0
    assert stub.Warm(pb.WarmRequest(checkpoint=popularity), timeout=SECONDS).model == "popularity"


def test_recommends_unseen_items_with_titles_and_shares(root: Path, stub: Stub, valid: pb.Checkpoint) -> None:
    data = dataset.load(root, dataset.key_of(DIGEST))
    for row in (0, USERS - 1):
        user = data.users.id(row)
        request = pb.RecommendRequest(checkpoint=valid, user=user, n=15, exclude_seen=True, explain=True)
        answer = stub.Recommend(request, timeout=SECONDS)
        assert answer.interests == 3
        assert len(answer.items) == 15
        scores = [item.score for item in answer.items]
        assert scores == sorted(scores, reverse=True)
        seen = {data.items.id(c) for part in (data.train, data.valid, data.test) for c in part[row].indices}
        for item in answer.items:
            assert item.id not in seen
            assert item.title == data.titles[data.items.index(item.id) or 0]
            assert sum(item.interest_shares) == pytest.approx(1)
            assert set(item.because) <= {data.items.id(c) for c in data.train[row].indices}
        assert any(item.because for item in answer.items)


def test_exclusions_candidates_and_unknown_ids(stub: Stub, valid: pb.Checkpoint) -> None:
    request = pb.RecommendRequest(
        checkpoint=valid,
        user="user 1",
        n=1000,
        exclude=["item 5", "nothing", "nothing"],
        candidates=["item 5", "item 6", "item 6", "本\u202e<img onerror=x>", "nowhere"],
    )
    answer = stub.Recommend(request, timeout=SECONDS)
    assert {item.id for item in answer.items} == {"item 6", "本\u202e<img onerror=x>"}
    assert list(answer.unknown_items) == ["nothing", "nowhere"]


def test_folds_in_a_stranger(root: Path, stub: Stub, valid: pb.Checkpoint) -> None:
    data = dataset.load(root, dataset.key_of(DIGEST))
    trained_on, seen = (
        [data.items.id(c) for c in matrix[7].indices] for matrix in (data.train, data.train + data.valid + data.test)
    )
    known = stub.Recommend(
        pb.RecommendRequest(checkpoint=valid, user="user 7", n=20, exclude_seen=True), timeout=SECONDS
    )
    history = pb.ItemList(items=[*trained_on, trained_on[0], "unheard of"])
    folded = stub.Recommend(pb.RecommendRequest(checkpoint=valid, history=history, n=20, exclude=seen), timeout=SECONDS)
    assert [item.id for item in folded.items] == [item.id for item in known.items]
    assert [item.score for item in folded.items] == pytest.approx([item.score for item in known.items], rel=1e-5)
    assert list(folded.unknown_items) == ["unheard of"]


def test_what_was_met_since_joins_the_history_where_the_model_folds_in(
    root: Path, stub: Stub, valid: pb.Checkpoint
) -> None:
    bpr = trained(root, "bpr", '{"epochs": 1, "embedding_size": 4}')
    data = dataset.load(root, dataset.key_of(DIGEST))
    met = {data.items.id(c) for part in (data.train, data.valid, data.test) for c in part[7].indices}
    live = [item for item in map(data.items.id, range(ITEMS)) if item not in met][:3]

    def ids(checkpoint: pb.Checkpoint, **asked: Any) -> list[str]:
        request = pb.RecommendRequest(checkpoint=checkpoint, n=20, exclude_seen=True, **asked)
        return [item.id for item in stub.Recommend(request, timeout=SECONDS).items]

    since = [*live, "no model knows it"]
    moved = ids(valid, user="user 7", whole=True, live=since)
    assert moved == ids(valid, history=pb.ItemList(items=[*met, *live]))
    assert moved != ids(valid, user="user 7", whole=True)
    assert ids(valid, user="user 7", whole=True) == ids(valid, history=pb.ItemList(items=[*met]))
    assert ids(valid, user="nobody", live=since) == ids(valid, history=pb.ItemList(items=live))
    # Another model keeps what it has learnt of the user, and leaves out what they have met.
    plain = ids(bpr, user="user 7", exclude=live)
    assert ids(bpr, user="user 7", whole=True, live=since) == plain
    assert not set(live) & set(plain)

    described = stub.DescribeInterests(
        pb.DescribeInterestsRequest(checkpoint=valid, user="user 7", n=5, exclude_seen=True, whole=True, live=since),
        timeout=SECONDS,
    )
    assert [item.id for item in described.history][-3:] == live
    assert {item.id for item in described.history} == met | set(live)
    timed = pb.DescribeInterestsRequest(
        checkpoint=valid, user="user 7", n=5, whole=True, live=since, live_at_ms=[30, 10, 20, 40]
    )
    shown = stub.DescribeInterests(timed, timeout=SECONDS).history
    assert [item.id for item in shown][-3:] == [live[1], live[2], live[0]]
    assert ids(valid, user="user 7", whole=True, live=since, live_at_ms=[30, 10, 20, 40]) == moved
    for checkpoint, unknown in ((valid, ["no model knows it"]), (bpr, since)):
        asked = pb.RecommendRequest(checkpoint=checkpoint, user="nobody", n=5, live=unknown)
        assert refused(partial(stub.Recommend, asked)) == ("NOT_FOUND", "unknown_user", "user")
    # Who was erased is known by what they have met since, and by nothing that the dataset holds.
    for checkpoint, some in ((valid, {"live": since}), (valid, {}), (bpr, {"live": since}), (bpr, {})):
        asked = pb.RecommendRequest(checkpoint=checkpoint, user="user 7", n=20, whole=True, erased=True, **some)
        if checkpoint == valid and some:
            assert ids(valid, user="user 7", whole=True, live=since, erased=True) == ids(
                valid, user="nobody", live=since
            )
        else:
            assert refused(partial(stub.Recommend, asked)) == ("NOT_FOUND", "unknown_user", "user")
    described = pb.DescribeInterestsRequest(checkpoint=valid, user="user 7", n=5, whole=True, erased=True)
    assert refused(partial(stub.DescribeInterests, described))[:2] == ("NOT_FOUND", "unknown_user")
    history = pb.ReadHistoryRequest(checkpoint=valid, user="user 7", n=5, erased=True)
    assert refused(partial(stub.ReadHistory, history)) == ("NOT_FOUND", "unknown_user", "user")
    asked = pb.RecommendRequest(checkpoint=valid, user="user 7", n=5, live=["a", ""])
    assert refused(lambda: stub.Recommend(asked)) == ("INVALID_ARGUMENT", "invalid_request", "live[1]")
    for live_at_ms in ([1], [1, 2, 3]):
        asked = pb.RecommendRequest(checkpoint=valid, user="user 7", n=5, live=["a", "b"], live_at_ms=live_at_ms)
        assert refused(partial(stub.Recommend, asked)) == ("INVALID_ARGUMENT", "invalid_request", "live_at_ms")


def test_describes_interests(stub: Stub, valid: pb.Checkpoint, popularity: pb.Checkpoint) -> None:
    request = pb.DescribeInterestsRequest(checkpoint=valid, user="user 2", n=5, exclude_seen=True)
    answer = stub.DescribeInterests(request, timeout=SECONDS)
    assert [interest.index for interest in answer.interests] == [0, 1, 2]
    assert sum(interest.weight for interest in answer.interests) == pytest.approx(1)
    assert answer.history_total == len(answer.history) > 0
    ids = [item.id for item in answer.history]
    assert sorted(item.id for interest in answer.interests for item in interest.formed_by) == sorted(ids)
    for interest in answer.interests:
        assert len(interest.top_items) == 5
        assert not {item.id for item in interest.top_items} & set(ids)

    # A list keeps its own order, each item once.
    stranger = pb.ItemList(items=["item 9", "item 3", "item 9", "item 30"])
    request = pb.DescribeInterestsRequest(checkpoint=valid, history=stranger, n=5)
    shown = stub.DescribeInterests(request, timeout=SECONDS).history
    assert [(item.id, item.title) for item in shown] == [
        ("item 9", "Title 9"),
        ("item 3", "Title 3"),
        ("item 30", ""),
    ]

    plain = stub.DescribeInterests(
        pb.DescribeInterestsRequest(checkpoint=popularity, user="user 2", n=5), timeout=SECONDS
    )
    assert list(plain.interests) == []
    assert [item.id for item in plain.history] == ids


@pytest.mark.parametrize("rule", ["train", "train+valid"])
def test_describes_interests_as_the_test_saw_them(root: Path, stub: Stub, valid: pb.Checkpoint, rule: str) -> None:
    data = dataset.load(root, dataset.key_of(DIGEST))
    hidden = {"train": {"train"}, "train+valid": {"train", "valid"}}[rule]
    request = pb.DescribeInterestsRequest(checkpoint=valid, user="user 2", n=100, mask_test=rule)
    answer = stub.DescribeInterests(request, timeout=SECONDS)
    left = {name: set(data.parts[name][2].indices.tolist()) for name in data.parts}
    expected = set(range(ITEMS)) - set.union(*(left[name] for name in hidden))
    tops = [{data.items.index(item.id) for item in interest.top_items} for interest in answer.interests]
    for top in tops:
        assert top <= expected and len(top) == min(100, len(expected))
    assert left["test"] <= set.union(*tops)


@pytest.mark.parametrize("fields", [{"user": "user 1", "mask_test": "test"}, {"user": "user 1", "mask_test": ""}])
def test_a_mask_rule_is_one_of_the_protocol(stub: Stub, valid: pb.Checkpoint, fields: dict[str, Any]) -> None:
    request = pb.DescribeInterestsRequest(checkpoint=valid, n=5, **fields)
    wrong = ("INVALID_ARGUMENT", "invalid_request", "mask_test")
    assert refused(lambda: stub.DescribeInterests(request, timeout=SECONDS)) == wrong
    request = pb.DescribeInterestsRequest(checkpoint=valid, n=5, history={"items": ["item 1"]}, mask_test="train")
    assert refused(lambda: stub.DescribeInterests(request, timeout=SECONDS)) == wrong


def test_similar_items(stub: Stub, valid: pb.Checkpoint, popularity: pb.Checkpoint) -> None:
    answer = stub.SimilarItems(pb.SimilarItemsRequest(checkpoint=valid, item="item 4", n=10), timeout=SECONDS)
    scores = [item.score for item in answer.items]
    assert len(answer.items) == 10
    assert "item 4" not in {item.id for item in answer.items}
    assert scores == sorted(scores, reverse=True)
    assert all(-1.0001 <= score <= 1.0001 for score in scores)
    for request, expected in (
        (pb.SimilarItemsRequest(checkpoint=popularity, item="item 4", n=3), "similar_unsupported"),
        (pb.SimilarItemsRequest(checkpoint=valid, item="no such", n=3), "unknown_item"),
    ):
        assert refused(lambda request=request: stub.SimilarItems(request, timeout=SECONDS))[1:] == (expected, "item")


def test_reads_the_catalogue(root: Path, stub: Stub, valid: pb.Checkpoint) -> None:
    data = dataset.load(root, dataset.key_of(DIGEST))
    parts = list(stub.ReadCatalogue(pb.ReadCatalogueRequest(checkpoint=valid), timeout=SECONDS))
    size = parts[0].size
    assert (size.items, size.users, size.interests, size.dataset_key) == (ITEMS, USERS, 3, dataset.key_of(DIGEST))
    assert list(size.tags) == ["Jazz", "Übung"]
    assert not any(part.HasField("size") for part in parts[1:])
    assert [list(item.tags) for part in parts for item in part.items] == [[0, 1], [1], *[[]] * (ITEMS - 2)]
    assert [(item.id, item.title, item.popularity) for part in parts for item in part.items] == [
        (data.items.id(column), data.titles[column], int(data.train[:, column].sum())) for column in range(ITEMS)
    ]
    assert [(user.id, user.interactions) for part in parts for user in part.users] == [
        (data.users.id(row), int(data.train[row].sum())) for row in range(USERS)
    ]


def test_ranks_lists_of_everybody(root: Path, stub: Stub, valid: pb.Checkpoint) -> None:
    data = dataset.load(root, dataset.key_of(DIGEST))
    request = pb.RankListsRequest(checkpoint=valid, depth=30, explain=True)
    parts = list(stub.RankLists(request, timeout=SECONDS))
    rows = [row for part in parts for row in part.rows]
    interactions = np.diff(data.train.indptr)
    assert rows == sorted(range(USERS), key=lambda row: (-interactions[row], row))
    for part in parts:
        n = sum(part.counts)
        items = np.frombuffer(part.lists.items, "<u4")
        scores = np.frombuffer(part.lists.scores, "<f4")
        shares = np.frombuffer(part.lists.shares, "<f4").reshape(n, 3)
        because = np.frombuffer(part.lists.because, "<u4").reshape(n, 3)
        assert len(items) == len(scores) == n
        ends = np.cumsum(part.counts)
        for row, start, end in zip(part.rows, [0, *ends[:-1]], ends, strict=True):
            asked = pb.RecommendRequest(
                checkpoint=valid, user=data.users.id(row), n=30, exclude_seen=True, explain=True
            )
            live = stub.Recommend(asked, timeout=SECONDS).items
            assert [data.items.id(int(column)) for column in items[start:end]] == [item.id for item in live]
            assert scores[start:end] == pytest.approx([item.score for item in live], rel=1e-5)
            np.testing.assert_allclose(shares[start:end], [item.interest_shares for item in live], rtol=1e-5)
            reasons = [[data.items.id(int(c)) for c in reason if c != 0xFFFFFFFF] for reason in because[start:end]]
            assert reasons == [list(item.because) for item in live]


def test_ranks_lists_of_some(stub: Stub, popularity: pb.Checkpoint) -> None:
    request = pb.RankListsRequest(checkpoint=popularity, rows=[7, 3, 7], depth=5)
    [part] = stub.RankLists(request, timeout=SECONDS)
    assert (list(part.rows), list(part.counts)) == ([7, 3, 7], [5, 5, 5])
    assert (len(part.lists.items), part.lists.shares, part.lists.because) == (60, b"", b"")
    request = pb.RankListsRequest(checkpoint=popularity, rows=[7], depth=5, explain=True)
    [part] = stub.RankLists(request, timeout=SECONDS)
    assert part.lists.because == b"\xff" * 60  # it knows no reason
    for fields, field in (
        ({"rows": [0, USERS, USERS + 1], "depth": 5}, "rows[1]"),
        ({"depth": 0}, "depth"),
        ({"depth": 1001}, "depth"),
    ):
        wrong = pb.RankListsRequest(checkpoint=popularity, **fields)
        answer = refused(lambda wrong=wrong: list(stub.RankLists(wrong, timeout=SECONDS)))
        assert answer == ("INVALID_ARGUMENT", "invalid_request", field)


def test_lists_stop_when_the_caller_has_gone(root: Path, popularity: pb.Checkpoint) -> None:
    class Gone:
        def is_active(self) -> bool:
            return False

    checkpoints = Checkpoints(root, capacity=1, device=torch.device("cpu"))
    request = pb.RankListsRequest(checkpoint=popularity, depth=5)
    parts = list(RecommenderServicer(checkpoints).RankLists(request, Gone()))  # type: ignore[arg-type]
    assert [len(part.rows) for part in parts] == [FIRST_USERS]
    checkpoints.close()


LONG = "ü" * 257  # 514 bytes


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"user": "user 1", "n": 0}, "invalid_request", "n"),
        ({"user": "user 1", "n": 1001}, "invalid_request", "n"),
        ({"user": "user 1", "n": -5}, "invalid_request", "n"),
        ({"n": 5}, "invalid_request", "user"),
        ({"user": "", "n": 5}, "invalid_request", "user"),
        ({"user": LONG, "n": 5}, "invalid_request", "user"),
        ({"user": "user 1", "n": 5, "exclude": ["a", LONG]}, "invalid_request", "exclude[1]"),
        ({"user": "user 1", "n": 5, "exclude": [""]}, "invalid_request", "exclude[0]"),
        ({"user": "user 1", "n": 5, "candidates": ["x"] * 10_001}, "invalid_request", "candidates"),
        ({"history": {"items": ["x"] * 10_001}, "n": 5}, "invalid_request", "history.items"),
        ({"history": {"items": []}, "n": 5}, "no_known_items", "history.items"),
        ({"history": {"items": ["unheard of"]}, "n": 5}, "no_known_items", "history.items"),
        ({"user": "nobody", "n": 5}, "unknown_user", "user"),
        ({"user": "user 1", "n": 5, "checkpoint": {}}, "invalid_request", "checkpoint.key"),
        ({"user": "user 1", "n": 5, "checkpoint": {"key": "x", "sha256": "y"}}, "invalid_request", "checkpoint.sha256"),
        (
            {"user": "user 1", "n": 5, "checkpoint": {"key": "../../etc/passwd", "sha256": "0" * 64}},
            "invalid_request",
            "checkpoint.key",
        ),
    ],
)
def test_a_wrong_field_is_named(
    stub: Stub, valid: pb.Checkpoint, fields: dict[str, Any], code: str, field: str
) -> None:
    request = pb.RecommendRequest(**{"checkpoint": valid, **fields})
    assert refused(lambda: stub.Recommend(request, timeout=SECONDS))[1:] == (code, field)


def test_popularity_answers_a_stranger(root: Path, stub: Stub, popularity: pb.Checkpoint) -> None:
    data = dataset.load(root, dataset.key_of(DIGEST))
    history = pb.ItemList(items=["item 0", "item 3"])
    request = pb.RecommendRequest(checkpoint=popularity, history=history, n=5, exclude_seen=True, explain=True)
    answer = stub.Recommend(request, timeout=SECONDS).items
    counts = np.asarray(data.train.sum(axis=0)).ravel()
    best = sorted((c for c in range(ITEMS) if c not in (0, data.items.index("item 3"))), key=lambda c: (-counts[c], c))
    assert [item.id for item in answer] == [data.items.id(column) for column in best[:5]]
    assert all(not item.because for item in answer)


def test_a_model_that_cannot_fold_in_names_those_that_can(root: Path, stub: Stub) -> None:
    bpr = trained(root, "bpr", '{"epochs": 1, "embedding_size": 4}')
    request = pb.RecommendRequest(checkpoint=bpr, history=pb.ItemList(items=["item 1"]), n=5)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Recommend(request, timeout=SECONDS)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert dict(caught.value.trailing_metadata())["valence-code"] == "fold_in_unsupported"
    assert "valid" in caught.value.details()


def test_a_damaged_checkpoint_is_refused_while_the_old_one_is_served(
    root: Path, stub: Stub, valid: pb.Checkpoint
) -> None:
    request = pb.RecommendRequest(checkpoint=valid, user="user 1", n=10)
    before = stub.Recommend(request, timeout=SECONDS)
    bad = pb.Checkpoint(key=f"runs/{uuid.uuid4()}/epoch-00001", sha256=valid.sha256)
    shutil.copytree(root / valid.key, root / bad.key)
    weights = root / bad.key / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert refused(lambda: stub.Warm(pb.WarmRequest(checkpoint=bad), timeout=SECONDS))[:2] == (
        "DATA_LOSS",
        "checkpoint_corrupt",
    )
    missing = pb.Checkpoint(key=f"runs/{uuid.uuid4()}/epoch-00001", sha256=valid.sha256)
    assert refused(lambda: stub.Warm(pb.WarmRequest(checkpoint=missing), timeout=SECONDS))[:2] == (
        "NOT_FOUND",
        "checkpoint_missing",
    )
    assert stub.Recommend(request, timeout=SECONDS).items == before.items


def test_many_callers_at_once_get_their_own_answers(stub: Stub, valid: pb.Checkpoint) -> None:
    def ask(row: int) -> list[str]:
        request = pb.RecommendRequest(checkpoint=valid, user=f"user {row % 39}", n=10, exclude_seen=True)
        return [item.id for item in stub.Recommend(request, timeout=SECONDS).items]

    alone = [ask(row) for row in range(39)]
    with ThreadPoolExecutor(48) as pool:
        assert list(pool.map(ask, range(195))) == alone * 5


def test_a_passed_deadline_is_told_and_costs_nobody_else(stub: Stub, valid: pb.Checkpoint) -> None:
    request = pb.RecommendRequest(checkpoint=valid, user="user 1", n=10)
    assert refused(lambda: stub.Recommend(request, timeout=1e-6))[0] == "DEADLINE_EXCEEDED"
    assert len(stub.Recommend(request, timeout=SECONDS).items) == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [("RECOMMENDER_CACHE", "0"), ("RECOMMENDER_LISTEN", "nowhere"), ("TRAINER_THREADS", "-1"), ("LOG_LEVEL", "loud")],
)
def test_a_bad_setting_stops_the_start_and_is_named(
    root: Path, name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # That the process ends with this status is what test_settings.py starts one for.
    monkeypatch.setenv("VALENCE_ARTIFACTS", str(root))
    monkeypatch.setenv(name, value)
    assert recommender_server.main() == 2
    assert capsys.readouterr().err.startswith(f"{name} must be ")


def test_a_taken_port_is_said(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(root, taken.getsockname()[1])
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode != 0
    assert b"port" in said
    assert b"Traceback" not in said


def test_terminates_in_an_orderly_way(root: Path, valid: pb.Checkpoint) -> None:
    port = free_port()
    process = start(root, port)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(SECONDS)
        assert Stub(channel).Warm(pb.WarmRequest(checkpoint=valid), timeout=SECONDS).model == "valid"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - started < 8
    process.communicate()


def test_a_history_is_told_in_pages_with_the_part_of_each(stub: Stub, popularity: pb.Checkpoint, root: Path) -> None:
    data = dataset.load(root, dataset.key_of(DIGEST))
    pages = [
        stub.ReadHistory(
            pb.ReadHistoryRequest(checkpoint=popularity, user="user 2", start=start, n=100), timeout=SECONDS
        )
        for start in (0, 100)
    ]
    found = [one for page in pages for one in page.interactions]
    assert {page.total for page in pages} == {len(found)}
    expected = {data.items.id(int(column)): name for name, part in data.parts.items() for column in part[2].indices}
    assert {one.id: one.part for one in found} == expected
    assert not any(one.HasField("at_ms") for one in found), "the data has no times"
    columns = [data.items.index(one.id) for one in found]
    assert columns == sorted(columns, reverse=True)
    among = [pb.ItemAt(id=found[0].id, at_ms=0), pb.ItemAt(id="unheard of", at_ms=0)]
    asked = pb.ReadHistoryRequest(checkpoint=popularity, user="user 2", n=1, among=among)
    assert not stub.ReadHistory(asked, timeout=SECONDS).held, "nothing tells whether it is the same"
    for fields, expected_error in (
        ({"user": "nobody", "n": 5}, ("NOT_FOUND", "unknown_user", "user")),
        ({"user": "", "n": 5}, ("INVALID_ARGUMENT", "invalid_request", "user")),
        ({"user": "user 2", "n": 0}, ("INVALID_ARGUMENT", "invalid_request", "n")),
        ({"user": "user 2", "n": 1001}, ("INVALID_ARGUMENT", "invalid_request", "n")),
        ({"user": "user 2", "n": 5, "start": -1}, ("INVALID_ARGUMENT", "invalid_request", "start")),
        ({"user": "user 2", "n": 5, "among": [pb.ItemAt(id="")]}, ("INVALID_ARGUMENT", "invalid_request", "among[0]")),
        ({"user": "user 2", "n": 5, "among": among * 2_001}, ("INVALID_ARGUMENT", "invalid_request", "among")),
    ):
        wrong = pb.ReadHistoryRequest(checkpoint=popularity, **fields)
        assert refused(lambda wrong=wrong: stub.ReadHistory(wrong, timeout=SECONDS)) == expected_error
