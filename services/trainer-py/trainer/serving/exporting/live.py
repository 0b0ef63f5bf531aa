"""What people have met since the dataset, as the service staged it: a line of JSON a person, {"user": id, "items": [],
"at": []}, the items met last at the end, with milliseconds since 1970 UTC; an earlier version says no times."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from ...data.dataset import Dataset
from ...errors import InvalidRequest
from ...storage.durable import sha256_of
from ..person import NOTHING, Met, since


class LiveRows:
    """Of users of the dataset, by row, what they have met of the items that it knows; who or what it does not know is
    left out."""

    def __init__(self, dataset: Dataset, path: Path, sha256: str) -> None:
        """Raises InvalidRequest where the file is not the one that was staged."""
        if sha256_of(path) != sha256:
            raise InvalidRequest("the live rows are not those that were staged", field="live.sha256")
        self._met: dict[int, Met] = {}
        with path.open("rb") as lines:
            for line in lines:
                person = json.loads(line)
                row = dataset.row_of(person["user"])
                if row is not None:
                    self._met[row] = since(dataset, person["items"], person.get("at", []))
        self._items = len(dataset.items)

    def rows(self) -> list[int]:
        """Of whom there is anything."""
        return [row for row, met in self._met.items() if met.columns.size]

    def of(self, row: int) -> Met:
        return self._met.get(row, NOTHING)

    def met(self, rows: np.ndarray) -> csr_matrix:
        """[B, N]"""
        own = [np.sort(self.of(row).columns) for row in rows.tolist()]
        indptr = np.concatenate([[0], np.cumsum([len(columns) for columns in own])])
        columns = np.concatenate([np.empty(0, dtype=np.int64), *own])
        return csr_matrix((np.ones(len(columns), np.float32), columns, indptr), (len(rows), self._items))
