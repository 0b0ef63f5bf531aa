"""From questions that are asked together to lists: one pass over the model for those that are alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..contract.ranking import Ranking
from ..contract.recommender import Histories, Interests, Recommender
from ..errors import CheckpointCorrupt
from .calibration import calibrated, pool_of, wanted_shares
from .compute import take_cores
from .explanation import MOST_BECAUSE, shares_of
from .person import Columns, Person, histories_of
from .preview import Side, moved, movers
from .question import Answer, Change, Question, RankedList, Weights

# For a long list the model looks at more items: those who ask for a short one need not wait for that.
SHORT = 50

# From a batch, columns [B, M] (-1: nothing), their shares [B, M, K] and those of the histories [nnz, K] (None without
# interests), and the shares [B, M] of a linear path (None without one), to the items behind each, [B, M, 3], -1 where
# there is none.
Reasons = Callable[[Histories, Tensor, Tensor | None, Tensor | None, Tensor | None], Tensor]


@dataclass(frozen=True)
class _Row:
    """A list to look for: ranked by `weights`, with shares by the weights `shown`, which differ for a shelf."""

    person: Person
    n: int
    excluded: Columns
    explain: bool
    weights: Weights | None
    shown: Weights | None


@dataclass(frozen=True)
class _Found:
    """terms [m, K] of its items, and the shares of the person's history `held` [K]; K = 0 without interests."""

    ranked: RankedList
    terms: np.ndarray
    held: np.ndarray


class Answering:
    """Answers with one model. Call it from the thread that computes."""

    def __init__(
        self, model: Recommender, device: torch.device, interests: int, at_once: int, reasons: Reasons
    ) -> None:
        self._model = model
        self._device = device
        self._interests = interests
        self._at_once = at_once
        self._reasons = reasons

    @torch.no_grad()
    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """Raises CheckpointCorrupt when the model gives a score that is not a number."""
        rows = [list(self._rows(question)) for question in questions]
        found, seconds = self._look_for([row for some in rows for row in some])
        each = iter(found)
        return [
            self._answer(question, some, [next(each) for _ in some], seconds)
            for question, some in zip(questions, rows, strict=True)
        ]

    def _rows(self, question: Question) -> Iterator[_Row]:
        """Its own list, the one it is compared with, then those of its shelves."""
        depth = pool_of(question.n) if question.calibrate > 0 else question.n
        weights = question.weights
        yield _Row(question.person, depth, question.excluded, question.explain, weights, weights)
        if question.against is not None:
            yield from self._rows(question.against)
        for interest in self._shelves(question):
            alone = np.zeros(self._interests, np.float32)
            alone[interest] = 1 if weights is None else weights[interest]
            yield _Row(question.person, question.n, question.excluded, question.explain, alone, weights)

    def _shelves(self, question: Question) -> list[int]:
        """The interests that have one."""
        weights = question.weights
        return [k for k in range(self._interests) if question.shelves and (weights is None or weights[k] > 0)]

    def _look_for(self, rows: Sequence[_Row]) -> tuple[list[_Found], float]:
        """And the seconds that the model computed."""
        alike: dict[tuple[bool, bool], list[int]] = {}
        for place, row in enumerate(rows):
            alike.setdefault((row.n <= SHORT, row.weights is row.shown), []).append(place)
        found: dict[int, _Found] = {}
        seconds = 0.0
        for places in alike.values():
            for start in range(0, len(places), self._at_once):
                some = places[start : start + self._at_once]
                passed, taken = self._look_for_alike([rows[place] for place in some])
                found |= zip(some, passed, strict=True)
                seconds += taken
        return [found[place] for place in range(len(rows))], seconds

    def _look_for_alike(self, rows: Sequence[_Row]) -> tuple[list[_Found], float]:
        take_cores(len(rows) * self._model.n_items)
        batch = self._batch(rows)
        started = time.perf_counter()
        ranking, interests = self._ranked(batch, rows)
        columns, scores = ranking.columns.cpu().numpy(), ranking.scores.cpu().numpy()
        seconds = time.perf_counter() - started
        if not scores.max(initial=0) < np.inf:  # which is not a number where one of them is none
            raise CheckpointCorrupt(f"{self._model.name} gives scores that are not finite")
        shares = None if interests is None else shares_of(interests.item_terms)
        because = None
        if any(row.explain for row in rows):
            history_shares = None if interests is None else interests.history_shares
            beside = None if interests is None else interests.linear
            because = self._reasons(batch, ranking.columns, shares, history_shares, beside)
        reasons = np.full((*columns.shape, MOST_BECAUSE), -1) if because is None else because.cpu().numpy()
        terms = held = shared = np.empty((*columns.shape, 0))
        linear = None if interests is None or interests.linear is None else interests.linear.cpu().numpy()
        if interests is not None and shares is not None:
            terms, held = interests.item_terms.mT.cpu().numpy(), interests.weights.cpu().numpy()
            shared = shares.cpu().numpy()
        counts = (columns >= 0).sum(1)  # what is not answered stands last
        found = []
        for number, row in enumerate(rows):
            kept = slice(min(row.n, counts[number]))
            behind = reasons[number, kept] if row.explain else reasons[number, kept, :0]
            path = None if linear is None else linear[number, kept]
            arrays = (columns[number, kept], scores[number, kept], shared[number, kept])
            listed = RankedList(*arrays, behind, path)
            found.append(_Found(listed, terms[number, kept], held[number]))
        return found, seconds

    def _ranked(self, batch: Histories, rows: Sequence[_Row]) -> tuple[Ranking, Interests | None]:
        n = max(row.n for row in rows)
        hidden = Histories.of_rows(batch.users, [row.excluded for row in rows])
        if rows[0].weights is rows[0].shown:
            return self._model.explained(batch, n, hidden)
        ranking = self._model.best(batch, n, hidden)
        shown = self._batch([replace(row, weights=row.shown) for row in rows])
        return ranking, self._model.interests(shown, ranking.columns.clamp(min=0))

    def _batch(self, rows: Sequence[_Row]) -> Histories:
        batch = histories_of([row.person for row in rows], self._device)
        if all(row.weights is None for row in rows):
            return batch
        ones = np.ones(self._interests, np.float32)
        weights = np.stack([ones if row.weights is None else row.weights for row in rows])
        return replace(batch, weights=torch.as_tensor(weights, device=self._device))

    def _answer(self, question: Question, rows: Sequence[_Row], found: Sequence[_Found], seconds: float) -> Answer:
        main, *others = found
        listed = main.ranked
        entered: list[Change] = []
        left: list[Change] = []
        if question.calibrate > 0:
            wanted = wanted_shares(main.held, question.weights)
            listed = listed.at(calibrated(listed.scores, listed.shares, wanted, question.n, question.calibrate))
        if question.against is not None:
            started = time.perf_counter()
            entered, left = self._changes(question, rows[:2], listed, main, others.pop(0))
            seconds += time.perf_counter() - started
        shelves = zip(self._shelves(question), (one.ranked for one in others), strict=True)
        return Answer(listed, list(shelves), entered, left, seconds)

    def _changes(
        self, question: Question, rows: Sequence[_Row], listed: RankedList, now: _Found, before: _Found
    ) -> tuple[list[Change], list[Change]]:
        """What entered and what left, each in the order of its list."""
        columns, entered = moved(listed.columns, before.ranked.columns)
        interests = np.full(len(columns), -1)
        if self._interests > 0 and len(columns) > 0:
            items = torch.as_tensor(columns, device=self._device)
            terms = self._model.interests(self._batch(rows), items).item_terms.double().cpu().numpy()  # [2, K, M]
            best = now.ranked.at(slice(question.n))
            lacking = wanted_shares(now.held, question.weights) - best.shares.sum(0) / max(len(best.columns), 1)
            sides = Side(terms[0], now.terms[: question.n]), Side(terms[1], before.terms)
            interests = movers(entered, *sides, np.isin(columns, best.columns) == entered, lacking)
        changes = [Change(*pair) for pair in zip(columns.tolist(), interests.tolist(), strict=True)]
        return changes[: entered.sum()], changes[entered.sum() :]
