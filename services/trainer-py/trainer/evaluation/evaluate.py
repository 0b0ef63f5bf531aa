"""The full-ranking protocol: every item is a candidate, masked items excepted.

Validation masks train items. Test masks train items ("train", the paper's rule) or train and validation items
("train+valid"). Of held-out users what is folded in stands for their train items. Users are ranked once for each rule;
splits and cut-offs are read from that ranking.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from ..contract.recommender import Histories, Recommender
from ..data.dataset import Dataset
from ..errors import Diverged
from .metrics import METRICS

Split = Literal["valid", "test"]
MaskRule = Literal["train", "train+valid"]
Results = dict[tuple[Split, MaskRule], dict[str, float]]

# Scores of one batch in memory: 64 M floats are 256 MiB.
MOST_SCORES = 64_000_000
LARGEST_BATCH = 1024


@torch.no_grad()
def evaluate(
    model: Recommender,
    dataset: Dataset,
    splits: Sequence[Split] = ("valid", "test"),
    mask_rules: Sequence[MaskRule] = ("train", "train+valid"),
    cutoffs: Sequence[int] = (20, 50),
    *,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Means over the users with at least one item in the split, as {(split, rule): {"recall@20": ..., ...}}; NaN where
    there is none.

    `on_progress` is told users done and users in all. Raises Diverged when a score that counts is not a number.
    """
    measured: dict[MaskRule, list[Split]] = {}
    for split in splits:
        for rule in ("train",) if split == "valid" else mask_rules:
            measured.setdefault(rule, []).append(split)
    masks = {rule: dataset.history if rule == "train" else dataset.history + dataset.valid for rule in measured}
    truth = {split: getattr(dataset, split) for split in splits}
    wanted = np.zeros(dataset.train.shape[0], dtype=bool)
    for part in truth.values():
        wanted |= np.diff(part.indptr) > 0
    users = np.flatnonzero(wanted)
    batch_users = max(1, min(LARGEST_BATCH, MOST_SCORES // dataset.train.shape[1]))
    depth = min(max(cutoffs), dataset.train.shape[1])
    keys: list[tuple[Split, MaskRule]] = [(split, rule) for rule, asked in measured.items() for split in asked]
    sums = {key: {f"{name}@{cutoff}": 0.0 for cutoff in cutoffs for name in METRICS} for key in keys}
    counts = dict.fromkeys(keys, 0)

    for start in range(0, len(users), batch_users):
        rows = users[start : start + batch_users]
        batch = Histories.of(dataset.history, rows, device, dataset.held_out)
        for rule, asked in measured.items():
            hidden = batch if rule == "train" else Histories.of(masks[rule], rows, device)
            ranking = model.best(batch, depth, hidden)
            if torch.isnan(ranking.scores).any():
                raise Diverged("the model's scores are not numbers")
            for split in asked:
                part = truth[split][rows]
                sizes = torch.from_numpy(np.diff(part.indptr)).to(ranking.columns.device)
                has = sizes > 0
                hits = _hits(ranking.columns, part)[has]
                for cutoff in cutoffs:
                    for name, metric in METRICS.items():
                        values = metric(hits, sizes[has].long(), min(cutoff, depth))
                        sums[split, rule][f"{name}@{cutoff}"] += float(values.sum())
                counts[split, rule] += int(has.sum())
        if on_progress is not None:
            on_progress(min(start + batch_users, len(users)), len(users))
    return {
        key: {name: total / counts[key] if counts[key] else math.nan for name, total in sums[key].items()}
        for key in keys
    }


def _hits(top: Tensor, part: csr_matrix) -> Tensor:
    """Whether each ranked item [B, P] is in the user's row of `part`: one search in its sorted (user, item) keys.
    -1, no item, is in no row."""
    items = part.shape[1]
    rows = np.repeat(np.arange(part.shape[0], dtype=np.int64), np.diff(part.indptr))
    keys = torch.from_numpy(np.sort(rows * items + part.indices)).to(top.device)
    if len(keys) == 0:
        return torch.zeros_like(top, dtype=torch.bool)
    asked = torch.arange(len(top), device=top.device)[:, None] * items + top
    place = torch.searchsorted(keys, asked).clamp(max=len(keys) - 1)
    found: Tensor = (keys[place] == asked) & (top >= 0)
    return found
