"""What one process finds out of one model on one dataset: of ours and its floor, or of its dense version."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import torch
from scipy.sparse import csr_matrix

from trainer import device, registry
from trainer.contract.recommender import EpochConfig, Recommender, StepConfig
from trainer.data.dataset import Dataset
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.reference import Reference
from trainer.models.valid import Valid
from trainer.process_group import ALONE, ProcessGroup
from trainer.training import loop
from trainer.training.optimizer import optimizer_of
from trainer.training.protocol import Protocol
from training import floor
from training.dense import dense_version, evaluate_in_python, valid_scores

EPOCHS = 3  # measured, after one that compiles
ENOUGH_SECONDS = 60  # of a model whose epochs are long, fewer are measured
MEASURED_IN_PYTHON = 500  # users, scaled to all


def measured(data: Dataset, name: str, where: torch.device) -> dict[str, Any]:
    """Medians of up to EPOCHS epochs and evaluations, in turns with their floors."""
    for _ in epochs_of(prepared(name, cut(data), where), cut(data), where):
        pass
    before = resident_bytes()
    model = prepared(name, data, where)
    training, evaluation = (floor.work_of(product(model, data), where) for product in PRODUCTS)
    epochs, floors, peak = [], [], 0
    for end in epochs_of(model, data, where):
        peak = peak or device.peak_memory_bytes() - before  # before the floor takes its own
        epochs.append(end.seconds)
        floors.append(seconds(training))
        if len(epochs) > 1 and sum(epochs) > ENOUGH_SECONDS:
            break
    model.eval()
    rankings, products = [], []
    for _ in range(EPOCHS):
        rankings.append(seconds(lambda: evaluate(model, data, ("test",), ("train",), (20, 50), device=where)))
        products.append(seconds(evaluation))
    return {
        "epoch_seconds": statistics.median(epochs[1:] or epochs),  # the first one compiles
        "floor_seconds": statistics.median(floors) if training else None,
        "peak_bytes": peak,
        "parameter_bytes": sum(tensor.nbytes for tensor in model.state_dict().values()),
        "evaluate_seconds": statistics.median(rankings),
        "evaluate_floor_seconds": statistics.median(products) if evaluation else None,
    }


def measured_densely(data: Dataset, name: str, where: torch.device) -> dict[str, Any]:
    """Two steps of the usual dense implementation scaled to an epoch, and a part of an evaluation to all users."""
    dense_step(prepared(name, cut(data), where), cut(data))()
    before = resident_bytes()
    model = prepared(name, data, where)
    step, users = dense_step(model, data), data.train.shape[0]
    assert isinstance(model.config, StepConfig)
    step()
    steps = math.ceil(users / model.config.train_batch_size) * model.passes
    figures: dict[str, Any] = {
        "dense_epoch_seconds": statistics.median(seconds(step) for _ in range(2)) * steps,
        "dense_peak_bytes": device.peak_memory_bytes() - before,
    }
    if isinstance(model, Valid):
        few = min(MEASURED_IN_PYTHON, users)
        with torch.no_grad():
            taken = seconds(lambda: evaluate_in_python(lambda r: valid_scores(model, r), data.train, data.test, few))
        figures["dense_evaluate_seconds"] = taken * users / few
    return figures


PRODUCTS = (floor.of_training, floor.of_evaluation)


def prepared(name: str, of: Dataset, where: torch.device) -> Recommender:
    model_class = registry.get(name)
    config = registry.resolve_config(model_class, "{}")
    if isinstance(config, EpochConfig):
        config = config.model_copy(update={"epochs": EPOCHS + 1, "patience": EPOCHS + 1})
    model = model_class(config, *of.train.shape).to(where)
    model.prepare(of.train, torch.Generator(where).manual_seed(0))
    return model


def epochs_of(
    model: Recommender, data: Dataset, where: torch.device, group: ProcessGroup = ALONE
) -> Iterator[loop.EpochEnd]:
    """Epochs without their validation."""
    silent = replace(data, valid=csr_matrix(data.train.shape, dtype=np.float32))
    given = (model, optimizer_of(model), Reference(silent), 1, Protocol(), where, loop.LoopState())
    return loop.train(*given, lambda *_: None, group=group)


def dense_step(model: Recommender, data: Dataset) -> Callable[[], None]:
    found = dense_version(model)
    assert found is not None
    loss, parameters = found
    optimizer = torch.optim.Adam(parameters)
    config = model.config
    assert isinstance(config, StepConfig)
    rows = torch.from_numpy(data.train[: config.train_batch_size].toarray())

    def step() -> None:
        optimizer.zero_grad()
        loss(rows).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def cut(data: Dataset) -> Dataset:
    """A toy of the same kind: everything is compiled and loaded once it has been trained on."""
    few = {name: getattr(data, name)[:64, :512].copy() for name in ("train", "valid", "test")}
    few["train"][:, 0] = 1  # nobody without a history
    return replace(data, **few)


def resident_bytes() -> int:
    """What libraries, compiled kernels and the data take by now: no model's doing."""
    return 0 if torch.cuda.is_available() else psutil.Process().memory_info().rss


def seconds(work: Callable[[], object] | None) -> float:
    started = time.perf_counter()
    if work is not None:
        work()
    return time.perf_counter() - started
