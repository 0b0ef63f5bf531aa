"""Steering over real gRPC: packed answers against scores and interests, what-if, filters, and what is refused."""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Histories, Recommender
from trainer.data import dataset
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.events import Finished
from trainer.pb.recommender.v1 import recommender_pb2 as pb
from trainer.pb.recommender.v1 import recommender_pb2_grpc
from trainer.server import recommender_request
from trainer.server.recommender_server import RecommenderServicer
from trainer.server.status import StatusInterceptor
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.checkpoints import CheckpointRef, Checkpoints
from trainer.serving.person import histories_of, known_user, newcomer
from trainer.training import experiment
from trainer.training.protocol import Protocol

DIGEST = "ef" * 32
USERS, ITEMS, K = 40, 120, 3
TAG_NAMES = ["Jazz", "Übung", "crime"]
CONFIG = {"epochs": 2, "embedding_size": 9, "encoder_size": 8, "k": K, "n_factors": K}
NOTHING = 0xFFFFFFFF

Stub = recommender_pb2_grpc.RecommenderServiceStub
BestList = Callable[[Recommender, Histories, int, set[int], np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]


def tags_of(column: int) -> set[str]:
    return {name for place, name in enumerate(TAG_NAMES) if column % (place + 2) == 0}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    part_of = np.random.default_rng(4).choice(4, (USERS, ITEMS), p=[0.8, 0.14, 0.03, 0.03])
    part_of[:, 0] = 1
    positions = [[place for place, name in enumerate(TAG_NAMES) if name in tags_of(c)] for c in range(ITEMS)]
    dataset.save(
        folder,
        DIGEST,
        {name: csr_matrix(part_of == part, dtype=np.float32) for part, name in enumerate(dataset.PARTS, start=1)},
        IdMap(pa.array([f"user {row}" for row in range(USERS)])),
        IdMap(pa.array([f"item {column}" for column in range(ITEMS)])),
        [f"Title {column}" for column in range(ITEMS)],
        Tags(TAG_NAMES, np.cumsum([0, *map(len, positions)]), np.concatenate(positions).astype(np.int64)),
        rule={},
        statistics={},
    )
    return folder


@pytest.fixture(scope="module")
def keys(root: Path) -> dict[str, pb.Checkpoint]:
    """Checkpoints by model: with both capabilities, with interests alone, with fold-in alone, with neither."""
    found = {}
    for name in ("valid", "dgcf", "multvae", "bpr"):
        fields = experiment.registry.get(name).config_class.model_fields
        config = json.dumps({field: value for field, value in CONFIG.items() if field in fields})
        spec = experiment.RunSpec(str(uuid.uuid4()), name, config, dataset.key_of(DIGEST), 1, Protocol(), device="cpu")
        *_, finished = experiment.run(spec, root)
        assert isinstance(finished, Finished)
        found[name] = pb.Checkpoint(key=finished.best.key, sha256=finished.best.sha256)
    return found


@pytest.fixture(scope="module")
def checkpoints(root: Path) -> Iterator[Checkpoints]:
    opened = Checkpoints(root, capacity=4, device=torch.device("cpu"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def loaded(checkpoints: Checkpoints, keys: dict[str, pb.Checkpoint]) -> dict[str, LoadedCheckpoint]:
    found = {}
    for name, key in keys.items():
        with checkpoints.use(CheckpointRef(key.key, key.sha256)) as served:
            found[name] = served.loaded
    return found


@pytest.fixture(scope="module")
def stub(checkpoints: Checkpoints) -> Iterator[Stub]:
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[StatusInterceptor()])
    recommender_pb2_grpc.add_RecommenderServiceServicer_to_server(RecommenderServicer(checkpoints), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Stub(channel)
    server.stop(None).wait()


def ids(columns: list[int] | np.ndarray) -> list[str]:
    return [f"item {column}" for column in columns]


def unpacked(packed: pb.PackedList, interests: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    columns = np.frombuffer(packed.items, "<u4").astype(np.int64)
    because = np.frombuffer(packed.because, "<u4").reshape(len(columns), 3 if packed.because else 0).astype(np.int64)
    return (
        columns,
        np.frombuffer(packed.scores, "<f4"),
        np.frombuffer(packed.shares, "<f4").reshape(len(columns), interests),
        np.where(because == NOTHING, -1, because),
    )


def columns_of(packed: pb.PackedList) -> list[int]:
    return np.frombuffer(packed.items, "<u4").tolist()


some_ids = st.lists(st.integers(0, ITEMS - 1), max_size=20).map(ids)
some_tags = st.lists(st.sampled_from(["jazz", "ÜBUNG", "Crime"]), max_size=2)


@st.composite
def requests(draw: st.DrawFn, name: str, key: pb.Checkpoint) -> pb.RecommendRequest:
    request = pb.RecommendRequest(
        checkpoint=key,
        n=draw(st.sampled_from([1, 10, 60, 500])),
        exclude_seen=draw(st.booleans()),
        exclude=draw(some_ids),
        candidates=draw(st.just([]) | some_ids),
        explain=draw(st.booleans()),
        hidden=sorted(set(draw(st.lists(st.integers(0, ITEMS - 1), max_size=30)))),
        packed=True,
        shelves=draw(st.booleans()) and name in ("valid", "dgcf"),
    )
    if name in ("valid", "multvae") and draw(st.booleans()):
        request.history.items.extend(ids(draw(st.sets(st.integers(0, ITEMS - 1), min_size=1, max_size=20))))
    else:
        request.user = f"user {draw(st.integers(0, USERS - 1))}"
    if name in ("valid", "dgcf"):
        weights = draw(st.dictionaries(st.integers(0, K - 1), st.sampled_from([0.0, 0.3, 1.0, 3.25]), max_size=2))
        for interest, weight in weights.items():
            request.steer.add(interest=interest, weight=weight)
        if not weights and draw(st.booleans()):
            request.only = draw(st.integers(0, K - 1))
    if draw(st.booleans()):
        request.filter.CopyFrom(pb.TagFilter(any=draw(some_tags), all=draw(some_tags), none=draw(some_tags)))
    return request


def weights_of(request: pb.RecommendRequest) -> list[float]:
    given = {one.interest: one.weight for one in request.steer}
    if request.HasField("only"):
        given = {k: given.get(k, 1.0) if k == request.only else 0.0 for k in range(K)}
    return [given.get(k, 1.0) for k in range(K)]


def passes(request: pb.RecommendRequest, column: int) -> bool:
    own = {tag.casefold() for tag in tags_of(column)}
    one_of, each, never = (
        {tag.casefold() for tag in tags} for tags in (request.filter.any, request.filter.all, request.filter.none)
    )
    return (not one_of or bool(own & one_of)) and each <= own and not own & never


@pytest.mark.parametrize("name", ["valid", "dgcf", "multvae", "bpr"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_packed_answers_are_what_scores_and_interests_say(
    name: str,
    stub: Stub,
    keys: dict[str, pb.Checkpoint],
    loaded: dict[str, LoadedCheckpoint],
    assert_best: BestList,
    data: st.DataObject,
) -> None:
    request = data.draw(requests(name, keys[name]))
    answer = stub.Recommend(request, timeout=30)
    model, stored = loaded[name].model, loaded[name].dataset
    if request.WhichOneof("who") == "user":
        person = known_user(stored, request.user)
    else:
        person, _ = newcomer(stored, request.history.items)
    named = {int(item.removeprefix("item ")) for item in request.exclude}
    candidates = {int(item.removeprefix("item ")) for item in request.candidates} or set(range(ITEMS))
    excluded = named | set(request.hidden) | (set(range(ITEMS)) - candidates)
    excluded |= {column for column in range(ITEMS) if not passes(request, column)}
    excluded |= set(person.seen.tolist()) if request.exclude_seen else set()
    steered = len(request.steer) > 0 or request.HasField("only")
    weights = weights_of(request)
    assert list(answer.weights) == (weights if steered else [])
    assert answer.interests == loaded[name].interests
    assert answer.compute_seconds > 0
    assert not answer.items
    batch = histories_of([person], torch.device("cpu"))
    if steered:
        batch = replace(batch, weights=torch.tensor([weights]))
    with torch.no_grad():
        columns, *arrays = unpacked(answer.list, answer.interests)
        assert (arrays[-1].shape[1] == 3) == (request.explain and len(columns) > 0)
        assert_best(model, batch, request.n, excluded, columns, *arrays)
        assert [shelf.interest for shelf in answer.shelves] == [
            k for k in range(K) if request.shelves and weights[k] > 0
        ]
        for shelf in answer.shelves:
            alone = replace(batch, weights=torch.from_numpy(np.eye(K)[[shelf.interest]] * weights).float())
            columns, scores, *_ = unpacked(shelf.list, K)
            of_one = np.tile(np.eye(K)[shelf.interest], (len(columns), 1))
            assert_best(model, alone, request.n, excluded, columns, scores, of_one, np.empty((0, 0)))


def test_an_answer_is_the_same_in_items_and_in_columns(stub: Stub, keys: dict[str, pb.Checkpoint]) -> None:
    request = pb.RecommendRequest(checkpoint=keys["valid"], user="user 3", n=7, exclude_seen=True, explain=True)
    request.steer.add(interest=1, weight=2)
    items = stub.Recommend(request, timeout=30).items
    request.packed = True
    columns, scores, shares, because = unpacked(stub.Recommend(request, timeout=30).list, K)
    assert [item.id for item in items] == ids(columns)
    assert [item.title for item in items] == [f"Title {column}" for column in columns]
    assert [item.score for item in items] == pytest.approx(scores)
    np.testing.assert_allclose([item.interest_shares for item in items], shares, rtol=1e-6)
    assert [list(item.because) for item in items] == [ids([c for c in row if c >= 0]) for row in because]


def test_who_sets_no_deadline_is_answered(stub: Stub, keys: dict[str, pb.Checkpoint]) -> None:
    assert len(stub.Recommend(pb.RecommendRequest(checkpoint=keys["valid"], user="user 1", n=3)).items) == 3


def what_if(stub: Stub, key: pb.Checkpoint, joining: Sequence[str] = (), **fields: Any) -> pb.RecommendResponse:
    """With `joining` for `with`, which is a word of Python's."""
    asked = {"checkpoint": key, "n": 500, "packed": True, "with": joining, **fields}
    return stub.Recommend(pb.RecommendRequest(**asked), timeout=30)


@pytest.mark.parametrize("name", ["valid", "multvae"])
def test_what_if(name: str, stub: Stub, keys: dict[str, pb.Checkpoint], loaded: dict[str, LoadedCheckpoint]) -> None:
    person = known_user(loaded[name].dataset, "user 2")
    leaving, tested = person.history[1:3], np.setdiff1d(person.seen, person.history)[:1]
    joining = np.setdiff1d(np.arange(ITEMS), person.seen)[:2]
    asked = {"without": [*ids(leaving), *ids(tested), "nowhere"], "joining": [*ids(joining), "unheard of"]}
    found = what_if(stub, keys[name], user="user 2", exclude_seen=True, **asked)
    # Items that the history does not have are told as well: what is in another part was not learnt from.
    assert list(found.unknown_items) == ["nowhere", *ids(tested), "unheard of"]
    assert set(columns_of(found.list)) == set(range(ITEMS)) - set(person.seen.tolist()) - set(joining.tolist())
    # It is what a stranger with that history is answered.
    history = np.union1d(np.setdiff1d(person.history, leaving), joining)
    stranger = what_if(stub, keys[name], history=pb.ItemList(items=ids(history)))
    everything = what_if(stub, keys[name], user="user 2", **asked)
    assert everything.list == stranger.list
    assert len(columns_of(everything.list)) == ITEMS
    # What joins and leaves at once has joined.
    both = what_if(stub, keys[name], user="user 2", without=ids(leaving), joining=ids(leaving))
    assert both.list == what_if(stub, keys[name], user="user 2").list


def test_the_basket_of_a_guest(stub: Stub, keys: dict[str, pb.Checkpoint]) -> None:
    guest = pb.ItemList(items=ids([4, 9, 30]))
    found = what_if(stub, keys["valid"], history=guest, without=["item 9"], joining=["item 50"], exclude_seen=True)
    assert not {4, 9, 30, 50} & set(columns_of(found.list))
    plain = what_if(stub, keys["valid"], history=pb.ItemList(items=ids([4, 30, 50])), exclude_seen=True)
    assert set(columns_of(plain.list)) - set(columns_of(found.list)) == {9}


def test_a_known_persons_history_may_be_emptied_and_a_guests_not(stub: Stub, keys: dict[str, pb.Checkpoint]) -> None:
    everything = ids(range(ITEMS))
    found = what_if(stub, keys["valid"], n=5, user="user 2", without=everything)
    assert len(columns_of(found.list)) == 5
    history = pb.ItemList(items=["item 4"])
    refusal = refused(lambda: what_if(stub, keys["valid"], history=history, without=["item 4"]))
    assert refusal == ("INVALID_ARGUMENT", "invalid_request", "without")
    swapped = what_if(stub, keys["valid"], n=5, history=history, without=["item 4"], joining=["item 5"])
    assert len(columns_of(swapped.list)) == 5


def test_tags_that_no_item_has_are_told(stub: Stub, keys: dict[str, pb.Checkpoint]) -> None:
    request = pb.RecommendRequest(checkpoint=keys["bpr"], user="user 1", n=500, packed=True)
    request.filter.CopyFrom(pb.TagFilter(any=["blues", "JAZZ"], none=["Blues", "crime"]))
    answer = stub.Recommend(request, timeout=30)
    assert list(answer.unknown_tags) == ["blues", "Blues"]
    assert sorted(columns_of(answer.list)) == [c for c in range(ITEMS) if c % 2 == 0 and c % 4 != 0]
    request.filter.any[:] = ["blues"]
    assert columns_of(stub.Recommend(request, timeout=30).list) == []


def test_calibration_and_a_preview_of_it(stub: Stub, keys: dict[str, pb.Checkpoint]) -> None:
    request = pb.RecommendRequest(checkpoint=keys["valid"], user="user 6", n=10, exclude_seen=True, packed=True)
    before = columns_of(stub.Recommend(request, timeout=30).list)
    request.steer.add(interest=0, weight=0)
    request.calibrate = 0.9
    request.preview = True
    answer = stub.Recommend(request, timeout=30)
    after = columns_of(answer.list)
    assert [change.item for change in answer.entered] == [column for column in after if column not in before]
    assert [change.item for change in answer.left] == [column for column in before if column not in after]
    assert all(0 <= change.interest < K for change in [*answer.entered, *answer.left])
    assert 0 not in {change.interest for change in answer.entered}
    # Without interests a preview tells of the history alone.
    request = pb.RecommendRequest(checkpoint=keys["multvae"], user="user 6", n=10, packed=True, preview=True)
    getattr(request, "with").extend(ids([7, 8, 9]))
    changes = stub.Recommend(request, timeout=30)
    assert changes.entered
    assert {change.interest for change in [*changes.entered, *changes.left]} == {-1}


def refused(call: Callable[[], Any]) -> tuple[str, str, str]:
    """gRPC status, valence-code and valence-field of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    metadata = dict(caught.value.trailing_metadata())
    return caught.value.code().name, metadata.get("valence-code", ""), metadata.get("valence-field", "")


def steer(*pairs: tuple[int, float]) -> list[pb.InterestWeight]:
    return [pb.InterestWeight(interest=interest, weight=weight) for interest, weight in pairs]


LONG = "ü" * 257  # 514 bytes


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"steer": steer((1, 1), (3, 1))}, "invalid_request", "steer[1].interest"),
        ({"steer": steer((-1, 1))}, "invalid_request", "steer[0].interest"),
        ({"steer": steer((0, 1), (0, 2))}, "invalid_request", "steer[1].interest"),
        ({"steer": steer((0, 4.01))}, "invalid_request", "steer[0].weight"),
        ({"steer": steer((0, -0.1))}, "invalid_request", "steer[0].weight"),
        ({"steer": steer((0, float("nan")))}, "invalid_request", "steer[0].weight"),
        ({"steer": steer((0, float("inf")))}, "invalid_request", "steer[0].weight"),
        ({"steer": steer((0, 0), (1, 0), (2, 0))}, "all_muted", "steer"),
        ({"steer": steer((1, 0)), "only": 1}, "all_muted", "steer"),
        ({"only": 3}, "invalid_request", "only"),
        ({"only": -1}, "invalid_request", "only"),
        ({"calibrate": 1.01}, "invalid_request", "calibrate"),
        ({"calibrate": -0.01}, "invalid_request", "calibrate"),
        ({"calibrate": float("nan")}, "invalid_request", "calibrate"),
        ({"without": [""]}, "invalid_request", "without[0]"),
        ({"with": ["a", LONG]}, "invalid_request", "with[1]"),
        ({"filter": pb.TagFilter(any=["x", ""])}, "invalid_request", "filter.any[1]"),
        ({"filter": pb.TagFilter(all=[LONG])}, "invalid_request", "filter.all[0]"),
        ({"filter": pb.TagFilter(none=["x"] * 101)}, "invalid_request", "filter.none"),
        ({"hidden": [3, 3]}, "invalid_request", "hidden"),
        ({"hidden": [3, 2]}, "invalid_request", "hidden"),
        ({"hidden": [3, ITEMS]}, "invalid_request", "hidden"),
    ],
)
def test_a_wrong_field_is_named(
    stub: Stub, keys: dict[str, pb.Checkpoint], fields: dict[str, Any], code: str, field: str
) -> None:
    request = pb.RecommendRequest(**{"checkpoint": keys["valid"], "user": "user 1", "n": 5, **fields})
    assert refused(lambda: stub.Recommend(request, timeout=30)) == ("INVALID_ARGUMENT", code, field)


def test_shelves_that_fit_no_message_are_refused(
    stub: Stub, keys: dict[str, pb.Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommender_request, "MOST_SHELF_BYTES", 4 * 32 * 10)  # four lists
    request = pb.RecommendRequest(
        checkpoint=keys["valid"], user="user 1", n=10, shelves=True, explain=True, packed=True
    )
    answer = stub.Recommend(request, timeout=30)
    lists = [answer.list, *(shelf.list for shelf in answer.shelves)]
    assert sum(len(one.items + one.scores + one.shares + one.because) for one in lists) == 4 * 32 * 10
    request.n = 11
    assert refused(lambda: stub.Recommend(request, timeout=30))[1:] == ("invalid_request", "n")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"steer": steer((0, 2))}, "steer"),
        ({"only": 0}, "only"),
        ({"calibrate": 0.5}, "calibrate"),
        ({"shelves": True}, "shelves"),
    ],
)
@pytest.mark.parametrize("name", ["multvae", "bpr"])
def test_a_model_without_interests_names_those_with(
    stub: Stub, keys: dict[str, pb.Checkpoint], name: str, fields: dict[str, Any], field: str
) -> None:
    request = pb.RecommendRequest(**{"checkpoint": keys[name], "user": "user 1", "n": 5, **fields})
    with pytest.raises(grpc.RpcError) as caught:
        stub.Recommend(request, timeout=30)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    metadata = dict(caught.value.trailing_metadata())
    assert (metadata["valence-code"], metadata["valence-field"]) == ("steering_unsupported", field)
    assert all(model in caught.value.details() for model in ("valid", "macridvae", "dgcf"))
    assert stub.Recommend(pb.RecommendRequest(checkpoint=keys[name], user="user 1", n=5), timeout=30).items


@pytest.mark.parametrize("field", ["without", "with"])
@pytest.mark.parametrize("name", ["dgcf", "bpr"])
def test_a_model_that_cannot_fold_in_takes_no_other_history(
    stub: Stub, keys: dict[str, pb.Checkpoint], name: str, field: str
) -> None:
    request = pb.RecommendRequest(**{"checkpoint": keys[name], "user": "user 1", "n": 5, field: ["item 0"]})
    with pytest.raises(grpc.RpcError) as caught:
        stub.Recommend(request, timeout=30)
    metadata = dict(caught.value.trailing_metadata())
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (metadata["valence-code"], metadata["valence-field"]) == ("fold_in_unsupported", field)
    assert "valid" in caught.value.details()
