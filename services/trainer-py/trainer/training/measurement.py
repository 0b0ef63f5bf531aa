"""A model measured as a protocol says, with what is kept of every user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..contract.recommender import Recommender
from ..evaluation import user_values
from ..evaluation.evaluate import MaskRule, Questions, Split, answered
from ..evaluation.measuring import Measured
from ..evaluation.user_values import UserValues
from ..events import Metric, MetricGroup, UserValuesRef
from ..process_group import ALONE, ProcessGroup
from .protocol import Protocol


@dataclass(frozen=True)
class Measurement:
    """user_values: None where nobody is measured, or none were to be kept."""

    metrics: list[Metric]
    users: int
    groups: list[MetricGroup]
    user_values: UserValuesRef | None


def masked(split: Split, protocol: Protocol) -> MaskRule:
    return "train" if split == "valid" else protocol.mask_test


def measure(
    model: Recommender,
    questions: Questions,
    split: Split,
    protocol: Protocol,
    where: torch.device,
    on_progress: Callable[[int, int], None] | None,
    kept: tuple[Path, str] | None,
    group: ProcessGroup = ALONE,
) -> Measurement:
    """kept: artifacts folder, and id of the run or evaluation under which the values of users are kept there."""
    rule = masked(split, protocol)
    asked = [(split, rule)]
    found = answered(
        model,
        questions,
        asked,
        protocol.cutoffs,
        protocol.metrics,
        in_detail=True,
        device=where,
        on_progress=on_progress,
        group=group,
    )[split, rule]
    users = len(found.users)
    ref = None
    if kept is not None and users:
        root, owner_id = kept
        ref = user_values.save(root, owner_id, _values(found, questions, split, protocol))
    metrics = [Metric(split, name, value) for name, value in found.metrics.items()]
    return Measurement(metrics, users, found.groups, ref)


def _values(found: Measured, questions: Questions, split: Split, protocol: Protocol) -> UserValues:
    dataset = questions.reference.dataset
    return UserValues(
        users=found.users.astype(np.int32),
        history=np.diff(questions.history.indptr)[found.users].astype(np.int32),
        items=np.diff(questions.part(split).indptr)[found.users].astype(np.int32),
        columns=found.columns,
        top=found.top,
        dataset_key=dataset.key,
        split_digest=dataset.split_digest,
        split=split,
        mask_rule=masked(split, protocol),
        metrics=protocol.metrics,
        cutoffs=protocol.cutoffs,
    )
