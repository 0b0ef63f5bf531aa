"""The processes that train one run together: which one this is, and what they tell each other (docs/adr/0039).

All of them hold the same parameters and draw the same batches and the same noise, as randomness comes from seed and
step alone (docs/adr/0006). Each computes its own rows of a batch and its own users of an evaluation. What decides
anything, a loss or a list, is reduced before it is looked at, so that all of them decide alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor, distributed

T = TypeVar("T")
MOST_PROCESSES = 16


@dataclass(frozen=True)
class ProcessGroup:
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """The one that speaks, and writes artifacts."""
        return self.rank == 0

    def own(self, rows: int) -> slice:
        """This process's part of so many rows: parts are in the order of ranks, and as even as they can be."""
        return slice(self.rank * rows // self.size, (self.rank + 1) * rows // self.size)

    def mean(self, value: Tensor) -> Tensor:
        """Of one value each, the same in every process."""
        if self.size == 1:
            return value
        total = value.clone()
        distributed.all_reduce(total)
        return total / self.size

    def together(self, part: Tensor, rows: int) -> Tensor:
        """[rows, ...] in every process, of the `own` part [own rows, ...] that each gives."""
        if self.size == 1:
            return part
        whole = part.new_zeros(rows, *part.shape[1:])
        whole[self.own(rows)] = part
        distributed.all_reduce(whole)
        return whole

    def told(self, what: T) -> T:
        """What the first process has, in every process; none goes on before that one has come here."""
        if self.size == 1:
            return what
        held: list[T | None] = [what]
        distributed.broadcast_object_list(held)
        return cast("T", held[0])

    def device(self, chosen: torch.device) -> torch.device:
        """Each process has a GPU of its own; the CPU is shared."""
        return chosen if self.size == 1 or chosen.type == "cpu" else torch.device(chosen.type, self.rank)


ALONE = ProcessGroup()
