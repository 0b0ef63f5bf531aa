"""From a checkpoint to a file: the lists of its users part by part, each kept, then written in the format asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ... import device
from ...data.dataset import Dataset
from ...events import Exported
from ...storage import artifacts
from ...training.experiment import open_checkpoint
from ..checkpoint import LoadedCheckpoint
from ..lists import Lists
from .folder import ExportFolder
from .formats import FORMATS, Names
from .ranker import Ranker
from .request import ExportRequest

# Of one part: what a kill costs, what is in memory while it is written, and a row group of Parquet.
MOST_RECOMMENDATIONS = 1 << 17
MOST_USERS = 4096

Progress = Callable[[int, int], None]
"""Told how many users are done, and how many there are in all."""


def export(request: ExportRequest, root: Path, progress: Progress = lambda done, total: None) -> Exported:
    """Parts that an earlier attempt at the same request has left are not made again; the file is the same to the bit.

    Raises the errors of `errors.py`.
    """
    where = device.choose(request.device)
    device.make_deterministic()
    loaded = artifacts.load_checkpoint(root, request.key, request.sha256, with_optimizer=False)
    folder = ExportFolder(root, request.export_id, request.fingerprint(where))
    if (finished := folder.finished()) is not None:
        return finished
    served = LoadedCheckpoint(*open_checkpoint(root, loaded, where), where)
    rows = _rows_of(served.dataset, request.users)
    ranker = Ranker(served, request.n, request.explain, request.hidden)
    at_once = max(1, min(MOST_USERS, MOST_RECOMMENDATIONS // request.n))
    starts = range(0, len(rows), at_once)
    for number, start in enumerate(starts):
        progress(start, len(rows))
        if not folder.has(number):
            folder.save(number, ranker.lists_of(rows[start : start + at_once], _onwards(progress, start, len(rows))))

    def parts() -> Iterator[Lists]:
        for number in range(len(starts)):
            progress(len(rows), len(rows))
            yield folder.load(number)

    names = Names.of(served.dataset, served.interests if request.explain else None)
    unknown = len(request.users) - len(rows) if request.users else 0
    return folder.finish(lambda path: FORMATS[request.format](path, parts(), names), len(rows), unknown)


def _onwards(progress: Progress, start: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(start + done, total)


def _rows_of(data: Dataset, users: tuple[str, ...]) -> np.ndarray:
    """Rows of the known ones, in their order."""
    if not users:
        return np.arange(len(data.users))
    found = (data.users.index(user) for user in users)
    return np.array([row for row in found if row is not None], dtype=np.int64)
