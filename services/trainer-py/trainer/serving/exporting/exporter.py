"""From a checkpoint to a file: the lists of its users part by part, each kept, then written in the format asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from ... import device
from ...data.dataset import Dataset
from ...events import Exported
from ...storage import artifacts, cache
from ...storage.artifacts import Loaded
from ...training.checkpoint import open_checkpoint
from ..checkpoint import LoadedCheckpoint
from ..lists import Lists
from .erased import among
from .folder import ExportFolder
from .formats import FORMATS, Names
from .live import LiveRows
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
    with cache.working(root, folder.key):
        return _made(request, root, where, loaded, folder, progress)


def _made(
    request: ExportRequest, root: Path, where: torch.device, loaded: Loaded, folder: ExportFolder, progress: Progress
) -> Exported:
    if (finished := folder.finished()) is not None:
        return finished
    served = LoadedCheckpoint(*open_checkpoint(root, loaded, where), where)
    live = None if request.live is None else _live(served.dataset, root, *request.live)
    rows = _rows_of(served.dataset, request.users, among(request.erased) if request.erased else None)
    rows = rows[served.answers(live.rows() if live else ())[rows]]
    ranker = Ranker(served, request.n, request.explain, request.hidden, live)
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

    interests, linear = (served.interests, served.has("linear")) if request.explain else (None, False)
    names = Names.of(served.dataset, interests, linear)
    unknown = len(request.users) - len(rows) if request.users else 0
    return folder.finish(lambda path: FORMATS[request.format](path, parts(), names), len(rows), unknown)


def _live(data: Dataset, root: Path, path: str, sha256: str) -> LiveRows:
    key, _, name = path.rpartition("/")
    with cache.opened(root, key) as folder:
        return LiveRows(data, folder / name, sha256)


def _onwards(progress: Progress, start: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(start + done, total)


def _rows_of(data: Dataset, users: tuple[str, ...], is_erased: Callable[[str], bool] | None) -> np.ndarray:
    """Rows of the known ones, in their order."""
    if not users and is_erased is None:
        return np.arange(len(data.user_ids()))
    named = users or data.user_ids().to_pylist()
    found = (data.row_of(user) for user in named if is_erased is None or not is_erased(user))
    return np.array([row for row in found if row is not None], dtype=np.int64)
