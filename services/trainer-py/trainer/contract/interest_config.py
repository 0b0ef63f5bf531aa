"""What can be chosen of the autoencoders of several interests a user (interest_vae.py)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..kernels.attention import MeanScope, SelfAttention
from ..kernels.sampled import Sampling
from .recommender import StepConfig


class MacridVAEConfig(StepConfig):
    first: ClassVar[tuple[str, ...]] = ("k", "embedding_size", "epochs", "learning_rate", "train_batch_size")
    k: Annotated[int, Field(ge=1, le=64, description="Interests of a user (K), one prototype each.")] = 4
    embedding_size: Annotated[int, Field(ge=1, le=2048, description="Width d of items, prototypes, interests.")] = 64
    encoder_size: Annotated[int, Field(ge=1, le=8192, description="Width h of the encoder's hidden layer.")] = 64
    tau: Annotated[float, Field(ge=0.03, le=10, description="Temperature of assigning items to prototypes.")] = 0.1
    tau_dec: Annotated[float, Field(ge=0.03, le=10, description="Temperature of the decoder.")] = 0.1
    std: Annotated[float, Field(ge=0, le=10, description="Noise scale sigma_0 of the interests in training.")] = 0.1
    anneal_cap: Annotated[float, Field(ge=0, le=10, description="Largest weight beta of the KL term.")] = 1.0
    total_anneal_steps: Annotated[
        int, Field(ge=0, le=10_000_000, description="Steps over which beta rises from 0 to 1; 0: the cap at once.")
    ] = 20_000
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of history weights dropped in training.")] = 0.5
    prototypes: Annotated[
        Literal["learned", "frozen"],
        Field(description="Shared prototypes m: trained, or kept as drawn. Alike where no gradient reaches them."),
    ] = "learned"
    gumbel: Annotated[bool, Field(description="Gumbel noise on the assignment of items in training.")] = True
    sampled_items: Annotated[
        int, Field(ge=0, le=1_000_000, description="Items drawn a step for the softmax's normaliser; 0: all, exactly.")
    ] = 0
    sampling: Annotated[Sampling, Field(description="How those items are drawn.")] = "popularity"


class ValidConfig(MacridVAEConfig):
    r: Annotated[int, Field(ge=1, le=20, description="Grouping blocks (R); 1 is MacridVAE.")] = 2
    implicit_differentiation: Annotated[
        Literal["code", "one_step", "off"],
        Field(
            description="Gradient through the blocks: code: none before the last; one_step: through one update "
            "(the paper's text); off: through all."
        ),
    ] = "code"
    update_norm: Annotated[
        Literal["code", "paper"],
        Field(description="Prototype update from unit items with dropped, normalised weights, or eq. 4 as printed."),
    ] = "code"
    self_attention: Annotated[SelfAttention, Field(description="Refinement of prototypes after each update.")] = "none"
    tau_sa: Annotated[float, Field(ge=0.01, le=10, description="Temperature of the self-attention.")] = 0.5
    sa_repeats: Annotated[int, Field(ge=1, le=10, description="Times the self-attention is applied.")] = 1
    sa_mean: Annotated[MeanScope, Field(description="What CoDA centres over: each row, or all pairs.")] = "row"

    @model_validator(mode="after")
    def _blocks_to_differentiate(self) -> Self:
        if self.implicit_differentiation == "one_step" and self.r < 2:
            raise ValueError("implicit_differentiation one_step needs r of at least 2")
        return self
