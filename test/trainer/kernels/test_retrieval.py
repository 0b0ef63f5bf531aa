"""The search that skips most scores against all scores, sorted."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from trainer.kernels import fused, retrieval
from trainer.kernels.decoder import log_scores
from trainer.kernels.mixture import Temperatures
from trainer.kernels.retrieval import Catalogue, best_items

USERS, INTERESTS, ITEMS, WIDTH = 37, 3, 1301, 6
TAUS = Temperatures(0.2, 0.15)


def unit(*shape: int, seed: int) -> Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def inputs(prototypes: int = USERS, users: int = USERS) -> tuple[Tensor, Tensor, Tensor]:
    return unit(ITEMS, WIDTH, seed=1), unit(prototypes, INTERESTS, WIDTH, seed=2), unit(users, INTERESTS, WIDTH, seed=3)


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"], autouse=True)
def quick_dtype(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    """Whatever this processor would choose for the bounds."""
    monkeypatch.setattr(retrieval, "_quick_dtype", lambda: request.param)
    return request.param


def catalogue(items: Tensor) -> Catalogue:
    made = Catalogue.of(items)
    assert made is not None
    return made


def search(
    vectors: tuple[Tensor, Tensor, Tensor],
    n: int,
    indptr: Tensor | None = None,
    hidden: Tensor | None = None,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    items, prototypes, interests = vectors
    nothing = torch.zeros(len(interests) + 1).long() if indptr is None else indptr
    columns = torch.empty(0).long() if hidden is None else hidden
    return best_items(catalogue(items), prototypes, interests, TAUS, n, nothing, columns, weights)


def hidden_columns(users: int, each: int) -> tuple[Tensor, Tensor]:
    """`each` columns of every user but the first, the first and the last of the catalogue among them."""
    rows = [torch.randperm(ITEMS, generator=torch.Generator().manual_seed(row))[:each] for row in range(1, users)]
    rows = [torch.cat([row, torch.tensor([0, ITEMS - 1])]).unique() if each else row for row in rows]
    sizes = torch.tensor([0, 0, *(len(row) for row in rows)])
    return sizes.cumsum(0), torch.cat([*rows, torch.empty(0, dtype=torch.int64)])


def all_sorted(
    vectors: tuple[Tensor, Tensor, Tensor], n: int, indptr: Tensor, hidden: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    scores = log_scores(*vectors, TAUS, weights)
    scores[torch.arange(len(scores)).repeat_interleave(indptr.diff()), hidden] = -torch.inf
    values, columns = scores.sort(dim=1, descending=True, stable=True)
    values, columns = values[:, :n], columns[:, :n]
    return columns.masked_fill(values == -torch.inf, -1), values


@pytest.mark.parametrize("shared", [False, True], ids=["prototypes of each user", "of all users"])
@pytest.mark.parametrize("tile_logits", [1, 50_000, 1 << 22], ids=["an item a tile", "many tiles", "one tile"])
@pytest.mark.parametrize(
    ("n", "hidden_each"), [(1, 0), (50, 20), (ITEMS + 5, 1000)], ids=["1", "50", "all that is left"]
)
def test_equals_the_whole_sort(
    monkeypatch: pytest.MonkeyPatch, shared: bool, tile_logits: int, n: int, hidden_each: int
) -> None:
    monkeypatch.setattr(retrieval, "TILE_LOGITS", tile_logits)
    monkeypatch.setattr(retrieval, "USERS_AT_ONCE", 16)
    monkeypatch.setattr(retrieval, "WORTH_A_THREAD", 1)
    vectors = inputs(1 if shared else USERS)
    hidden = hidden_columns(USERS, hidden_each)
    columns, values = search(vectors, n, *hidden)
    expected_columns, expected = all_sorted(vectors, n, *hidden)
    assert torch.equal(columns == -1, expected_columns == -1)
    torch.testing.assert_close(values, expected, rtol=0, atol=5e-6)
    # Scores a rounding apart may stand in either order.
    differing = columns != expected_columns
    assert differing.float().mean() < 0.01
    for row in range(USERS):
        assert sorted(columns[row].tolist()) == sorted(expected_columns[row].tolist())


def steering() -> Tensor:
    """Weights of all kinds: none, muted, tiny, the largest, and mixed with rows where nothing is steered."""
    chance = torch.Generator().manual_seed(4)
    weights = torch.tensor([0.0, 0.0, 1e-6, 0.3, 1.0, 4.0])[torch.randint(6, (USERS, INTERESTS), generator=chance)]
    weights[::3] = 1.0
    weights[1] = torch.tensor([0.0, 0.0, 0.7])
    weights[4] = 0.0
    return weights


@pytest.mark.parametrize("shared", [False, True], ids=["prototypes of each user", "of all users"])
@pytest.mark.parametrize("tile_logits", [50_000, 1 << 22], ids=["many tiles", "one tile"])
@pytest.mark.parametrize(("n", "hidden_each"), [(20, 100), (ITEMS + 5, 1000)], ids=["20", "all that is left"])
def test_steered_it_equals_the_whole_sort(
    monkeypatch: pytest.MonkeyPatch, shared: bool, tile_logits: int, n: int, hidden_each: int
) -> None:
    monkeypatch.setattr(retrieval, "TILE_LOGITS", tile_logits)
    vectors, weights, hidden = inputs(1 if shared else USERS), steering(), hidden_columns(USERS, hidden_each)
    columns, values = search(vectors, n, *hidden, weights)
    doubles = tuple(part.double() for part in vectors)
    expected_columns, expected = all_sorted(doubles, n, *hidden, weights.double())
    assert torch.equal(columns == -1, expected_columns == -1)
    assert bool((columns[4] == -1).all())
    assert bool((values[4] == -torch.inf).all())
    torch.testing.assert_close(values.double(), expected, rtol=0, atol=1e-5)
    assert (columns != expected_columns).float().mean() < 0.01
    unsteered = search(vectors, n, *hidden)
    assert torch.equal(values[::3], unsteered[1][::3])
    assert torch.equal(columns[::3], unsteered[0][::3])


@pytest.mark.parametrize("tau", [0.03, 0.1])
def test_bounds_hold_however_small_a_weight_is(quick_dtype: torch.dtype, tau: float) -> None:
    items, interests = unit(ITEMS, WIDTH, seed=1), unit(USERS, INTERESTS, WIDTH, seed=3)
    interests[:, 0] = items[:USERS]
    decoding = interests / tau
    log_weights = torch.tensor([1e-30, 3e-4, 4.0]).log().expand(USERS, -1).contiguous()
    logits = decoding.flatten(0, 1).to(quick_dtype) @ items.to(quick_dtype).T
    slack = retrieval._slack(decoding, quick_dtype) + retrieval._slack_of_sum(decoding, log_weights)
    for kept in ([0, 1, 2], [0], [0, 1]):
        some = torch.full_like(log_weights, -torch.inf)
        some[:, kept] = log_weights[:, kept]
        exact = torch.einsum("bkd,nd->bkn", decoding.double(), items.double()) + some[:, :, None].double()
        bounds = retrieval._bounds(logits, slack, INTERESTS, some)
        assert (bounds >= exact.amax(1)).all()
        assert (bounds - exact.amax(1) <= 2 * slack).all()


def test_equal_scores_stand_by_column() -> None:
    items, prototypes, interests = inputs()
    twins = items[torch.arange(ITEMS) // 2]  # every item twice
    columns, values = search((twins, prototypes, interests), 40)
    pairs = columns.view(USERS, -1, 2)
    assert torch.equal(pairs[..., 0] + 1, pairs[..., 1])
    assert torch.equal(values[:, ::2], values[:, 1::2])


@pytest.mark.parametrize("width", [1, 2, 6, 64, 300])
@pytest.mark.parametrize("temperature", [0.03, 0.1, 10.0])
def test_bounds_hold_and_are_close(quick_dtype: torch.dtype, width: int, temperature: float) -> None:
    items = unit(ITEMS, width, seed=1)
    items[:: USERS // 2] = -items[:: USERS // 2]
    interests = unit(USERS, INTERESTS, width, seed=3)
    interests[:, 0] = items[:USERS]  # the largest that a logit can be
    decoding = interests / temperature
    logits = decoding.flatten(0, 1).to(quick_dtype) @ items.to(quick_dtype).T
    slack = retrieval._slack(decoding, quick_dtype)
    bounds = retrieval._bounds(logits, slack, INTERESTS)
    largest = torch.einsum("bkd,nd->bkn", decoding.double(), items.double()).amax(1)
    assert (bounds >= largest).all()
    assert (bounds - largest <= 2 * slack).all()
    assert (slack <= 0.02 / temperature).all()


def test_most_items_are_below_the_worst_of_the_answer() -> None:
    vectors = inputs()
    decoding = vectors[2] / TAUS.decode
    bounds = retrieval._bounds(
        decoding.flatten(0, 1) @ vectors[0].T, retrieval._slack(decoding, torch.bfloat16), INTERESTS
    )
    scores = log_scores(*vectors, TAUS)
    assert (scores <= bounds).all()
    assert (bounds >= scores.topk(20).values[:, -1:]).float().mean() < 0.1


def test_one_interest_is_its_logit() -> None:
    items, prototypes, interests = inputs()
    vectors = (items, prototypes[:, :1], interests[:, :1])
    columns, values = search(vectors, 30)
    expected_columns, expected = all_sorted(vectors, 30, torch.zeros(USERS + 1).long(), torch.empty(0).long())
    torch.testing.assert_close(values, expected, rtol=0, atol=5e-6)
    assert (columns != expected_columns).float().mean() < 0.01


def test_vectors_that_are_not_finite_are_seen() -> None:
    items, prototypes, interests = inputs()
    interests[3, 1, 2] = torch.nan
    prototypes[5, 0, 0] = torch.inf
    _, values = search((items, prototypes, interests), 5)
    assert values.isnan().all(1).nonzero().flatten().tolist() == [3, 5]
    assert not values[[0, 1, 2, 4]].isnan().any()


def test_it_is_compiled_once_whatever_the_layout() -> None:
    for prototypes in (1, USERS):
        search(inputs(prototypes), 3, *hidden_columns(USERS, 2))
    search(inputs(1, 1), 3)
    assert len(fused.search_tile.signatures) == 1


@pytest.mark.parametrize("n", [0, 5])
def test_nothing_asked_nothing_answered(n: int) -> None:
    users = 0 if n else USERS
    columns, values = search(inputs(users, users), n)
    assert columns.shape == values.shape == (users, n)


def large_offsets(size: float) -> Tensor:
    offsets = size * torch.randn(USERS, ITEMS, generator=torch.Generator().manual_seed(4))
    offsets[offsets.abs() < size] = 0.0  # most items go with nothing
    return offsets


@pytest.mark.parametrize("size", [0.1, 30.0], ids=["beside the mixture", "far above it"])
@pytest.mark.parametrize("steered", [False, True], ids=["as it is", "steered"])
@pytest.mark.parametrize("tile_logits", [50_000, 1 << 22], ids=["many tiles", "one tile"])
def test_what_is_added_to_the_scores_is_searched_with_them(
    monkeypatch: pytest.MonkeyPatch, size: float, steered: bool, tile_logits: int
) -> None:
    monkeypatch.setattr(retrieval, "TILE_LOGITS", tile_logits)
    vectors, weights, (indptr, hidden) = inputs(), steering() if steered else None, hidden_columns(USERS, 100)
    offsets = large_offsets(size)
    found = best_items(catalogue(vectors[0]), *vectors[1:], TAUS, 20, indptr, hidden, weights, offsets)
    doubles = tuple(part.double() for part in vectors)
    scores = log_scores(*doubles, TAUS, None if weights is None else weights.double()) + offsets
    scores[torch.arange(USERS).repeat_interleave(indptr.diff()), hidden] = -torch.inf
    values, columns = scores.topk(20)
    expected = columns.masked_fill(values == -torch.inf, -1)
    assert torch.equal(found[0] == -1, expected == -1)
    torch.testing.assert_close(found[1].double(), values, rtol=1e-6, atol=1e-5)
    assert (found[0] != expected).float().mean() < 0.01


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_bounds_hold_with_what_is_added(quick_dtype: torch.dtype, size: float) -> None:
    """Both in float32, where a large offset takes digits from a logit."""
    items, interests = unit(ITEMS, WIDTH, seed=1), unit(USERS, INTERESTS, WIDTH, seed=3)
    interests[:, 0] = items[:USERS]
    decoding, offsets = interests / 0.1, large_offsets(size)
    logits = decoding.flatten(0, 1).to(quick_dtype) @ items.to(quick_dtype).T
    slack = retrieval._slack(decoding, quick_dtype) + retrieval._slack_of_sum(decoding, offsets)
    bounds = retrieval._bounds(logits, slack, INTERESTS) + offsets
    largest = torch.einsum("bkd,nd->bkn", decoding.double(), items.double()).amax(1) + offsets.double()
    assert (bounds >= largest).all()
    assert (bounds - largest <= 2 * slack).all()
