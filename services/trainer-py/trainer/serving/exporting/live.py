"""What people have met since the dataset, as the service staged it: a line of JSON a person, {"user": id, "items": []},
the items met last at the end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from ...data.dataset import Dataset
from ...errors import InvalidRequest
from ...storage.durable import sha256_of
from ..person import Columns


class LiveRows:
    """Of U users the columns of the items that the dataset knows; who or what it does not know is left out."""

    def __init__(self, dataset: Dataset, path: Path, sha256: str) -> None:
        """Raises InvalidRequest where the file is not the one that was staged."""
        if sha256_of(path) != sha256:
            raise InvalidRequest("the live rows are not those that were staged", field="live.sha256")
        self._columns: dict[int, Columns] = {}
        with path.open("rb") as lines:
            for line in lines:
                person = json.loads(line)
                row = dataset.users.index(person["user"])
                if row is None:
                    continue
                found = (dataset.items.index(item) for item in person["items"])
                self._columns[row] = np.array([column for column in found if column is not None], dtype=np.int64)
        self._items = len(dataset.items)

    def of(self, row: int) -> Columns:
        return self._columns.get(row, np.empty(0, dtype=np.int64))

    def met(self, rows: np.ndarray) -> csr_matrix:
        """[B, N]"""
        own = [np.sort(self.of(row)) for row in rows.tolist()]
        indptr = np.concatenate([[0], np.cumsum([len(columns) for columns in own])])
        columns = np.concatenate([np.empty(0, dtype=np.int64), *own])
        return csr_matrix((np.ones(len(columns), np.float32), columns, indptr), (len(rows), self._items))
