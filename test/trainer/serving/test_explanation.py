import numpy as np
import pytest
import torch
from torch import Tensor

from trainer.contract.recommender import Histories
from trainer.serving import explanation
from trainer.serving.explanation import because_of, because_of_contributions, shares_of


@pytest.fixture(autouse=True, params=["compiled", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":  # a GPU, or a machine without numba
        monkeypatch.setattr(explanation, "fused_for", lambda _: None)


def test_shares_by_hand() -> None:
    terms = torch.tensor([[3.0, 0.0, 0.0], [1.0, 5.0, 0.0]])  # K = 2, M = 3
    assert shares_of(terms).tolist() == [[0.75, 0.25], [0.0, 1.0], [0.5, 0.5]]
    assert shares_of(terms[None]).tolist() == [shares_of(terms).tolist()]


def people(*histories: list[int]) -> Histories:
    users = torch.arange(len(histories))
    return Histories.of_rows(users, [np.array(history, dtype=np.int64) for history in histories])


def alone(
    items: list[int], history: list[int], vectors: Tensor, item_shares: Tensor | None, history_shares: Tensor | None
) -> list[list[int]]:
    shares = None if item_shares is None else item_shares[None]
    found = because_of(people(history), torch.tensor([items], dtype=torch.int64), vectors, shares, history_shares)
    return [[column for column in row if column >= 0] for row in found[0].tolist()]


def test_because_by_hand() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
    item_shares = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    history_shares = torch.tensor([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    # Item 0, interest 0: item 1 gives .5 · .8, item 2 is at a right angle, item 3 points away.
    # Item 2, interest 1: item 1 gives .5 · .6; it is in the history itself, which does not count.
    assert alone([0, 2], [1, 2, 3], vectors, item_shares, history_shares) == [[1], [1]]
    # Without interests the cosine decides alone.
    assert alone([0], [1, 2], vectors, None, None) == [[1]]


def test_because_names_three_at_most_and_prefers_lower_columns() -> None:
    vectors = torch.eye(2)[[0, 0, 0, 0, 0, 1]]
    assert alone([4], [0, 1, 2, 3, 5], vectors, None, None) == [[0, 1, 2]]


def test_because_of_nothing() -> None:
    assert alone([], [1], torch.eye(2), None, None) == []
    assert alone([0], [], torch.eye(2), None, None) == [[]]
    assert alone([-1], [0, 1], torch.eye(2), None, None) == [[]]


@pytest.mark.parametrize("memory", [1, 400, explanation.MOST_STRENGTHS])
def test_because_of_many_is_that_of_each(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr(explanation, "MOST_STRENGTHS", memory)
    random = np.random.default_rng(2)
    vectors = torch.nn.functional.normalize(torch.from_numpy(random.normal(size=(50, 4))).float(), dim=1)
    histories = [sorted(random.choice(50, size, replace=False).tolist()) for size in (0, 5, 40, 1, 2, 17)]
    batch = people(*histories)
    items = torch.from_numpy(random.integers(-1, 50, (len(histories), 12)))
    item_shares = torch.from_numpy(random.dirichlet(np.ones(3), items.shape))
    history_shares = torch.from_numpy(random.dirichlet(np.ones(3), len(batch.indices))).float()
    found = because_of(batch, items, vectors, item_shares, history_shares)
    for person, history in enumerate(histories):
        first = int(batch.indptr[person])
        for place, item in enumerate(items[person].tolist()):
            dominant = int(item_shares[person, place].argmax())
            strengths = {
                held: float(history_shares[first + at, dominant] * (vectors[held] @ vectors[item]))
                for at, held in enumerate(history)
                if held != item and item >= 0
            }
            best = sorted((held for held, value in strengths.items() if value > 0), key=lambda h: -strengths[h])[:3]
            assert [column for column in found[person, place].tolist() if column >= 0] == best


@pytest.mark.parametrize("memory", [1, explanation.MOST_STRENGTHS])
def test_because_of_contributions(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    """Item l adds weights[l, i]: the largest positive ones are the reasons, and never the item itself."""
    monkeypatch.setattr(explanation, "MOST_STRENGTHS", memory)
    weights = torch.tensor([[9.0, 1, 0, 5], [2, 9, 3, 5], [-1, 2, 9, 5], [4, 3, 0, 9]])
    batch = people([0, 1, 2], [], [1, 3])
    items = torch.tensor([[0, 3], [1, 2], [2, -1]])

    def contributions(some: Histories, wanted: Tensor) -> Tensor:
        rows = torch.arange(len(some)).repeat_interleave(some.indptr.diff())
        return weights[some.indices[:, None], wanted[rows]]

    found = because_of_contributions(batch, items, contributions)
    assert found.tolist() == [
        [[1, -1, -1], [0, 1, 2]],
        [[-1, -1, -1], [-1, -1, -1]],
        [[1, -1, -1], [-1, -1, -1]],
    ]
