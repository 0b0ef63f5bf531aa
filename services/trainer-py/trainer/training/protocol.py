"""What makes numbers comparable, beside the split: what is hidden, and what is measured at which cut-offs."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidRequest
from ..evaluation.evaluate import MaskRule
from ..evaluation.metrics import DEFAULT, in_order


@dataclass(frozen=True)
class Protocol:
    """metrics: names of the catalogue, given in any order and kept in its own; of none, the default."""

    mask_test: MaskRule = "train"
    cutoffs: tuple[int, ...] = (20, 50)
    metrics: tuple[str, ...] = DEFAULT

    def __post_init__(self) -> None:
        if self.mask_test not in ("train", "train+valid"):
            raise InvalidRequest("mask_test is train or train+valid", field="protocol.mask_test")
        if not self.cutoffs or not all(1 <= cutoff <= 1000 for cutoff in self.cutoffs):
            raise InvalidRequest("cutoffs are one or more numbers from 1 to 1000", field="protocol.cutoffs")
        object.__setattr__(self, "metrics", in_order(self.metrics))
