"""What a split is known by: comparisons hold under one split alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

_AT_ONCE = 100_000


class Rows(Protocol):
    """A part of a split as CSR, items ascending in each row: a csr_matrix is one.

    indptr  [U+1]; indices  [nnz]"""

    @property
    def indptr(self) -> np.ndarray: ...

    @property
    def indices(self) -> np.ndarray: ...


def split_digest_of(ids: Sequence[pa.StringArray], parts: Sequence[Rows]) -> str:
    """sha256 over ids of users and items, and over train, valid, test and what is folded in, where something is: two
    imports with it rank the same items for the same people."""
    digest = hashlib.sha256()
    for texts in ids:
        for start in range(0, len(texts), _AT_ONCE):
            digest.update("".join(f"{text}\0" for text in texts[start : start + _AT_ONCE].to_pylist()).encode())
        digest.update(b"\1")
    for place, part in enumerate(parts):
        if place == 3:
            digest.update(b"\2")
        digest.update(part.indptr.astype("<i8", copy=False).data)
        digest.update(part.indices.astype("<i4", copy=False).data)
    return digest.hexdigest()
