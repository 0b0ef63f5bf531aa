import torch

from trainer.serving.explanation import because_of, shares_of


def test_shares_by_hand() -> None:
    terms = torch.tensor([[3.0, 0.0, 0.0], [1.0, 5.0, 0.0]])  # K = 2, M = 3
    assert shares_of(terms).tolist() == [[0.75, 0.25], [0.0, 1.0], [0.5, 0.5]]


def test_because_by_hand() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
    history = torch.tensor([1, 2, 3])
    items = torch.tensor([0, 2])
    item_shares = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    history_shares = torch.tensor([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    # Item 0, interest 0: item 1 gives .5 · .8, item 2 is at a right angle, item 3 points away.
    # Item 2, interest 1: item 1 gives .5 · .6; it is in the history itself, which does not count.
    assert because_of(items, history, vectors, item_shares, history_shares) == [[0], [0]]
    # Without interests the cosine decides alone.
    assert because_of(torch.tensor([0]), torch.tensor([2, 1]), vectors, None, None) == [[1]]


def test_because_names_three_at_most_and_prefers_lower_columns() -> None:
    vectors = torch.eye(2)[[0, 0, 0, 0, 0, 1]]
    assert because_of(torch.tensor([4]), torch.tensor([0, 1, 2, 3, 5]), vectors, None, None) == [[0, 1, 2]]


def test_because_of_nothing() -> None:
    nothing = torch.empty(0, dtype=torch.int64)
    assert because_of(nothing, torch.tensor([1]), torch.eye(2), None, None) == []
    assert because_of(torch.tensor([0]), nothing, torch.eye(2), None, None) == [[]]
