"""The checkpoints in memory, each with what gathers the questions to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import TIMEOUT_MAX, Lock
from typing import NamedTuple
from weakref import WeakValueDictionary

import torch

from ..data import dataset
from ..data.dataset import Dataset
from ..storage import artifacts
from ..training.checkpoint import is_refit, model_of
from .batching import Batcher
from .cache import LoadedCache
from .checkpoint import LoadedCheckpoint
from .compute import compute
from .person import known_user
from .question import Answer, Question


class CheckpointRef(NamedTuple):
    """Storage key of a checkpoint and the sha256 of its manifest."""

    key: str
    sha256: str


class ServedCheckpoint:
    """A loaded checkpoint that answers the recommendation requests which arrive together in one pass."""

    def __init__(self, loaded: LoadedCheckpoint) -> None:
        self.loaded = loaded
        self._batcher = Batcher[Question, Answer](loaded.rank_here, loaded.largest_batch, compute)

    def recommend(
        self, question: Question, wanted: Callable[[], bool] = lambda: True, seconds: float | None = None
    ) -> Answer:
        """Raises TimeoutError once nobody waits any more."""
        # Who sets no deadline is said to have ages left, more than may be waited for.
        return self._batcher.submit(question, wanted).result(seconds and min(seconds, TIMEOUT_MAX))

    def warm(self) -> None:
        """Answers what a first user would ask, so that everything is in memory and compiled before they do."""
        data = self.loaded.dataset
        somebody = known_user(data, data.users.id(0))
        for find in (data.row_of, data.column_of):
            find("")  # the id of nobody, which is looked for everywhere
        self.recommend(Question(somebody, n=20, excluded=somebody.seen, explain=True))
        self.loaded.describe(somebody, n=10, excluded=somebody.seen)

    def close(self) -> None:
        self._batcher.close()


class Checkpoints:
    """Opens checkpoints of one artifacts folder; at most `capacity` stay in memory between requests."""

    def __init__(self, artifacts_root: Path, capacity: int, device: torch.device) -> None:
        self._root = artifacts_root
        self._device = device
        self._cache = LoadedCache[CheckpointRef, ServedCheckpoint](self._load, capacity)
        # Checkpoints of one dataset share it; it goes with the last of them.
        self._datasets: WeakValueDictionary[tuple[str, bool], Dataset] = WeakValueDictionary()
        self._datasets_lock = Lock()

    @contextmanager
    def use(self, ref: CheckpointRef) -> Iterator[ServedCheckpoint]:
        """The checkpoint, loaded and verified against its sha256 if it is not in memory yet.

        Raises CheckpointMissing, CheckpointCorrupt, DatasetMissing; what is in memory is served on regardless.
        """
        with self._cache.use(ref) as served:
            yield served

    def close(self) -> None:
        """Call it when no request runs any more."""
        self._cache.close()

    def _load(self, ref: CheckpointRef) -> ServedCheckpoint:
        loaded = artifacts.load_checkpoint(self._root, ref.key, ref.sha256, with_optimizer=False)
        data = self._dataset(loaded.manifest["dataset_key"], whole=is_refit(loaded))
        model = model_of(loaded, data, self._device)
        return ServedCheckpoint(LoadedCheckpoint(model, data, self._device))

    def _dataset(self, key: str, *, whole: bool) -> Dataset:
        """whole: as a refit has seen it."""
        with self._datasets_lock:
            data = self._datasets.get((key, whole))
            if data is None:
                # Its ids and titles are the same, split or not.
                split = self._datasets.get((key, False)) or dataset.load(self._root, key)
                data = self._datasets[key, whole] = split.whole() if whole else split
            return data
