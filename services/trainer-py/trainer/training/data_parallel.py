"""The loss of a batch that several processes compute together, each of its own rows (docs/adr/0039)."""

from __future__ import annotations

from torch import Tensor, nn

from ..contract.recommender import Histories, Interactions, Recommender, StepContext
from ..kernels.part import Part
from ..process_group import ProcessGroup

Batch = Histories | Interactions


class SharedLoss:
    """Each process gets its part of the loss, times the number of processes: the mean of the parts is the loss of the
    batch, and the mean of their gradients, which is what DistributedDataParallel leaves in each process, is its
    gradient."""

    def __init__(self, model: Recommender, group: ProcessGroup) -> None:
        self.model = model
        self._group = group
        self._loss: nn.Module = _Loss(model)
        if group.size > 1:
            # Parameters begin alike, and no buffer changes in a step. Looking for unused parameters (VALID's prototypes
            # get no gradient) also keeps the buckets as they are first laid out, which the bits of a sum depend on.
            self._loss = nn.parallel.DistributedDataParallel(
                self._loss, find_unused_parameters=True, forward_sync_buffers=False, init_sync=False
            )

    def __call__(self, batch: Batch, context: StepContext) -> tuple[Tensor, Tensor]:
        """This process's part, to be differentiated, and the loss of the batch."""
        group, whole = self._group, len(batch)
        if group.size == 1:
            part: Tensor = self._loss(batch, context)
            return part, part.detach()
        own = group.own(whole)
        share = (own.stop - own.start) / whole
        # Of fewer rows than processes some get another's, which counts nothing: all have to take part in a reduce.
        rows = own if share > 0 else slice(0, 1)
        part = self._loss(batch.part(Part(rows, whole)), context) * (share * group.size)
        return part, group.mean(part.detach())


class _Loss(nn.Module):
    """DistributedDataParallel wraps what is called as a module."""

    def __init__(self, model: Recommender) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, context: StepContext) -> Tensor:
        model: Recommender = self.model
        return model.loss(batch, context) if isinstance(batch, Histories) else model.pair_loss(batch, context)
