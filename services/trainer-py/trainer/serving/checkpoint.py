"""One loaded checkpoint and the questions it answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from .. import registry
from ..contract.ranking import top_n
from ..contract.recommender import Histories, Interests, Recommender
from ..data.dataset import Dataset
from ..errors import CheckpointCorrupt, FoldInUnsupported, SimilarUnsupported, SteeringUnsupported
from .answering import Answering
from .compute import compute, take_cores
from .explanation import MOST_BECAUSE, because_of, because_of_contributions, shares_of
from .lists import Lists
from .person import NOTHING, Columns, Met, Person, histories_of, in_row, only_met, unknown_user, with_live
from .question import Answer, Question, Ranked, RankedList

MOST_FORMED_BY = 100
MOST_HISTORY = 1000

# Scores of one batch in memory: 32 M floats are 128 MiB, so a million items are scored for 32 people at once.
MOST_SCORES = 32_000_000
LARGEST_BATCH = 64


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
        # Number of interests of each person, 0 when the model has none.
        self.interests = compute.submit(self._count_interests).result() if self.has("interests") else 0
        self._answering = Answering(self.model, device, self.interests, self.largest_batch, self._reasons)

    @property
    def scored_at_once(self) -> int:
        """People whose scores of all items fit the memory set aside for them."""
        return max(1, MOST_SCORES // self.model.n_items)

    @property
    def largest_batch(self) -> int:
        return min(LARGEST_BATCH, self.scored_at_once)

    def has(self, capability: str) -> bool:
        return capability in self.model.capabilities

    def require_fold_in(self, field: str = "history") -> None:
        """Raises FoldInUnsupported naming the models that can."""
        if not self.has("fold_in"):
            raise FoldInUnsupported(
                f"{self.model.name} cannot recommend for a person it was not trained on; {registry.able('fold_in')}",
                field=field,
            )

    def require_interests(self, field: str) -> None:
        """Raises SteeringUnsupported naming the models that have them."""
        if self.interests == 0:
            raise SteeringUnsupported(
                f"{self.model.name} has no interests to steer by; {registry.able('interests')}", field=field
            )

    def person(self, row: int | None, live: Met, whole: bool) -> Person:
        """Whom the model answers: in a row of `Dataset.row_of`, None for who is in none, with what they have met since,
        `live`; where `whole`, or with that, by their whole history if the model has fold_in. Of who came too late for
        training nothing else is known. Raises UnknownUser where the model knows nothing at all."""
        data, folds_in = self.dataset, self.has("fold_in")
        if row is not None and row < len(data.users):
            if folds_in and (whole or live.columns.size):
                return with_live(data, row, live)
            person = in_row(data, row)
            return replace(person, seen=np.union1d(person.seen, live.columns)) if live.columns.size else person
        person = only_met(data, row, live)
        if not folds_in or person.history.size == 0:
            raise unknown_user()
        return person

    def answers(self, live: Sequence[int] = ()) -> np.ndarray:
        """Of each row of `Dataset.row_of`, bool, whether `person` is anybody; of those in `live` something since is
        known."""
        late = np.diff(self.dataset.late.indptr) > 0
        late[[row - len(self.dataset.users) for row in live if row >= len(self.dataset.users)]] = True
        return np.concatenate([np.ones(len(self.dataset.users), dtype=bool), late & self.has("fold_in")])

    def rank(self, questions: Sequence[Question]) -> list[Answer]:
        """The answer to each question. Raises CheckpointCorrupt when the model gives a score that is not a number."""
        return compute.submit(self.rank_here, questions).result()

    def rank_here(self, questions: Sequence[Question]) -> list[Answer]:
        """`rank` for who calls from the thread that computes, and no other."""
        return self._answering.answers(questions)

    def rank_rows(
        self,
        rows: np.ndarray,
        depth: int,
        hidden: csr_matrix,
        explain: bool,
        whole: bool = False,
        live: Sequence[Met] | None = None,
    ) -> Lists:
        """The `depth` best items of each of the users `rows` [B], whom the model answers, without those in their row of
        `hidden` [B, N]; where `whole`, by their whole histories if the model has fold_in; where there is `live` [B],
        also with that: what they have met since.

        Raises CheckpointCorrupt as `rank` does.
        """
        return compute.submit(self._rank_rows, rows, depth, hidden, explain, whole, live).result()

    def describe(self, person: Person, n: int, excluded: Columns) -> Described:
        """The interests of one person, each with its n best items by its own term of the score."""
        return compute.submit(self._describe, person, n, excluded).result()

    def similar(self, column: int, n: int) -> list[Ranked]:
        """The n items most like one, itself left out: by the cosine of their vectors, else by the model's `likeness`.

        Raises SimilarUnsupported naming the models that can.
        """
        if not self.has("similar"):
            raise SimilarUnsupported(
                f"{self.model.name} cannot compare items; {registry.able('similar')}", field="item"
            )
        return compute.submit(self._similar, column, n).result()

    def _sound(self, scores: Tensor) -> Tensor:
        if bool(torch.isnan(scores).any()) or bool((scores == torch.inf).any()):
            raise CheckpointCorrupt(f"{self.model.name} gives scores that are not finite")
        return scores

    def _reasons(
        self,
        batch: Histories,
        columns: Tensor,
        shares: Tensor | None,
        history_shares: Tensor | None,
        linear: Tensor | None,
    ) -> Tensor:
        """`answering.Reasons`"""
        if not self.has("similar"):
            return torch.full((*columns.shape, MOST_BECAUSE), -1, device=columns.device)
        if self._vectors is None:
            return because_of_contributions(batch, columns, self.model.contributions)
        because = because_of(batch, columns, self._vectors, shares, history_shares)
        if linear is None or shares is None:
            return because
        leads = linear > (1 - linear) * shares.amax(2)  # the path is the largest cause, so what it goes with counts
        if not bool(leads.any()):
            return because
        return because_of_contributions(batch, columns, self.model.contributions).where(leads[:, :, None], because)

    def _rank_rows(
        self,
        rows: np.ndarray,
        depth: int,
        hidden: csr_matrix,
        explain: bool,
        whole: bool,
        live: Sequence[Met] | None,
    ) -> Lists:
        started = time.perf_counter()
        with torch.no_grad():
            take_cores(len(rows) * self.model.n_items)
            batch = self._histories(rows, whole or live is not None, live)
            excluded = Histories.of(hidden, np.arange(len(rows)), self.device)
            ranking, found = self.model.explained(batch, depth, excluded)
            shares = because = history_shares = linear = None
            if found is not None:
                shares, history_shares, linear = shares_of(found.item_terms), found.history_shares, found.linear
            if explain:
                because = self._reasons(batch, ranking.columns, shares, history_shares, linear)
            found_in = time.perf_counter() - started
            scores = self._sound(ranking.scores)
            return Lists.of(rows, ranking.columns, scores, shares, because, linear, found_in)

    def _histories(self, rows: np.ndarray, whole: bool, live: Sequence[Met] | None) -> Histories:
        is_late = bool((rows >= len(self.dataset.users)).any())
        if not self.has("fold_in") or not (whole or is_late):
            return Histories.of(self.dataset.history, rows, self.device, self.dataset.held_out)
        since = [NOTHING] * len(rows) if live is None else live
        people = [self.person(row, own, whole) for row, own in zip(rows.tolist(), since, strict=True)]
        return histories_of(people, self.device)

    def _describe(self, person: Person, n: int, excluded: Columns) -> Described:
        if not self.has("interests"):
            return Described([], [[] for _ in person.history])
        with torch.no_grad():
            take_cores(self.model.n_items)
            items = torch.arange(self.model.n_items, device=self.device)
            found = self.model.interests(histories_of([person], self.device), items)
            terms = found.item_terms[0]
            masked = terms.clone()
            masked[:, torch.as_tensor(excluded, device=self.device)] = -torch.inf
            columns, values = top_n(masked, n)
            interests = [
                Interest(weight, self._top(terms, found.linear, columns[k], values[k]), formed_by)
                for k, (weight, formed_by) in enumerate(
                    zip(found.weights[0].double().tolist(), _formed_by(found), strict=True)
                )
            ]
            return Described(interests, found.history_shares.double().tolist())

    def _similar(self, column: int, n: int) -> list[Ranked]:
        with torch.no_grad():
            take_cores(self.model.n_items)
            if self._vectors is not None:
                scores = (self._vectors @ self._vectors[column])[None]
            else:
                scores = self.model.likeness(torch.tensor([column], device=self.device))[None]
                scores = scores.masked_fill(scores <= 0, -torch.inf)
            scores[0, column] = -torch.inf
            columns, values = top_n(scores, n)
            pairs = zip(columns[0].tolist(), values[0].tolist(), strict=True)
            return [Ranked(found, value, [], []) for found, value in pairs if value > -torch.inf]

    def _count_interests(self) -> int:
        nobody = Person(-1, *[np.empty(0, dtype=np.int64)] * 3)
        none = torch.empty(0, dtype=torch.int64, device=self.device)
        with torch.no_grad():
            return self.model.interests(histories_of([nobody], self.device), none).weights.shape[1]

    @staticmethod
    def _top(terms: Tensor, linear: Tensor | None, columns: Tensor, values: Tensor) -> list[Ranked]:
        """Of one person: terms [K, N], linear [1, N]."""
        path = None if linear is None else linear[0, columns].cpu().numpy()
        arrays = (columns.cpu().numpy(), values.cpu().numpy(), shares_of(terms[:, columns]).cpu().numpy())
        ranked = RankedList(*arrays, np.empty((len(columns), 0)), path)
        return [item for item in ranked.items() if item.score > -np.inf]

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
