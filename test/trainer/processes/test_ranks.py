"""A training of several processes when one of them is killed or stopped, when it is cancelled, and when it goes on."""

import importlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from trainer.data import dataset
from trainer.errors import InvalidRequest, TrainerCrashed, TrainerHung, ValenceError
from trainer.events import Epoch, Event, Finished, Started
from trainer.server.children import Children
from trainer.training.experiment import RunSpec, run
from trainer.training.protocol import Protocol
from trainer_process import DIGEST, save_dataset

PROCESSES = 3
# After two epochs there is time enough left to find and kill a process, on a busy machine too.
CONFIG = '{"epochs": 20, "patience": 20, "k": 2, "embedding_size": 8, "encoder_size": 8, "train_batch_size": 7}'
ENDLESS = CONFIG.replace('"epochs": 20, "patience": 20', '"epochs": 10000, "patience": 10000')
PATIENT_SECONDS = 90.0
# Once they are at work, longer than they need between two signs on a busy machine.
HANG_SECONDS = 8.0
pytestmark = pytest.mark.timeout(300)  # three processes share the cores


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("artifacts")
    save_dataset(root)
    return root


def events_of(
    root: Path,
    config: str = CONFIG,
    wanted: Callable[[], bool] = lambda: True,
    children: Children | None = None,
    **changes: Any,
) -> Iterator[Event]:
    spec: dict[str, Any] = {
        "run_id": str(uuid.uuid4()),
        "model": "valid",
        "config_json": config,
        "dataset_key": dataset.key_of(DIGEST),
        "seed": 7,
        "protocol": {"mask_test": "train", "cutoffs": [20], "metrics": ["recall", "coverage"]},
        "resume_from": None,
        "device": "cpu",
        "refit": None,
        "processes": PROCESSES,
        **changes,
    }
    children = children or Children(1, root, PROCESSES, PATIENT_SECONDS)
    return children.events("train", f"runs/{spec['run_id']}", spec, wanted)


def hanging(root: Path) -> Iterator[Event]:
    """At work on an endless training, of which a hang is soon seen."""
    children = Children(1, root, PROCESSES, PATIENT_SECONDS)
    events = events_of(root, ENDLESS, children=children)
    first_epoch(events)
    children._hang_seconds = HANG_SECONDS
    return events


def processes() -> list[psutil.Process]:
    """torchrun's agent and the ranks that it has forked."""
    below = psutil.Process().children(recursive=True)
    return [
        one
        for one in below
        if one.status() != psutil.STATUS_ZOMBIE and " ".join(one.cmdline()).startswith("trainer.child ")
    ]


def last_rank() -> psutil.Process:
    (agent,) = [one for one in processes() if one.parent() not in processes()]
    ranks = agent.children()
    assert len(ranks) == PROCESSES
    return max(ranks, key=lambda one: one.pid)


def first_epoch(events: Iterator[Event]) -> Epoch:
    return next(event for event in events if isinstance(event, Epoch))


def test_a_rank_is_killed_and_the_run_goes_on_to_the_bits_of_an_undisturbed_one(artifacts: Path) -> None:
    undisturbed = list(events_of(artifacts))[-1]
    assert isinstance(undisturbed, Finished)
    run_id = str(uuid.uuid4())
    events = events_of(artifacts, run_id=run_id)
    second = [first_epoch(events), first_epoch(events)][-1]
    last_rank().send_signal(signal.SIGKILL)
    with pytest.raises(TrainerCrashed):
        list(events)
    assert processes() == []
    key, sha256 = second.checkpoint.key, second.checkpoint.sha256
    resumed = list(events_of(artifacts, run_id=run_id, resume_from=[key, sha256]))
    assert next(event for event in resumed if isinstance(event, Started)).resumed_epoch == 2
    end = resumed[-1]
    assert isinstance(end, Finished)
    assert (end.parameters_sha256, end.metrics) == (undisturbed.parameters_sha256, undisturbed.metrics)
    assert end.user_values is not None
    assert undisturbed.user_values is not None
    assert end.user_values.sha256 == undisturbed.user_values.sha256

    spec = RunSpec(run_id, "valid", ENDLESS, dataset.key_of(DIGEST), 7, Protocol(cutoffs=(20,)), (key, sha256), "cpu")
    with pytest.raises(InvalidRequest, match="of 3 processes, and this training has 1") as caught:
        next(run(spec, artifacts))
    assert caught.value.field == "resume_from"
    allowed = RunSpec(**{**vars(spec), "allow_other_world_size": True})
    started = next(run(allowed, artifacts))
    assert isinstance(started, Started)
    assert started.resumed_epoch == 2


def test_a_rank_that_is_stopped_ends_the_attempt_within_the_hang_limit(artifacts: Path) -> None:
    events = hanging(artifacts)
    last_rank().send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    with pytest.raises(TrainerHung):
        list(events)
    assert time.monotonic() - stopped < HANG_SECONDS + 30  # far from the limit that it began with
    assert processes() == []


def test_what_fails_in_all_of_them_is_told_by_the_first_one(artifacts: Path) -> None:
    wild = '{"k": 2, "learning_rate": 1.0, "tau": 0.03, "tau_dec": 0.03, "std": 10.0, "anneal_cap": 10.0, '
    wild += '"total_anneal_steps": 0, "dropout": 0.0, "train_batch_size": 1}'
    with pytest.raises(ValenceError) as caught:
        list(events_of(artifacts, wild))
    assert caught.value.code == "diverged"
    assert processes() == []


ALONE_IN_WANT = """
from trainer import child

work = child.work

def in_want(task, pipe, group):
    if group.rank == 1:
        raise MemoryError
    return work(task, pipe, group)

def main(*given):
    child.work, child.TOLD_SECONDS = in_want, 1.0
    child.main(*given)
"""


def test_what_fails_in_another_one_alone_is_told_by_that_one(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alone_in_want.py").write_text(ALONE_IN_WANT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("trainer.server.children.work", importlib.import_module("alone_in_want"))
    with pytest.raises(ValenceError, match="training ran out of memory; try a smaller batch") as caught:
        list(events_of(artifacts, ENDLESS))
    assert caught.value.code == "out_of_memory"
    assert processes() == []


def test_a_cancel_leaves_no_process_even_when_one_is_stopped(artifacts: Path) -> None:
    wanted = [True]
    events = events_of(artifacts, ENDLESS, lambda: wanted[0])
    first_epoch(events)
    last_rank().send_signal(signal.SIGSTOP)
    wanted[0] = False
    assert all(not isinstance(event, Finished) for event in events)
    assert processes() == []


def test_what_is_left_when_torchrun_itself_is_killed_goes_too(artifacts: Path) -> None:
    events = hanging(artifacts)
    rank = last_rank()
    rank.send_signal(signal.SIGSTOP)
    agent = rank.parent()
    assert agent is not None
    os.kill(agent.pid, signal.SIGKILL)
    with pytest.raises((TrainerCrashed, TrainerHung)):
        list(events)
    assert processes() == []
    deadline = time.monotonic() + 30  # what is killed while others work is not gone at once
    while not is_gone(rank):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
