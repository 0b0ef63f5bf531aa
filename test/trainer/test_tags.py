"""Filters by tags against sets, item by item."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.tags import Tags

NAMES = ["Jazz", "crime", "ÉPOQUE", "Straße", "no item's"]


def tags_of(items: list[set[int]]) -> Tags:
    indices = [position for item in items for position in sorted(item)]
    return Tags(NAMES, np.cumsum([0, *map(len, items)]), np.array(indices, np.int64))


written = st.sampled_from([*NAMES, "JAZZ", "Crime", "époque", "STRASSE", "nowhere"])
some = st.lists(written, max_size=3)


@given(
    items=st.lists(st.sets(st.integers(0, 3)), max_size=8),
    one_of=some,
    each=some,
    never=some,
)
def test_a_filter_is_what_it_says(items: list[set[int]], one_of: list[str], each: list[str], never: list[str]) -> None:
    allowed, unknown = tags_of(items).matching(one_of, each, never)

    def folded(tags: list[str]) -> set[str]:
        return {tag.casefold() for tag in tags}

    for item, is_allowed in zip(items, allowed, strict=True):
        own = {NAMES[position].casefold() for position in item}
        assert is_allowed == (
            (not one_of or bool(own & folded(one_of))) and folded(each) <= own and not own & folded(never)
        )
    used = {NAMES[position].casefold() for item in items for position in item}
    assert unknown == list(dict.fromkeys(tag for tag in [*one_of, *each, *never] if tag.casefold() not in used))


@pytest.mark.parametrize("items", [0, 3])
def test_items_without_tags(items: int) -> None:
    none = Tags.none(items)
    assert none.matching([], [], [])[0].tolist() == [True] * items
    assert none.matching([], [], ["x"])[0].tolist() == [True] * items
    allowed, unknown = none.matching(["x"], [], [])
    assert allowed.tolist() == [False] * items
    assert unknown == ["x"]
