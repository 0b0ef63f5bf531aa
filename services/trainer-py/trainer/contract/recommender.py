"""The contract between a model and everything else.

A model is one file in `models/` holding one `Config` and the `Recommender` (or two) that use it. Catalogue, loop,
evaluation, artifacts, serving, API validation and the dashboard's form all follow from what is declared here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..kernels.part import Part
from .footprint import FLOAT, Device, Memory, Sizes
from .ranking import Ranking, top_n

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy.sparse import csr_matrix

Capability = Literal["fold_in", "interests", "similar", "closed_form", "graph", "linear", "data_parallel"]
Unit = Literal["users", "interactions", "sweeps"]


def _say_first(schema: dict[str, Any], config: type[Config]) -> None:
    if config.first:
        schema["x-first"] = list(config.first)


class Config(BaseModel):
    """Configuration of a model: frozen, unknown fields refused, no coercion. A description on every field.

    `first` names the fields worth choosing before all others, in the order that a form asks for them; none: all are.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, json_schema_extra=_say_first
    )
    first: ClassVar[tuple[str, ...]] = ()


class EpochConfig(Config):
    """What every model trained in epochs shares; names as the field (RecBole) uses them."""

    epochs: Annotated[int, Field(ge=1, le=10_000, description="Most passes over the training data.")] = 300
    patience: Annotated[
        int, Field(ge=1, le=10_000, description="Stop after this many epochs without a better validation recall.")
    ] = 15


class StepConfig(EpochConfig):
    """Trained by gradient steps."""

    learning_rate: Annotated[float, Field(gt=0, le=1, description="Step size of Adam.")] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, le=1, description="L2 penalty in Adam's gradient, every parameter.")] = 0
    train_batch_size: Annotated[
        int, Field(ge=1, le=65_536, description="Users (or interactions) in one gradient step.")
    ] = 512


@dataclass(frozen=True)
class Histories:
    """Item histories of a batch of users, ragged (CSR). The only way users reach a model.

    users    [B]     row of each user in the dataset; -1 for a person who is not in it (fold-in)
    indptr   [B+1]   history of row b is indices[indptr[b]:indptr[b+1]], int64
    indices  [nnz]   item columns, ascending within a row, int64
    weights  [B, K]  steering, 0 mutes: factor of each interest's term inside the score log sum_k w_k term_k; None:
                     nothing is steered, as 1 everywhere to the digit. Only with interests, and never in training
    rows, entries    which rows and history entries of a batch they are that several processes share; None: all
    """

    users: Tensor
    indptr: Tensor
    indices: Tensor
    weights: Tensor | None = None
    rows: Part | None = None
    entries: Part | None = None

    def __len__(self) -> int:
        return self.users.shape[0]

    @staticmethod
    def of(
        train: csr_matrix, users: np.ndarray, device: torch.device | str = "cpu", held_out: np.ndarray | None = None
    ) -> Histories:
        """Rows `users` of the train matrix [U, N], or of one that also holds what is known of the users `held_out` [U],
        bool, whom no model was trained on."""
        rows = train[users]
        rows.sort_indices()
        numbers = users if held_out is None else np.where(held_out[users], -1, users)
        return Histories(
            users=torch.as_tensor(numbers, dtype=torch.int64, device=device),
            indptr=torch.as_tensor(rows.indptr, dtype=torch.int64, device=device),
            indices=torch.as_tensor(rows.indices, dtype=torch.int64, device=device),
        )

    def of_people(self, people: slice) -> Histories:
        """Of neighbouring rows of the batch alone."""
        indptr = self.indptr[people.start : people.stop + 1]
        indices = self.indices[int(indptr[0]) : int(indptr[-1])]
        weights = None if self.weights is None else self.weights[people]
        return Histories(self.users[people], indptr - indptr[0], indices, weights)

    def part(self, rows: Part) -> Histories:
        """What one of several processes has of the batch."""
        entries = slice(int(self.indptr[rows.own.start]), int(self.indptr[rows.own.stop]))
        return replace(self.of_people(rows.own), rows=rows, entries=Part(entries, len(self.indices)))

    @staticmethod
    def of_rows(users: Tensor, rows: Sequence[np.ndarray]) -> Histories:
        """Of B users with their item columns, ascending and int64."""
        sizes = np.array([len(row) for row in rows], dtype=np.int64)
        return Histories(
            users=users,
            indptr=torch.as_tensor(np.concatenate([[0], np.cumsum(sizes)]), dtype=torch.int64, device=users.device),
            indices=torch.as_tensor(np.concatenate(rows), device=users.device),
        )


@dataclass(frozen=True)
class Interactions:
    """Positive pairs of the train matrix: row `users` [B] has item `items` [B], int64.

    rows   which pairs of a batch they are that several processes share; None: all
    whole  that batch, for which noise is drawn; None: this one
    """

    users: Tensor
    items: Tensor
    rows: Part | None = None
    whole: Interactions | None = None

    def __len__(self) -> int:
        return self.users.shape[0]

    @property
    def all_users(self) -> Tensor:
        """Of the whole batch."""
        return self.users if self.whole is None else self.whole.users

    def part(self, rows: Part) -> Interactions:
        """What one of several processes has of the batch."""
        return Interactions(self.users[rows.own], self.items[rows.own], rows, self)


@dataclass(frozen=True)
class Interests:
    """K interests of each user of a batch, for M chosen items: the same for all, or each user's own.

    item_terms     [B, K, M]  non-negative term of interest k in the score of item m, times its weight where the batch
                              is steered; shares = terms / sum over K
    history_shares [nnz, K]   how much each history item belongs to each interest (sums to 1), in Histories order
    weights        [B, K]     share of the history assigned to each interest, sums to 1
    linear         [B, M]     share of what is beside the interests in the score, 0 to 1: a linear path, with capability
                              `linear`. The interests share what it leaves; None: nothing is beside them
    """

    item_terms: Tensor
    history_shares: Tensor
    weights: Tensor
    linear: Tensor | None = None


@dataclass(frozen=True)
class StepContext:
    """Where the run stands. Everything random in a step comes from `generator`, seeded from (seed, step) alone, so
    that a resumed run repeats the undisturbed one to the bit. A model with `data_parallel` draws its noise for the
    whole batch (`kernels.part`), so that processes which share one draw what one alone would."""

    step: int  # batches since the start of the run, from 1
    epoch: int  # from 1
    steps_per_epoch: int  # over all passes
    seed: int
    generator: torch.Generator
    pass_number: int = 1  # of the model's passes


class Recommender(nn.Module, ABC):
    """Base of all models. Parameters and buffers are the whole trained state: `state_dict()` is what is saved. What is
    computed once, before the first step, and never changed may be named by `constant`: it is written once a run."""

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    paper_url: ClassVar[str] = ""
    family: ClassVar[str]
    summary: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    config_class: ClassVar[type[Config]]
    constant: ClassVar[tuple[str, ...]] = ()  # what names of state begin with that no step changes
    trains_on: ClassVar[Unit] = "users"  # what an epoch consists of; closed-form models have none
    passes: ClassVar[int] = 1  # times that the data is gone through in one epoch

    def __init__(self, config: Config, users: int, items: int) -> None:
        super().__init__()
        self.config = config
        self.n_users = users
        self.n_items = items

    @classmethod
    def check_size(cls, config: Any, users: int, items: int) -> None:
        """Raises BadConfiguration where it cannot be built for so many users and items, before anything is."""

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """Most that a step, a sweep or the solving takes, about, beside state, gradients and Adam's moments; tensors
        of `self` have no memory. By default dense numbers for the catalogue of each user of a batch, or, trained on
        interactions, all parameters once more."""
        if not isinstance(self.config, StepConfig):
            return Memory()
        if self.trains_on == "interactions":
            return Memory(sum(parameter.nbytes for parameter in self.parameters()))
        return Memory(4 * min(self.config.train_batch_size, self.n_users) * self.n_items * FLOAT)

    def answering_memory(self, sizes: Sizes, device: Device, people: int) -> Memory:
        """Most that ranking so many people at once takes, about; by default their scores, [people, N]."""
        return Memory(people * self.n_items * FLOAT)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        """Sees the train matrix [U, N] once: initialises parameters from `generator`, builds graphs. Called for fresh
        starts and before a saved state is loaded, so it must be cheap."""

    def fit(self, train: csr_matrix) -> None:
        """Computes the answer of a `closed_form` model from the train matrix [U, N]. Called once, after `prepare`, and
        never when a saved state is loaded."""
        raise TypeError(f"{self.name} is trained by steps")

    def start_pass(self, context: StepContext) -> None:
        """Before the first batch of each pass: clusters anew, copies a teacher, ... `context.step` is the step to come.
        What it computes follows from the state and the context alone, or is part of the state."""

    def loss(self, batch: Histories, context: StepContext) -> Tensor:
        """Scalar to minimise for one batch of users, with `trains_on` users. With `data_parallel` a mean over its rows,
        each of which knows nothing of the others, and what does not depend on them."""
        raise TypeError(f"{self.name} is not trained on users")

    def pair_loss(self, batch: Interactions, context: StepContext) -> Tensor:
        """The same for one batch of positive pairs, with `trains_on` interactions."""
        raise TypeError(f"{self.name} is not trained on interactions")

    def after_step(self) -> None:
        """Without gradient, after each step of the optimiser: brings parameters back to where they must lie."""

    def sweep(self, context: StepContext) -> float:
        """One epoch of a model that solves for its parameters in turn, with `trains_on` sweeps; the training loss."""
        raise TypeError(f"{self.name} is not trained in sweeps")

    @abstractmethod
    def scores(self, batch: Histories) -> Tensor:
        """Ranking scores of all items, [B, N]; deterministic, no gradient; the caller's own, who masks them in place.
        Finite, but -inf where steering muted all that speaks for an item, which is never answered then.
        A model without `fold_in` may read `batch.users` and need not accept -1 there."""

    @torch.no_grad()
    def best(self, batch: Histories, n: int, hidden: Histories) -> Ranking:
        """The min(n, N) best items of each user by `scores`, without the user's row of `hidden`. A score that is not a
        number comes first. A model that finds them without scoring the catalogue overrides this."""
        scores = self.scores(batch)
        rows = torch.arange(len(batch), device=scores.device).repeat_interleave(hidden.indptr.diff())
        scores[rows, hidden.indices] = -torch.inf
        columns, values = top_n(scores, n)
        return Ranking(columns.masked_fill(values == -torch.inf, -1), values)

    def explained(self, batch: Histories, n: int, hidden: Histories) -> tuple[Ranking, Interests | None]:
        """`best`, and with capability `interests` those of its items, each user's own (of any item where it holds -1).
        A model that needs to look at the histories only once for both overrides this."""
        ranking = self.best(batch, n, hidden)
        if "interests" not in self.capabilities:
            return ranking, None
        return ranking, self.interests(batch, ranking.columns.clamp(min=0))

    def interests(self, batch: Histories, items: Tensor) -> Interests:
        """Only with capability `interests`. `items` are columns: [M] for everybody, or [B, M], each user's own."""
        raise TypeError(f"{self.name} has no interests")

    def likeness(self, item: Tensor) -> Tensor:
        """How alike all items are to `item` [1], [N]: 0 and below is not at all. Only with capability `similar` and
        without item vectors. Here it is what somebody who has just that item would be recommended."""
        return self.scores(Histories(torch.full_like(item, -1), torch.tensor([0, 1], device=item.device), item))[0]

    def contributions(self, batch: Histories, items: Tensor) -> Tensor:
        """What each item of the histories adds to the scores of its user's own `items` [B, M], [nnz, M] in Histories
        order: a score is their sum, or the share of a linear path in it is. Only with capability `similar` and without
        item vectors, or with `linear`."""
        raise TypeError(f"{self.name} does not score by a sum over the history")

    def user_vectors(self, batch: Histories) -> Tensor | None:
        """Unit rows [B, D] that represent users, the same D for each batch; None when the model has none. Their
        uniformity becomes a test metric."""
        return None

    def item_vectors(self) -> Tensor | None:
        """Unit rows [N, d] whose dot product is item similarity; None when the model has none."""
        return None
