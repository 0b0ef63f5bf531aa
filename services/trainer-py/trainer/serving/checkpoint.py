"""One loaded checkpoint and the questions it answers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..dataset import Dataset
from ..errors import CheckpointCorrupt, FoldInUnsupported, SimilarUnsupported
from ..ranking import top_n
from ..recommender import Histories, Interests, Recommender
from .explanation import because_of, shares_of
from .person import Columns, Person, histories_of

MOST_FORMED_BY = 100
MOST_HISTORY = 1000

# Scores of one batch in memory: 32 M floats are 128 MiB, so a million items are scored for 32 people at once.
MOST_SCORES = 32_000_000
LARGEST_BATCH = 64

# One thread computes for the whole process: PyTorch and the kernels spread each computation over all cores already,
# every further thread that calls them starts a pool of its own, and numba's portable threading layer takes one caller.
_compute = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")


@dataclass(frozen=True)
class Question:
    """excluded  columns never answered; candidates  when given, the only columns that are ranked, ascending."""

    person: Person
    n: int
    excluded: Columns
    candidates: Columns | None = None
    explain: bool = False


@dataclass(frozen=True)
class Ranked:
    """shares  [K], empty without interests; because  item columns, strongest first."""

    column: int
    score: float
    shares: list[float]
    because: list[int]


@dataclass(frozen=True)
class Interest:
    """formed_by  positions in the person's history."""

    weight: float
    top: list[Ranked]
    formed_by: list[int]


@dataclass(frozen=True)
class Described:
    """history_shares  [H][K], for each position in the person's history."""

    interests: list[Interest]
    history_shares: list[list[float]]


class LoadedCheckpoint:
    """Answers from a model in memory. Every method may be called from any thread."""

    def __init__(self, model: Recommender, dataset: Dataset, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.dataset = dataset
        self.device = device

    @property
    def largest_batch(self) -> int:
        return max(1, min(LARGEST_BATCH, MOST_SCORES // self.model.n_items))

    @cached_property
    def interests(self) -> int:
        """Number of interests of each person, 0 when the model has none."""
        return _compute.submit(self._count_interests).result() if self.has("interests") else 0

    def has(self, capability: str) -> bool:
        return capability in self.model.capabilities

    def require_fold_in(self) -> None:
        """Raises FoldInUnsupported naming the models that can."""
        if not self.has("fold_in"):
            able = [name for name, model in registry.catalogue().items() if "fold_in" in model.capabilities]
            raise FoldInUnsupported(
                f"{self.model.name} cannot recommend for a person it was not trained on; these models can: "
                f"{', '.join(able) or 'none'}",
                field="history",
            )

    def rank(self, questions: Sequence[Question]) -> list[list[Ranked]]:
        """The answer to each question, best item first; shorter than n where fewer items remain.

        Raises CheckpointCorrupt when the model gives a score that is not a number.
        """
        return _compute.submit(self._rank, questions).result()

    def describe(self, person: Person, n: int, excluded: Columns) -> Described:
        """The interests of one person, each with its n best items by its own term of the score."""
        return _compute.submit(self._describe, person, n, excluded).result()

    def similar(self, column: int, n: int) -> list[Ranked]:
        """The n items nearest to one by the cosine of their vectors, itself left out. Raises SimilarUnsupported."""
        return _compute.submit(self._similar, column, n).result()

    def _rank(self, questions: Sequence[Question]) -> list[list[Ranked]]:
        """Those that name candidates need the scores of all items; the others need only the best ones."""
        answers: dict[int, list[Ranked]] = {}
        for named in (False, True):
            places = [place for place, asked in enumerate(questions) if (asked.candidates is not None) == named]
            if places:
                answers |= zip(places, self._ranked([questions[place] for place in places], named), strict=True)
        return [answers[place] for place in range(len(questions))]

    def _ranked(self, questions: Sequence[Question], named: bool) -> list[list[Ranked]]:
        with torch.no_grad():
            batch = histories_of([question.person for question in questions], self.device)
            n = max(question.n for question in questions)
            if named:
                columns, values = top_n(self._masked(self.model.scores(batch), questions), n)
            else:
                hidden = Histories.of_rows(batch.users, [np.unique(question.excluded) for question in questions])
                ranking = self.model.best(batch, n, hidden)
                columns, values = ranking.columns, ranking.scores
            if bool(torch.isnan(values).any()) or bool((values == torch.inf).any()):
                raise CheckpointCorrupt(f"{self.model.name} gives scores that are not finite")
            # What is not answered holds -inf and stands last.
            counts = [int((values[row, : question.n] > -torch.inf).sum()) for row, question in enumerate(questions)]
            chosen = [columns[row, :count] for row, count in enumerate(counts)]
            asked = torch.unique(torch.cat(chosen))
            interests = self.model.interests(batch, asked) if self.has("interests") and asked.numel() > 0 else None
            return [
                self._explained(
                    question,
                    chosen[row],
                    values[row, : counts[row]],
                    shares_of(interests.item_terms[row][:, torch.searchsorted(asked, chosen[row])])
                    if interests
                    else None,
                    interests.history_shares[batch.indptr[row] : batch.indptr[row + 1]] if interests else None,
                )
                for row, question in enumerate(questions)
            ]

    def _describe(self, person: Person, n: int, excluded: Columns) -> Described:
        if not self.has("interests"):
            return Described([], [[] for _ in person.history])
        with torch.no_grad():
            items = torch.arange(self.model.n_items, device=self.device)
            found = self.model.interests(histories_of([person], self.device), items)
            terms = found.item_terms[0]
            masked = terms.clone()
            masked[:, torch.as_tensor(excluded, device=self.device)] = -torch.inf
            columns, values = top_n(masked, n)
            interests = [
                Interest(weight, self._top(terms, columns[k], values[k]), formed_by)
                for k, (weight, formed_by) in enumerate(
                    zip(found.weights[0].double().tolist(), _formed_by(found), strict=True)
                )
            ]
            return Described(interests, found.history_shares.double().tolist())

    def _similar(self, column: int, n: int) -> list[Ranked]:
        with torch.no_grad():
            vectors = self._vectors
            if vectors is None:
                raise SimilarUnsupported(f"{self.model.name} has no item vectors to compare items by")
            cosine = (vectors @ vectors[column])[None]
            cosine[0, column] = -torch.inf
            columns, values = top_n(cosine, n)
            pairs = zip(columns[0].tolist(), values[0].tolist(), strict=True)
            return [Ranked(found, value, [], []) for found, value in pairs if value > -torch.inf]

    def _count_interests(self) -> int:
        nobody = Person(-1, *[np.empty(0, dtype=np.int64)] * 3)
        none = torch.empty(0, dtype=torch.int64, device=self.device)
        with torch.no_grad():
            return self.model.interests(histories_of([nobody], self.device), none).weights.shape[1]

    def _masked(self, scores: Tensor, questions: Sequence[Question]) -> Tensor:
        """`scores` [B, N] with -inf where no candidate of the question is, or an excluded one."""
        for row, question in enumerate(questions):
            candidates = torch.as_tensor(question.candidates, device=self.device)
            kept = scores[row, candidates]
            scores[row] = -torch.inf
            scores[row, candidates] = kept
            scores[row, torch.as_tensor(question.excluded, device=self.device)] = -torch.inf
        return scores

    def _explained(
        self, question: Question, items: Tensor, scores: Tensor, shares: Tensor | None, history_shares: Tensor | None
    ) -> list[Ranked]:
        because: list[list[int]] = [[]] * len(items)
        if question.explain and self._vectors is not None:
            history = torch.as_tensor(question.person.history, device=self.device)
            because = because_of(items, history, self._vectors, shares, history_shares)
        share_rows = [[]] * len(items) if shares is None else shares.tolist()
        return [
            Ranked(column, score, share, [int(question.person.history[place]) for place in places])
            for column, score, share, places in zip(items.tolist(), scores.tolist(), share_rows, because, strict=True)
        ]

    @staticmethod
    def _top(terms: Tensor, columns: Tensor, values: Tensor) -> list[Ranked]:
        rows = zip(columns.tolist(), values.tolist(), shares_of(terms[:, columns]).tolist(), strict=True)
        return [Ranked(column, value, shares, []) for column, value, shares in rows if value > -torch.inf]

    @cached_property
    def _vectors(self) -> Tensor | None:
        with torch.no_grad():
            return self.model.item_vectors()


def _formed_by(found: Interests) -> list[list[int]]:
    """For each interest the history positions that belong most to it, strongest first, ties by column."""
    shares = found.history_shares
    dominant = shares.argmax(dim=1)
    order = shares.amax(dim=1).sort(descending=True, stable=True).indices
    interests = shares.shape[1]
    return [order[dominant[order] == k].tolist()[:MOST_FORMED_BY] for k in range(interests)]
