"""The memory that a run will take, said before it runs (docs/adr/0040): its model's part and what all runs hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..contract.footprint import FLOAT, SPARSE_ENTRY, Device, Memory
from ..contract.recommender import Recommender, StepConfig
from ..evaluation.evaluate import users_at_once
from ..evaluation.uniformity import USERS_AT_ONCE

if TYPE_CHECKING:
    from ..contract.footprint import Sizes
    from ..contract.recommender import Config

# A training child without data, its libraries included; and what CUDA's take of the host's memory besides.
CHILD = 420 << 20
CUDA_CHILD = 2 << 30
ROW = 250  # of a user or an item: id, title, and places in the parts
INTERACTION = 5 * SPARSE_ENTRY  # as read, as matrices, and in what lists are held against
PAIR = 3 * 8  # of a pair to train on: its user, its place in the order, and its key among the positives


@dataclass(frozen=True)
class Estimate:
    """Bytes at the peak of a run; of several processes those of each.

    cpu       of its process, where it trains on the CPU
    gpu       of its tensors on the accelerator, where it trains there
    gpu_host  of its process then
    """

    cpu: int
    gpu: int
    gpu_host: int


def estimate(model_class: type[Recommender], config: Config, sizes: Sizes, processes: int = 1) -> Estimate:
    """Of a resolved configuration. Nothing is allocated: the model is built without memory behind its tensors. Raises
    BadConfiguration for what is too large to be built."""
    with torch.device("meta"):
        model = model_class(_own_rows(model_class, config, sizes, processes), sizes.users, sizes.items)
    data = sizes.interactions * INTERACTION + (sizes.users + sizes.items) * ROW
    held, apart = _held(model, processes), _phases(model, sizes, "cuda", processes)
    return Estimate(
        cpu=CHILD + data + held + max(phase.tensors + phase.host for phase in _phases(model, sizes, "cpu", processes)),
        gpu=held + max(phase.tensors for phase in apart),
        gpu_host=CHILD + CUDA_CHILD + data + max(phase.host for phase in apart),
    )


def _own_rows(model_class: type[Recommender], config: Config, sizes: Sizes, processes: int) -> Config:
    """With a batch of the rows that one of the processes computes (docs/adr/0039)."""
    if processes == 1 or not isinstance(config, StepConfig):
        return config
    rows = min(config.train_batch_size, sizes.train if model_class.trains_on == "interactions" else sizes.users)
    return config.model_copy(update={"train_batch_size": math.ceil(rows / processes)})


def _held(model: Recommender, processes: int) -> int:
    """From the first step to the last: the state, and of what is trained by steps gradients and moments; of several
    processes also the buckets that DistributedDataParallel sends gradients in."""
    state = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    copies = 3 if processes == 1 else 4
    return state + (copies * _trained(model) if isinstance(model.config, StepConfig) else 0)


def _trained(model: Recommender) -> int:
    return sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad)


def _phases(model: Recommender, sizes: Sizes, device: Device, processes: int) -> list[Memory]:
    """What comes and goes, one after the other."""
    people = min(users_at_once(sizes.items), math.ceil(sizes.users / processes))
    training = model.training_memory(sizes, device)
    if model.trains_on == "interactions":
        training += Memory(host=sizes.train * PAIR)
    saving = Memory(host=2 * _trained(model))  # the moments: a file of tensors is written from a copy of them
    ranking = model.answering_memory(sizes, device, people)
    compared = min(USERS_AT_ONCE, sizes.users) * sizes.users if _has_user_vectors(model) else 0
    return [training, saving, ranking, Memory(3 * compared * FLOAT)]


def _has_user_vectors(model: Recommender) -> bool:
    return type(model).user_vectors is not Recommender.user_vectors
