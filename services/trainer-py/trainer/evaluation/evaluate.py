"""The full-ranking protocol: every item is a candidate, masked items excepted.

Validation masks train items. Test masks train items ("train", the paper's rule) or train and validation items
("train+valid"). Of held-out users what is folded in stands for their train items. Users are ranked once for each rule;
splits and cut-offs are read from that ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix

from ..contract.recommender import Histories, Recommender
from ..data.dataset import Dataset
from ..errors import Diverged
from ..process_group import ALONE, ProcessGroup
from .measuring import Asked, Measured, Measuring
from .metrics import DEFAULT
from .reference import Reference

Split = Literal["valid", "test"]
MaskRule = Literal["train", "train+valid"]
Results = dict[tuple[Split, MaskRule], dict[str, float]]

# Scores of one batch in memory: 64 M floats are 256 MiB.
MOST_SCORES = 64_000_000
LARGEST_BATCH = 1024
# In the place of an item: a score of the list is not a number.
NO_NUMBER = -2

Lists = Iterator[tuple[np.ndarray, dict[MaskRule, torch.Tensor]]]
"""Users [B] with the item columns of their best [B, depth] under each rule, -1 where none is left."""


@dataclass(frozen=True)
class Questions:
    """What a model is asked about U users, and what is right, in its own N columns.

    history   [U, N]           what it is given of each user
    seen      {rule: [U, N]}   what is hidden from the ranking
    truth     {split: [U, N]}  what counts as a hit
    held_out  [U] bool         users whom it was not trained on; None: nobody
    asked     [U] bool         users whom it can say something about; the others have an empty list
    column_of [N] int64        the column that each has in the dataset that is measured, -1: none; None: the same
    reference                  of that dataset: it says what users have in a split, and no ranking is longer than it has
                               items
    """

    history: csr_matrix
    seen: dict[MaskRule, csr_matrix]
    truth: dict[Split, csr_matrix]
    held_out: np.ndarray | None
    asked: np.ndarray
    column_of: np.ndarray | None
    reference: Reference

    @staticmethod
    def of(reference: Reference, splits: Sequence[Split], mask_rules: Sequence[MaskRule]) -> Questions:
        """To a model that was trained on the dataset."""
        dataset = reference.dataset
        truth: dict[Split, csr_matrix] = {split: getattr(dataset, split) for split in splits}
        seen = {
            rule: dataset.history if rule == "train" else (dataset.history + dataset.valid).tocsr()
            for rule in mask_rules
        }
        asked = np.ones(len(dataset.users), dtype=bool)
        return Questions(dataset.history, seen, truth, dataset.held_out, asked, None, reference)

    def part(self, split: Split) -> csr_matrix:
        """What users have in the split, in the columns of the dataset that is measured."""
        part: csr_matrix = getattr(self.reference.dataset, split)
        return part


def evaluate(
    model: Recommender,
    dataset: Dataset,
    splits: Sequence[Split] = ("valid", "test"),
    mask_rules: Sequence[MaskRule] = ("train", "train+valid"),
    cutoffs: Sequence[int] = (20, 50),
    metrics: Sequence[str] = DEFAULT,
    *,
    reference: Reference | None = None,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
    group: ProcessGroup = ALONE,
) -> Results:
    """Over the users with at least one item in the split, as {(split, rule): {"recall@20": ..., ...}}; NaN where there
    is none. Who measures again gives the reference of the dataset, which is made once.

    `on_progress` is told users done and users in all, by each of a `group` those of its part. Raises Diverged when a
    score that counts is not a number.
    """
    pairs: list[tuple[Split, MaskRule]] = [
        (split, rule) for split in splits for rule in (("train",) if split == "valid" else mask_rules)
    ]
    rules = list(dict.fromkeys(rule for _, rule in pairs))
    questions = Questions.of(reference or Reference(dataset), splits, rules)
    found = answered(model, questions, pairs, cutoffs, metrics, device=device, on_progress=on_progress, group=group)
    return {pair: measured.metrics for pair, measured in found.items()}


def users_at_once(items: int) -> int:
    """Who are ranked together, among so many items."""
    return max(1, min(LARGEST_BATCH, MOST_SCORES // items))


@torch.no_grad()
def answered(
    model: Recommender,
    questions: Questions,
    pairs: Sequence[tuple[Split, MaskRule]],
    cutoffs: Sequence[int],
    metrics: Sequence[str] = DEFAULT,
    *,
    in_detail: bool = False,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
    group: ProcessGroup = ALONE,
) -> dict[tuple[Split, MaskRule], Measured]:
    """`evaluate` of any questions, for pairs of a split and the rule that masks for it, with what each user has.
    `in_detail`: also by group, and with the first items of the lists. Of a `group` of processes each ranks for its part
    of the users, and all measure the lists of all: what comes of it is the same as in one, but for items whose scores
    are as good as equal, as rounding depends on who are ranked together."""
    measuring: dict[MaskRule, list[Measuring]] = {}
    of_pair = {}
    for split, rule in pairs:
        asked = Asked(questions.part(split), questions.truth[split], questions.column_of, questions.reference)
        of_pair[split, rule] = Measuring(asked, metrics, cutoffs, in_detail=in_detail)
        measuring.setdefault(rule, []).append(of_pair[split, rule])
    wanted = np.unique(np.concatenate([one.users for one in of_pair.values()]))
    users, silent = wanted[questions.asked[wanted]], wanted[~questions.asked[wanted]]
    items = questions.history.shape[1]
    batch_users = users_at_once(items)
    depth = min(max(cutoffs), len(questions.reference.dataset.items), items)

    own = users[group.own(len(users))]
    lists = _ranked(model, questions, list(measuring), own, batch_users, depth, torch.device(device), on_progress)
    for rows, of_rule in _of_all(lists, users, list(measuring), depth, torch.device(device), on_progress, group):
        for rule, columns in of_rule.items():
            if (columns == NO_NUMBER).any():
                raise Diverged("the model's scores are not numbers")
            for one in measuring[rule]:
                one.add(rows, columns)
    for start in range(0, len(silent), batch_users):
        rows = silent[start : start + batch_users]
        for one in of_pair.values():
            one.add(rows, torch.full((len(rows), 1), -1))
    return {pair: one.ended() for pair, one in of_pair.items()}


def _ranked(
    model: Recommender,
    questions: Questions,
    rules: Sequence[MaskRule],
    users: np.ndarray,
    at_once: int,
    depth: int,
    device: torch.device,
    on_progress: Callable[[int, int], None] | None,
) -> Lists:
    for start in range(0, len(users), at_once):
        rows = users[start : start + at_once]
        batch = Histories.of(questions.history, rows, device, questions.held_out)
        lists: dict[MaskRule, torch.Tensor] = {}
        for rule in rules:
            seen = questions.seen[rule]
            hidden = batch if seen is questions.history else Histories.of(seen, rows, device)
            ranking = model.best(batch, depth, hidden)
            wrong = torch.isnan(ranking.scores).any(1, keepdim=True)
            lists[rule] = ranking.columns.masked_fill(wrong, NO_NUMBER)
        yield rows, lists
        if on_progress is not None:
            on_progress(min(start + at_once, len(users)), len(users))


def _of_all(
    own: Lists,
    users: np.ndarray,
    rules: Sequence[MaskRule],
    depth: int,
    device: torch.device,
    on_progress: Callable[[int, int], None] | None,
    group: ProcessGroup,
) -> Lists:
    """The lists of all users from those of each process, by one reduce a rule."""
    if group.size == 1:
        yield from own
        return
    parts = list(own)
    nobody = torch.empty(0, depth, dtype=torch.int32, device=device)
    # No sign of life meanwhile: it would hide a process that is stopped, and parts are as long as each other.
    whole = {
        rule: group.together(torch.cat([nobody, *(lists[rule].int() for _, lists in parts)]), len(users))
        for rule in rules
    }
    for start in range(0, len(users), LARGEST_BATCH):
        some = slice(start, start + LARGEST_BATCH)
        yield users[some], {rule: columns[some].long() for rule, columns in whole.items()}
        if on_progress is not None:
            on_progress(len(users), len(users))  # all are ranked; measuring them is work as well
