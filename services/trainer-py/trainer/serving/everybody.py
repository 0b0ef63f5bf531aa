"""The lists of everybody, a few users at a time between the questions of others."""

from collections.abc import Iterator

import numpy as np

from ..data.dataset import Dataset
from .checkpoint import LoadedCheckpoint
from .lists import Lists

# Of one chunk. Larger ones are faster, but what comes meanwhile waits for longer; and the arrays have to fit a message.
MOST_SECONDS = 0.03
MOST_USERS = 128
MOST_BYTES = 3 << 20
FIRST_USERS = 16


def by_activity(data: Dataset) -> np.ndarray:
    """The rows of all users, those with the longest history first, then by row."""
    return np.argsort(-np.diff(data.history.indptr), kind="stable")


def lists_of(
    loaded: LoadedCheckpoint, rows: np.ndarray, depth: int, explain: bool, whole: bool = False
) -> Iterator[Lists]:
    """The best `depth` items that each user has not met, in the order of `rows`; where `whole`, by their whole
    histories, if the model has fold_in. A question that comes meanwhile waits for the chunk under way and no longer;
    how many users that has follows from how long the one before took."""
    data = loaded.dataset
    bytes_of_user = depth * (4 + 4 + 4 * loaded.interests + 12)
    most = max(1, min(MOST_USERS, loaded.scored_at_once, MOST_BYTES // bytes_of_user))
    at_once, start = min(FIRST_USERS, most), 0
    while start < len(rows):
        some = rows[start : start + at_once]
        lists = loaded.rank_rows(some, depth, data.met(some), explain, whole)
        yield lists
        start += at_once
        at_once = max(1, min(most, int(at_once * min(2, MOST_SECONDS / lists.seconds))))
