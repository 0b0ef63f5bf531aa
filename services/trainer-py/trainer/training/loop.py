"""The one training loop: a generator of epochs. Models give batches a loss; everything else happens here, once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_matrix

from ..contract.recommender import Config, EpochConfig, Histories, Interactions, Recommender, StepConfig, StepContext
from ..data.dataset import Dataset
from ..errors import Diverged
from ..evaluation.evaluate import evaluate
from ..evaluation.metrics import in_order
from ..evaluation.reference import Reference
from ..events import Metric
from ..process_group import ALONE, ProcessGroup
from .data_parallel import Batch, SharedLoss
from .protocol import Protocol

Progress = Callable[[int, float], None]
"""Told the running epoch and the part of it that is done, at least once a batch."""

SIGN_SECONDS = 1.0
TRAINING_SHARE = 0.9  # of an epoch; validation is the rest


@dataclass
class LoopState:
    """Where a run stands after an epoch: with weights and moments, all that a resumed run needs."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    """None where no validation item measures it: then each epoch so far counts as the best."""
    bad_epochs: int = 0
    train_seconds: float = 0.0


@dataclass(frozen=True)
class EpochEnd:
    state: LoopState
    metrics: list[Metric]
    seconds: float
    seconds_left: float

    @property
    def is_best(self) -> bool:
        return self.state.best_epoch == self.state.epoch


def train(
    model: Recommender,
    optimizer: torch.optim.Adam | None,
    reference: Reference,
    seed: int,
    protocol: Protocol,
    device: torch.device,
    state: LoopState,
    progress: Progress,
    steps: int | None = None,
    group: ProcessGroup = ALONE,
) -> Iterator[EpochEnd]:
    """Trains on the reference's dataset until validation recall at the first cut-off has not risen for `patience`
    epochs, or `epochs` are over; a closed form is one epoch. Nothing happens when `state` is there already. `state` is
    advanced in place. Without validation items nothing can be compared, so each epoch counts as the best. Raises
    Diverged at the first loss that is not finite.

    With `steps` (of a refit) it trains for so many instead, and measures nothing on the way. A `group` of several
    processes computes each batch and each validation together; all of its processes go through this alike."""
    dataset = reference.dataset
    epochs = most_epochs(model, dataset.train, steps)
    shared = SharedLoss(model, group)
    while stop_reason(state, model.config, steps) is None:
        started = time.perf_counter()
        epoch = state.epoch + 1
        model.train()
        if isinstance(model.config, StepConfig):
            assert optimizer is not None  # noqa: S101 - optimizer_of makes one for such a configuration
            loss: float | None = _steps(shared, optimizer, model.config, dataset, seed, device, state, progress, steps)
        else:
            with _signs_of_life(progress, epoch):
                loss = _solve(model, dataset, seed, device, epoch)
        metrics = [] if loss is None else [Metric("train", "loss", loss)]
        if steps is None:
            metrics += validate(model, reference, protocol, device, partial(_validating, progress, epoch), group)
        value = _value(metrics, protocol.cutoffs[0]) if dataset.valid.nnz and steps is None else None
        yield _epoch_end(state, model.config, metrics, value, time.perf_counter() - started, epochs, steps)


def _steps(
    shared: SharedLoss,
    optimizer: torch.optim.Adam,
    config: StepConfig,
    dataset: Dataset,
    seed: int,
    device: torch.device,
    state: LoopState,
    progress: Progress,
    steps: int | None,
) -> float:
    """One epoch of gradient steps; the mean loss of its last pass. Where fewer of `steps` are left than an epoch has,
    each of its passes ends after the same number of batches, so that no part of a model is trained more than another.
    """
    epoch, model = state.epoch + 1, shared.model
    on_pairs = model.trains_on == "interactions"
    units = _units(model, dataset.train)
    owners = np.repeat(np.arange(dataset.train.shape[0]), np.diff(dataset.train.indptr)) if on_pairs else units
    whole = math.ceil(len(units) / config.train_batch_size)
    batches = whole if steps is None else min(whole, math.ceil((steps - state.step) / model.passes))
    total = torch.zeros((), dtype=torch.float64, device=device)
    for number in range(model.passes):
        order = np.random.default_rng([seed, epoch, number]).permutation(units)
        total.zero_()
        for place in range(batches):
            state.step += 1
            generator = torch.Generator(device).manual_seed(_step_seed(seed, state.step))
            context = StepContext(state.step, epoch, whole * model.passes, seed, generator, number + 1)
            if place == 0:
                first = torch.Generator(device).manual_seed(_step_seed(seed, state.step, 1))
                with _signs_of_life(progress, epoch, TRAINING_SHARE * number / model.passes):
                    model.start_pass(replace(context, generator=first))
            chosen = np.sort(order[place * config.train_batch_size : (place + 1) * config.train_batch_size])
            optimizer.zero_grad(set_to_none=True)
            batch: Batch
            if on_pairs:
                pairs = (torch.from_numpy(owners[chosen]), torch.from_numpy(dataset.train.indices[chosen]).long())
                batch = Interactions(pairs[0].to(device), pairs[1].to(device))
            else:
                batch = Histories.of(dataset.train, chosen, device)
            loss, value = shared(batch, context)
            if not torch.isfinite(value):
                where = f"pass {number + 1}, " if model.passes > 1 else ""
                raise Diverged(f"the loss is {value.item()} in epoch {epoch}, {where}batch {place + 1} of {batches}")
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                model.after_step()
            total += value.double()
            progress(epoch, TRAINING_SHARE * (number * batches + place + 1) / (batches * model.passes))
    return float(total) / batches


def _units(model: Recommender, train: csr_matrix) -> np.ndarray:
    """What the batches of a pass consist of: positions of interactions, or rows of users who have some."""
    return np.arange(train.nnz) if model.trains_on == "interactions" else np.flatnonzero(np.diff(train.indptr))


def steps_an_epoch(model: Recommender, train: csr_matrix) -> int:
    """Steps of the optimiser in a whole epoch; a sweep and a closed form are one step."""
    if not isinstance(model.config, StepConfig):
        return 1
    return math.ceil(len(_units(model, train)) / model.config.train_batch_size) * model.passes


def _solve(model: Recommender, dataset: Dataset, seed: int, device: torch.device, epoch: int) -> float | None:
    """One sweep, or the whole of a closed form, which has no loss."""
    with torch.no_grad():
        if not isinstance(model.config, EpochConfig):
            model.fit(dataset.train)
            return None
        generator = torch.Generator(device).manual_seed(_step_seed(seed, epoch))
        loss = model.sweep(StepContext(epoch, epoch, 1, seed, generator))
    if not math.isfinite(loss):
        raise Diverged(f"the loss is {loss} in epoch {epoch}")
    return loss


@contextmanager
def _signs_of_life(progress: Progress, epoch: int, done: float = 0.0) -> Iterator[None]:
    """A factorisation is one long call: that the process runs is all that can be told from outside."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(SIGN_SECONDS):
            progress(epoch, done)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def validate(
    model: Recommender,
    reference: Reference,
    protocol: Protocol,
    device: torch.device,
    progress: Callable[[float], None],
    group: ProcessGroup = ALONE,
) -> list[Metric]:
    """The protocol's metrics on the validation part, and the one that decides when to stop, whether it is one of them
    or not."""
    model.eval()
    results = evaluate(
        model,
        reference.dataset,
        ("valid",),
        ("train",),
        protocol.cutoffs,
        in_order([*protocol.metrics, "recall"]),
        reference=reference,
        device=device,
        on_progress=lambda done, users: progress(done / users),
        group=group,
    )
    deciding = f"recall@{protocol.cutoffs[0]}"
    return [
        Metric("valid", name, value)
        for name, value in results["valid", "train"].items()
        if name == deciding or name.partition("@")[0] in protocol.metrics
    ]


def _validating(progress: Progress, epoch: int, done: float) -> None:
    progress(epoch, TRAINING_SHARE + (1 - TRAINING_SHARE) * done)


def _value(metrics: list[Metric], cutoff: int) -> float:
    return next(metric.value for metric in metrics if (metric.split, metric.name) == ("valid", f"recall@{cutoff}"))


def _epoch_end(
    state: LoopState,
    config: Config,
    metrics: list[Metric],
    value: float | None,
    seconds: float,
    epochs: int,
    steps: int | None,
) -> EpochEnd:
    state.epoch += 1
    state.train_seconds += seconds
    # Rounded as the reference runs did, so that noise in the fifth decimal does not buy another fifteen epochs.
    if value is None or state.best_value is None or round(value, 4) > round(state.best_value, 4):
        state.best_epoch, state.best_value, state.bad_epochs = state.epoch, value, 0
    else:
        state.bad_epochs += 1
    left = (epochs - state.epoch) * state.train_seconds / state.epoch
    return EpochEnd(state, metrics, seconds, 0.0 if stop_reason(state, config, steps) else left)


def most_epochs(model: Recommender, train: csr_matrix, steps: int | None = None) -> int:
    """With `steps`, the last epoch may be a part of one."""
    if not isinstance(model.config, EpochConfig):
        return 1
    return model.config.epochs if steps is None else math.ceil(steps / steps_an_epoch(model, train))


def steps_taken(state: LoopState, config: Config) -> int:
    """Steps of the optimiser, sweeps, or the one of a closed form."""
    return state.step if isinstance(config, StepConfig) else state.epoch


def stop_reason(state: LoopState, config: Config, steps: int | None = None) -> str | None:
    """Why a run that stands at `state` trains no further, or None."""
    if not isinstance(config, EpochConfig):
        return "closed_form" if state.epoch >= 1 else None
    if steps is not None:
        return "steps" if steps_taken(state, config) >= steps else None
    if state.epoch >= config.epochs:
        return "max_epochs"
    return "early_stop" if state.bad_epochs >= config.patience else None


def _step_seed(*numbers: int) -> int:
    """One 63-bit seed for each (run seed, step)."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
