import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.contract.ranking import top_n


def sorted_whole(scores: torch.Tensor, n: int) -> list[list[int]]:
    """The definition: sort every column by score, equal scores by column."""
    return [sorted(range(len(row)), key=lambda column: (-row[column], column))[:n] for row in scores.tolist()]


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 4), items=st.integers(1, 60), n=st.integers(1, 70))
def test_equals_the_whole_sort(seed: int, rows: int, items: int, n: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    # Few different values, so that ties at the boundary are the rule and not the exception.
    scores = torch.randint(0, 5, (rows, items), generator=generator).float()
    scores[torch.rand(rows, items, generator=generator) < 0.2] = -torch.inf
    columns, values = top_n(scores, n)
    assert columns.tolist() == sorted_whole(scores, n) or _differ_only_in_excluded(scores, columns, n)
    assert torch.equal(values, scores.gather(1, columns))


def _differ_only_in_excluded(scores: torch.Tensor, columns: torch.Tensor, n: int) -> bool:
    """Which of the excluded columns fill the tail says nothing."""
    for row, found, right in zip(scores, columns.tolist(), sorted_whole(scores, n), strict=True):
        kept = [column for column in right if row[column] > -torch.inf]
        if found[: len(kept)] != kept:
            return False
    return True


def test_all_equal_scores_give_the_first_columns_in_a_large_catalogue() -> None:
    columns, _ = top_n(torch.zeros(2, 50_000), 20)
    assert columns.tolist() == [list(range(20))] * 2


def test_not_a_number_comes_first_so_that_it_is_seen() -> None:
    scores = torch.zeros(1, 1000)
    scores[0, 700] = torch.nan
    _, values = top_n(scores, 5)
    assert values.isnan().any()
