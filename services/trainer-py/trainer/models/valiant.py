"""VALIANT: VALID's interests and a linear path beside them (docs/adr/0033).

What a linear item-item model knows and what interests know differ, so the score is the sum of both:
score_ui = log p_ui + w lin_ui / s, with log p of the interests' mixture (VALID eq. 10, 11), lin of EASE, SLIM or
RP3beta on the same history, and s the mean of the largest lin of the first 2,048 training users, so that w means the
same for each.
The path is solved once, before the first epoch, and is part of the state from then on, written once a run; the
interests are trained as VALID's are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..contract.footprint import Device, Memory, Sizes, largest
from ..contract.interest_config import ValidConfig
from ..contract.interest_vae import InterestVAE
from ..contract.random_walks import RandomWalks, RP3betaConfig
from ..contract.ranking import Ranking
from ..contract.recommender import Capability, Histories, Interests, Recommender, StepContext
from ..contract.ridge import EASEConfig, Ridge
from ..contract.sparse_regression import SLIMConfig, SparseRegression
from ..errors import BadConfiguration, Diverged

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_PATH_BYTES = 1 << 30
SCALED_BY = 2048  # users whose largest lin says what is large
NUMBERS_AT_ONCE = 16_000_000  # of what is added to all items [B, N]: 64 MiB


class ValiantConfig(ValidConfig):
    first = ("linear", "linear_weight", "k", "embedding_size", "epochs", "learning_rate", "train_batch_size")
    linear: Annotated[
        Literal["ease", "slim", "rp3beta", "none"],
        Field(description="The linear path; ease up to 16,384 users or items, the others are sparse and scale."),
    ] = "slim"
    linear_weight: Annotated[
        float, Field(ge=0, le=1000, description="Weight w of the linear path beside log p; 0 leaves it out.")
    ] = 8.0
    reg_weight: Annotated[float, Field(gt=0, le=1e6, description="L2 penalty lambda of the path, with ease.")] = 50.0
    linear_k: Annotated[int, Field(ge=1, le=2000, description="Weights kept of each item, with slim and rp3beta.")] = (
        400
    )


class Valiant(InterestVAE):
    """State of the path: 8 bytes times N times `linear_k` with slim and rp3beta, 4 bytes times min(U, N) squared with
    ease; MOST_PATH_BYTES at most, or it is refused. In memory slim and rp3beta take that twice, once as a sparse
    matrix; while it is solved ease takes it three times, and slim the co-occurrences of all items besides, of which
    rp3beta takes a strip at a time: the path for large catalogues.
    """

    name = "valiant"
    title = "VALIANT"
    paper = "Valence, VALID's interests and a linear path; after Tran & Lauw, CIKM 2023, and Steck, WWW 2019"
    paper_url = "https://doi.org/10.1145/3583780.3614980"
    summary = "VALID with a linear item-item path beside its interests: what goes with what you have."
    capabilities: ClassVar[frozenset[Capability]] = InterestVAE.capabilities | {"linear"}
    constant = ("path.",)
    config_class = ValiantConfig
    config: ValiantConfig

    @classmethod
    def check_size(cls, config: ValiantConfig, users: int, items: int) -> None:
        """Every run holds the path: 8 bytes a weight of SLIM and RP3beta, and the whole inverse of EASE."""
        if config.linear == "ease" and 4 * min(users, items) ** 2 > MOST_PATH_BYTES:
            raise BadConfiguration(
                f"valiant.linear: ease takes {4 * min(users, items) ** 2 / 2**30:,.1f} GiB on the disk with "
                f"{users:,} users and {items:,} items, and may take {MOST_PATH_BYTES >> 30}; slim and rp3beta keep "
                "linear_k weights an item",
                field="linear",
            )
        if config.linear in ("slim", "rp3beta") and 8 * items * config.linear_k > MOST_PATH_BYTES:
            raise BadConfiguration(
                f"valiant.linear_k: {config.linear_k} weights of {items:,} items take more than "
                f"{MOST_PATH_BYTES >> 30} GiB on the disk; at most {MOST_PATH_BYTES // (8 * items)} fit",
                field="linear_k",
            )

    def __init__(self, config: ValiantConfig, users: int, items: int) -> None:
        self.check_size(config, users, items)
        super().__init__(config, users, items)
        self.path = _path_of(config, users, items)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(()))

    def training_memory(self, sizes: Sizes, device: Device) -> Memory:
        """The path is solved before the interests are trained."""
        interests = super().training_memory(sizes, device)
        return interests if self.path is None else largest([interests, self.path.training_memory(sizes, device)])

    def answering_memory(self, sizes: Sizes, device: Device, people: int) -> Memory:
        """Besides, what the path adds to the items of as many people as are looked at together."""
        interests = super().answering_memory(sizes, device, people)
        if self.path is None:
            return interests
        some = min(people, max(1, NUMBERS_AT_ONCE // self.n_items))
        return interests + self.path.answering_memory(sizes, device, some)

    def prepare(self, train: csr_matrix, generator: torch.Generator) -> None:
        super().prepare(train, generator)
        if self.path is not None:
            self.path.prepare(train, generator)
            self._train = train

    def start_pass(self, context: StepContext) -> None:
        if context.epoch == 1 and self.path is not None:
            self.path.fit(self._train)
            self.scale.fill_(self._largest(self.path, self._train))

    @torch.no_grad()
    def _largest(self, path: Recommender, train: csr_matrix) -> float:
        """Mean of the largest lin of some users with a history; 1 where nothing goes with anything."""
        users = np.flatnonzero(np.diff(train.indptr))[:SCALED_BY]
        batch = Histories.of(train, users, self.scale.device)
        largest = [path.scores(batch.of_people(some)).amax(1) for some in self._parts(batch)]
        mean = float(torch.cat(largest).mean()) if len(users) else 0.0
        if not math.isfinite(mean):
            raise Diverged(f"the linear path {self.config.linear} gives scores that are not finite")
        return mean if mean > 0 else 1.0

    def offsets(self, batch: Histories) -> Tensor | None:
        if self.path is None:
            return None
        return self.path.scores(batch).mul_(self.config.linear_weight / self.scale)

    @torch.no_grad()
    def best(self, batch: Histories, n: int, hidden: Histories) -> Ranking:
        parts = self._parts(batch)
        return _rankings([super(Valiant, self).best(batch.of_people(p), n, hidden.of_people(p)) for p in parts])

    @torch.no_grad()
    def explained(self, batch: Histories, n: int, hidden: Histories) -> tuple[Ranking, Interests | None]:
        found = [super(Valiant, self).explained(batch.of_people(p), n, hidden.of_people(p)) for p in self._parts(batch)]
        return _rankings([ranking for ranking, _ in found]), _interests([some for _, some in found if some is not None])

    @torch.no_grad()
    def interests(self, batch: Histories, items: Tensor) -> Interests:
        parts = ((batch.of_people(part), items[part] if items.ndim == 2 else items) for part in self._parts(batch))
        return _interests([super(Valiant, self).interests(people, theirs) for people, theirs in parts])

    def _beside(self, terms: Tensor, items: Tensor, batch: Histories, offsets: Tensor | None) -> Tensor:
        """Share of the linear path. An item that goes with nothing has logits of 0, so p is the mean weight of the
        interests, and lin = 0: both parts count by how far they lift an item above that."""
        p = terms.sum(1)
        if offsets is None:
            return torch.zeros_like(p)
        linear = offsets.gather(1, items.expand(len(batch), -1)).clamp(min=0)
        neutral = 1.0 if batch.weights is None else batch.weights.mean(1, keepdim=True)
        lifted = linear + (p / neutral).nan_to_num().log().clamp(min=0)
        return torch.where(lifted > 0, linear / lifted, torch.zeros_like(lifted))

    @torch.no_grad()
    def contributions(self, batch: Histories, items: Tensor) -> Tensor:
        """Of the linear path alone: what each item of the histories adds to it."""
        if self.path is None:
            return torch.zeros(len(batch.indices), items.shape[1], device=items.device)
        return self.path.contributions(batch, items)

    def _parts(self, batch: Histories) -> list[slice]:
        """As many people at a time as leave what is added to all items in bounded memory; at least one part."""
        at_once = max(1, NUMBERS_AT_ONCE // self.n_items)
        return [slice(start, start + at_once) for start in range(0, max(1, len(batch)), at_once)]


def _rankings(parts: list[Ranking]) -> Ranking:
    return Ranking(torch.cat([part.columns for part in parts]), torch.cat([part.scores for part in parts]))


def _interests(parts: list[Interests]) -> Interests:
    fields = zip(*((part.item_terms, part.history_shares, part.weights, part.linear) for part in parts), strict=True)
    return Interests(*(torch.cat(field) for field in fields))


def _path_of(config: ValiantConfig, users: int, items: int) -> Recommender | None:
    if config.linear == "none" or config.linear_weight == 0:
        return None
    if config.linear == "slim":
        return SparseRegression(SLIMConfig(candidates="nearest", k=config.linear_k), users, items)
    if config.linear == "rp3beta":
        return RandomWalks(RP3betaConfig(k=config.linear_k), users, items)
    return Ridge(EASEConfig(reg_weight=config.reg_weight), users, items)
