"""The training loop on a model whose validation recall follows a script: when it stops and what it says."""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from trainer.contract.recommender import Config, EpochConfig, Histories, Recommender, StepConfig, StepContext
from trainer.data.dataset import Dataset, IdMap
from trainer.data.tags import Tags
from trainer.errors import Diverged
from trainer.evaluation.reference import Reference
from trainer.training import loop
from trainer.training.loop import EpochEnd, LoopState
from trainer.training.optimizer import optimizer_of, optimizer_tensors, restore_optimizer
from trainer.training.protocol import Protocol

FIRST = Protocol(cutoffs=(1,))


def dataset(users: int = 5, items: int = 4, *, validated: bool = True, without: Sequence[int] = ()) -> Dataset:
    """Everybody has item 0 in train (but for `without`) and item 1 in valid."""
    train, valid, test = (np.zeros((users, items), np.float32) for _ in range(3))
    train[:, 0] = 1
    train[list(without), 0] = 0
    valid[:, 1] = 1 if validated else 0
    ids = [IdMap(pa.array([str(row) for row in range(size)])) for size in (users, items)]
    parts = [csr_matrix(part) for part in (train, valid, test)]
    return Dataset("toy", "toy", "toy", *parts, *ids, [""] * items, Tags.none(items))


def ones(epoch: int, batch: int) -> float:
    return 1.0


class Scripted(Recommender):
    """In epoch e ranks the validation item first for the first right[e - 1] users. loss_of(epoch, batch of it)."""

    name = "scripted"
    config: StepConfig

    def __init__(self, config: Config, right: Sequence[int], loss_of: Callable[[int, int], float] = ones) -> None:
        super().__init__(config, 0, 0)
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.right, self.loss_of = right, loss_of
        self.batches: list[list[list[int]]] = []  # users of each batch, by epoch

    def loss(self, batch: Histories, context: StepContext) -> Tensor:
        if len(self.batches) < context.epoch:
            self.batches.append([])
        self.batches[-1].append(batch.users.tolist())
        return self.weight * self.loss_of(context.epoch, len(self.batches[-1]))

    def scores(self, batch: Histories) -> Tensor:
        scores = torch.zeros(len(batch), 4)
        scores[:, 1] = (batch.users < self.right[len(self.batches) - 1]).float() - 0.5
        return scores


def train(
    model: Recommender,
    data: Dataset,
    state: LoopState | None = None,
    progress: loop.Progress = lambda *_: None,
    seed: int = 1,
) -> list[EpochEnd]:
    state = state or LoopState()
    optimizer = optimizer_of(model)
    return list(loop.train(model, optimizer, Reference(data), seed, FIRST, torch.device("cpu"), state, progress))


def stopped(right: Sequence[int], data: Dataset, state: LoopState | None = None, **config: Any) -> tuple[int, int, str]:
    """Epochs, best epoch and reason of a run; seen from the state at its end."""
    state = state or LoopState()
    model = Scripted(StepConfig(**config), right)
    train(model, data, state)
    return state.epoch, state.best_epoch, loop.stop_reason(state, model.config) or ""


def test_it_stops_when_patience_is_over_and_keeps_the_first_best() -> None:
    assert stopped([1, 3, 3, 2, 5, 5], dataset(), epochs=6, patience=2) == (4, 2, "early_stop")
    assert stopped([1, 3, 3, 2, 5, 5], dataset(), epochs=6, patience=3) == (6, 5, "max_epochs")
    assert stopped([3, 0, 0], dataset(), epochs=3, patience=1) == (2, 1, "early_stop")


def test_a_better_epoch_gives_the_whole_patience_again() -> None:
    assert stopped([1, 0, 2, 0, 0, 5], dataset(), epochs=6, patience=2) == (5, 3, "early_stop")


def test_the_first_epoch_is_the_best_so_far_though_its_recall_is_none() -> None:
    assert stopped([0, 0, 0], dataset(), epochs=9, patience=2) == (3, 1, "early_stop")


def test_only_a_rise_in_the_fourth_decimal_counts() -> None:
    everyone = dataset(40_000)
    small = {"train_batch_size": 40_000, "epochs": 2, "patience": 2}
    assert stopped([20_000, 20_001], everyone, **small)[1] == 1
    assert stopped([20_000, 20_003], everyone, **small)[1] == 2


def test_it_runs_all_epochs_and_no_more() -> None:
    assert stopped([1, 2, 3, 4], dataset(), epochs=3, patience=9) == (3, 3, "max_epochs")
    assert stopped([1], dataset(), epochs=1, patience=1) == (1, 1, "max_epochs")


def test_without_validation_items_the_last_epoch_is_the_best() -> None:
    state = LoopState()
    assert stopped([1, 0, 0, 0], dataset(validated=False), state, epochs=4, patience=1) == (4, 4, "max_epochs")
    assert state.best_value is None


def test_a_measure_of_nobody_is_no_number() -> None:
    (end,) = train(Scripted(StepConfig(epochs=1), [1]), dataset(validated=False))
    values = {metric.name: metric.value for metric in end.metrics if metric.split == "valid"}
    assert values.keys() == {"recall@1", "ndcg@1"}
    assert all(math.isnan(value) for value in values.values())


def test_recall_decides_when_to_stop_whatever_is_measured() -> None:
    model, state = Scripted(StepConfig(epochs=6, patience=2), [1, 3, 3, 2, 5, 5]), LoopState()
    asked, optimizer = Protocol(cutoffs=(1, 2), metrics=("coverage", "hit")), optimizer_of(model)
    ends = list(
        loop.train(model, optimizer, Reference(dataset()), 1, asked, torch.device("cpu"), state, lambda *_: None)
    )
    assert (state.epoch, state.best_epoch, state.best_value) == (4, 2, 0.6)
    values = {metric.name: metric.value for metric in ends[0].metrics if metric.split == "valid"}
    assert values.keys() == {"recall@1", "hit@1", "hit@2", "coverage@1", "coverage@2"}
    assert (values["hit@1"], values["coverage@1"]) == (0.2, 0.5)  # items 1 and 2 of 4


def test_a_run_that_stands_at_its_end_trains_no_further() -> None:
    over = LoopState(epoch=3, best_epoch=3, best_value=0.5)
    assert stopped([], dataset(), over, epochs=3) == (3, 3, "max_epochs")
    tired = LoopState(epoch=3, best_epoch=1, best_value=0.5, bad_epochs=2)
    assert stopped([], dataset(), tired, epochs=9, patience=2) == (3, 1, "early_stop")


def test_a_resumed_run_goes_on_counting() -> None:
    state = LoopState(epoch=5, step=25, best_epoch=4, best_value=0.9, bad_epochs=1)
    assert stopped([1] * 9, dataset(), state, epochs=9, patience=3) == (7, 4, "early_stop")
    assert state.step == 25 + 2


def test_each_end_of_an_epoch_has_its_metrics() -> None:
    model = Scripted(StepConfig(epochs=3, train_batch_size=2), [1, 4, 2], lambda epoch, batch: epoch * 10 + batch)
    seen = []
    both = Protocol(cutoffs=(1, 2))
    for end in loop.train(
        model,
        optimizer_of(model),
        Reference(dataset()),
        1,
        both,
        torch.device("cpu"),
        LoopState(),
        lambda *_: None,
    ):
        values = {(metric.split, metric.name): metric.value for metric in end.metrics}
        measured = {("valid", f"{name}@{cutoff}") for name in ("recall", "ndcg") for cutoff in (1, 2)}
        assert values.keys() == {("train", "loss"), *measured}
        seen.append((values["valid", "recall@1"], end.is_best, end.state.best_value))
        weight = 1 - 1e-3 * 3 * (len(seen) - 0.5)  # Adam takes about a learning rate off it each step
        assert values["train", "loss"] == pytest.approx((len(seen) * 10 + 2) * weight, rel=0.01)
    assert seen == [(0.2, True, 0.2), (0.8, True, 0.8), (0.4, False, 0.8)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_names_epoch_and_batch(value: float) -> None:
    model = Scripted(StepConfig(epochs=9, train_batch_size=2), [1] * 9, lambda *at: value if at == (2, 3) else 1.0)
    state = LoopState()
    with pytest.raises(Diverged, match=rf"^the loss is {value} in epoch 2, batch 3 of 3$"):
        train(model, dataset(), state)
    assert (state.epoch, len(model.batches[1])) == (1, 3)
    assert model.weight.isfinite()


def test_scores_that_are_not_numbers_are_found() -> None:
    model = Scripted(StepConfig(epochs=1), [1])
    model.scores = lambda batch: torch.full((len(batch), 4), torch.nan)  # type: ignore[method-assign]
    with pytest.raises(Diverged, match="scores are not numbers"):
        train(model, dataset())


def test_every_user_with_a_history_is_trained_on_once_an_epoch() -> None:
    def batches(seed: int) -> list[list[list[int]]]:
        model = Scripted(StepConfig(epochs=2, train_batch_size=4), [1, 1])
        train(model, dataset(11, without=(3, 7)), seed=seed)
        return model.batches

    for epoch in batches(1):
        assert [len(batch) for batch in epoch] == [4, 4, 1]
        assert sorted(itertools.chain(*epoch)) == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert batches(1) == batches(1)
    assert batches(1)[0] != batches(1)[1]
    assert batches(1) != batches(2)


def test_the_time_left_goes_down_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=7.0)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    ends = train(Scripted(StepConfig(epochs=4), [1, 2, 3, 4]), dataset())
    seconds = ends[0].seconds
    assert seconds > 0
    assert [end.seconds_left for end in ends] == [3 * seconds, 2 * seconds, seconds, 0]
    stopped_early = train(Scripted(StepConfig(epochs=9, patience=1), [1, 0]), dataset())
    assert [end.seconds_left > 0 for end in stopped_early] == [True, False]


def test_progress_is_told_for_every_batch_and_ends_at_one() -> None:
    told: list[tuple[int, float]] = []
    model = Scripted(StepConfig(epochs=2, train_batch_size=2), [1, 1])
    train(model, dataset(), progress=lambda *at: told.append(at))
    for epoch in (1, 2):
        parts = [part for at, part in told if at == epoch]
        assert len(parts) >= 3 + 1  # batches, and validation
        assert parts == sorted(parts)
        assert 0 < parts[0] < 1
        assert parts[-1] == 1


class Solved(Recommender):
    """A closed form, or sweeps: it takes a while in one piece."""

    name = "solved"

    def __init__(self, config: Config, loss: float = 1.0) -> None:
        super().__init__(config, 0, 0)
        self.calls: list[str] = []
        self.swept = loss

    def fit(self, train: csr_matrix) -> None:
        self.calls.append("fit")
        time.sleep(0.2)

    def sweep(self, context: StepContext) -> float:
        self.calls.append(f"sweep {context.epoch}")
        return self.swept

    def scores(self, batch: Histories) -> Tensor:
        return torch.zeros(len(batch), 4)


def test_a_closed_form_is_one_epoch_with_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SIGN_SECONDS", 0.02)
    told: list[tuple[int, float]] = []
    model, state = Solved(Config()), LoopState()
    (end,) = train(model, dataset(), state, lambda *at: told.append(at))
    assert model.calls == ["fit"]
    assert sum(at == (1, 0.0) for at in told) >= 3
    assert {metric.split for metric in end.metrics} == {"valid"}
    assert (end.is_best, end.seconds_left) == (True, 0)
    assert loop.stop_reason(state, model.config) == "closed_form"
    assert optimizer_of(model) is None
    assert train(model, dataset(), state) == []


def test_sweeps_are_epochs() -> None:
    model, state = Solved(EpochConfig(epochs=9, patience=2)), LoopState()
    ends = train(model, dataset(), state)
    assert model.calls == ["sweep 1", "sweep 2", "sweep 3"]
    assert loop.stop_reason(state, model.config) == "early_stop"
    assert ends[0].metrics[0].value == 1.0
    with pytest.raises(Diverged, match="the loss is nan in epoch 1"):
        train(Solved(EpochConfig(), math.nan), dataset())


def test_moments_come_back_under_their_names() -> None:
    model = Scripted(StepConfig(epochs=1), [1])
    optimizer = optimizer_of(model)
    assert optimizer is not None
    list(
        loop.train(model, optimizer, Reference(dataset()), 1, FIRST, torch.device("cpu"), LoopState(), lambda *_: None)
    )
    saved = optimizer_tensors(optimizer)
    assert {name.split(".")[1] for name in saved} == {"step", "exp_avg", "exp_avg_sq"}
    other = optimizer_of(model)
    assert other is not None
    restore_optimizer(other, saved)
    assert optimizer_tensors(other) == saved
