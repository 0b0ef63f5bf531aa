"""Lists as little-endian arrays, which the caller copies and never parses."""

from __future__ import annotations

import numpy as np

from ..pb.recommender.v1 import recommender_pb2 as pb


def packed(
    columns: np.ndarray,
    scores: np.ndarray,
    shares: np.ndarray | None,
    because: np.ndarray | None,
    linear: np.ndarray | None,
) -> pb.PackedList:
    """columns [n], scores [n], shares [n, K] as they are told or None, because [n, 3] of columns with -1 for none, or
    None, linear [n] or None."""
    return pb.PackedList(
        items=columns.astype("<u4").tobytes(),
        scores=scores.astype("<f4").tobytes(),
        shares=b"" if shares is None else shares.astype("<f4").tobytes(),
        # -1 becomes 0xffffffff.
        because=b"" if because is None else because.astype("<u4").tobytes(),
        linear=b"" if linear is None else linear.astype("<f4").tobytes(),
    )
