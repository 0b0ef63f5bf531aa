"""The child as a process of its own: what it says when it fails, and that it never outlives its parent."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

import trainer
from trainer.data import dataset
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.errors import WORK
from trainer.events import (
    CompareStep,
    Epoch,
    Event,
    ExportStep,
    Failed,
    Finished,
    Heartbeat,
    ImportStep,
    Log,
    from_line,
)
from trainer.server import children

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])}
DIGEST = "cd" * 32
SMALL = {"k": 2, "embedding_size": 8, "encoder_size": 8, "epochs": 1}
ENDLESS = SMALL | {"epochs": 10_000, "patience": 10_000}
STEEP = {"tau": 0.03, "tau_dec": 0.03, "learning_rate": 1.0, "std": 10.0, "anneal_cap": 10.0, "total_anneal_steps": 0}
WILD = STEEP | {"epochs": 1, "dropout": 0.0, "train_batch_size": 1}
HUGE = {
    "k": 2,
    "embedding_size": 2048,
    "encoder_size": 8192,
    "epochs": 1,
}  # 128 MiB in a layer

# What happens to the process before it starts to work. The limits are those of the operating system.
LITTLE_MEMORY = "size = psutil.Process().memory_info().vms + (200 << 20); limit(resource.RLIMIT_AS, size)"
LITTLE_DISK = "limit(resource.RLIMIT_FSIZE, 2000)"
READ_ONLY_DISK = "artifacts.save_checkpoint = fails(OSError(30, 'Read-only file system'))"
BROKEN_MODEL = "registry.get('popularity').fit = lambda *_: 1 / 0"
PREPARED_CHILD = """
import os, psutil, resource
from trainer import child, registry
from trainer.storage import artifacts

def fails(error):
    def raises(*_):
        raise error
    return raises

def limit(which, size):
    resource.setrlimit(which, (size, size))

def main(before, task, events, errors, lifeline):
    exec(before)
    child.main(task, events, errors, lifeline)
"""


def task(root: Path, config: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    spec = {
        "run_id": str(uuid.uuid4()),
        "model": "valid",
        "config_json": json.dumps(SMALL if config is None else config),
        "dataset_key": dataset.key_of(DIGEST),
        "seed": 1,
        "protocol": {"mask_test": "train", "cutoffs": [20], "metrics": []},
        "resume_from": None,
        "refit": None,
        "device": "cpu",
        **changes,
    }
    return {"kind": "train", "artifacts": str(root), "threads": 1, "spec": spec}


class Child:
    """A running child with its task, forked as in service: PyTorch is loaded once for all of them."""

    def __init__(self, task: dict[str, Any], before: str = "") -> None:
        forked = children.FORKED
        (self._events, events), (self._errors, errors), (life, self.lifeline) = (
            forked.Pipe(duplex=False) for _ in range(3)
        )
        with events, errors, life:
            main = importlib.import_module("prepared_child").main
            self.process = forked.Process(target=main, args=(before, task, events, errors, life))
            self.process.start()

    def events(self) -> Iterator[Event]:
        with os.fdopen(self._events.fileno(), closefd=False) as lines:
            for line in lines:
                yield from_line(line)

    def ended(self) -> tuple[list[Event], int | None, str]:
        """Its events, exit status and standard error."""
        events = list(self.events())
        with os.fdopen(self._errors.fileno(), closefd=False) as said:
            error = said.read()
        self.process.join(30)
        return events, self.process.exitcode, error

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        for end in (self._events, self._errors, self.lifeline):
            end.close()


@pytest.fixture(scope="module", autouse=True)
def prepared_child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module that the child finds as well."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "prepared_child.py").write_text(PREPARED_CHILD)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    part_of = np.random.default_rng(4).choice(4, (40, 120), p=[0.8, 0.14, 0.03, 0.03])
    part_of[:, 0] = 1
    dataset.save(
        folder,
        DIGEST,
        {name: csr_matrix(part_of == part, dtype=np.float32) for part, name in enumerate(dataset.PARTS, start=1)},
        IdMap(pa.array([f"user {row}" for row in range(40)])),
        IdMap(pa.array([f"item {column}" for column in range(120)])),
        [""] * 120,
        Tags.none(120),
        rule={},
        statistics={},
    )
    return folder


# name → (before, changes of the task, code, status, field, part of the message)
FAILURES: dict[str, tuple[str, dict[str, Any], str, str, str, str]] = {
    "memory": (LITTLE_MEMORY, {"config": HUGE}, "out_of_memory", "RESOURCE_EXHAUSTED", "", "try a smaller batch"),
    "disk": (LITTLE_DISK, {}, "storage_full", "RESOURCE_EXHAUSTED", "", "disk that holds the artifacts is full"),
    "read-only": (READ_ONLY_DISK, {}, "store_unavailable", "UNAVAILABLE", "", "takes no writes"),
    "loss": ("", {"config": WILD}, "diverged", "ABORTED", "", "in epoch 1, batch "),
    "field": ("", {"config": {"k": 0}}, "bad_configuration", "INVALID_ARGUMENT", "k", "valid.k: "),
    "data": ("", {"dataset_key": f"datasets/{'0' * 64}"}, "dataset_missing", "NOT_FOUND", "dataset_key", "no dataset"),
    "model": ("", {"model": "oracle"}, "unknown_model", "NOT_FOUND", "model", "'oracle'; known: bpr, "),
    "bug": (BROKEN_MODEL, {"model": "popularity", "config": {}}, "internal", "INTERNAL", "", "ZeroDivisionError: "),
}


@pytest.fixture(scope="module")
def failures(root: Path) -> Iterator[dict[str, tuple[list[Event], int | None, str]]]:
    failing = {name: Child(task(root, **changes), before) for name, (before, changes, *_) in FAILURES.items()}
    yield {name: child.ended() for name, child in failing.items()}
    for child in failing.values():
        child.close()


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_its_last_word(failures: dict[str, tuple[list[Event], int | None, str]], name: str) -> None:
    _, _, code, status, field, part = FAILURES[name]
    events, exit_status, error = failures[name]
    failed = events[-1]
    assert isinstance(failed, Failed), error
    assert (failed.code, failed.grpc_status, failed.field) == (code, status, field)
    assert part in failed.message
    assert "\n" not in failed.message
    assert "Traceback" not in failed.message
    assert 'File "' not in failed.message
    assert sum(isinstance(event, Failed) for event in events) == 1
    assert exit_status == 1
    assert error == ""


def test_only_a_bug_leaves_its_traceback_in_the_log(failures: dict[str, tuple[list[Event], int | None, str]]) -> None:
    for name, (events, _, _) in failures.items():
        logged = [event.message for event in events if isinstance(event, Log) and event.level == "error"]
        if name == "bug":
            assert logged[0].startswith("Traceback")
            assert any('File "' in line for line in logged)
            assert logged[-1] == "ZeroDivisionError: division by zero"
        else:
            assert not logged


def test_a_run_ends_well_while_its_lifeline_is_open(root: Path) -> None:
    child = Child(task(root))
    events, status, error = child.ended()
    child.close()
    kinds = [type(event) for event in events if not isinstance(event, Log | Heartbeat)]
    assert kinds[-2:] == [Epoch, Finished]
    assert (status, error) == (0, "")


FETCHING = "child.work = lambda *_: iter([child.object_store._progress(), child.time.sleep(60)])"
SIGNS = {
    "train": Heartbeat,
    "evaluate": Heartbeat,
    "compare": CompareStep,
    "import": ImportStep,
    "read": ImportStep,
    "export": ExportStep,
}


@pytest.mark.parametrize("kind", WORK)
def test_it_lives_while_what_it_stands_on_is_fetched(root: Path, kind: str) -> None:
    child = Child({"kind": kind, "artifacts": str(root), "spec": {}}, FETCHING)
    assert isinstance(next(child.events()), SIGNS[kind])
    child.close()


SPAN = """
from contextlib import contextmanager

@contextmanager
def span(*_):
    yield lambda code: print(code, file=child.sys.stderr)

child.tracing.span = span
"""


def test_its_span_is_told_why_it_failed(root: Path) -> None:
    child = Child(task(root, dataset_key=f"datasets/{'0' * 64}"), SPAN)
    assert child.ended()[1:] == (1, "dataset_missing\n")
    child.close()


DRAFT = "child.work = lambda *_: iter([child.Log('info', child.drafts.temporary_name('name'))])"


def test_what_it_writes_is_its_trainer_s(root: Path) -> None:
    child = Child(task(root) | {"writer": "ab" * 8}, DRAFT)
    (said,), status, _ = child.ended()
    assert isinstance(said, Log)
    assert said.message.startswith(f".tmp-{'ab' * 8}-{child.process.pid}-")
    assert status == 0
    child.close()


def test_it_ends_when_its_lifeline_closes(root: Path) -> None:
    child = Child(task(root, ENDLESS))
    assert any(isinstance(event, Epoch) for event in child.events())  # it trains
    child.lifeline.close()
    child.process.join(5)
    assert child.process.exitcode == -signal.SIGKILL
    child.close()


PARENT = """
import json, sys
from pathlib import Path
from trainer.server.children import Children, prepare
prepare()
task = json.loads(sys.stdin.readline())
for event in Children(1, Path(task["artifacts"]), 1, 60).events(task["kind"], "key", task["spec"], lambda: True):
    print(type(event).__name__, flush=True)
"""


def test_it_ends_when_its_parent_is_killed(root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(json.dumps(task(root, ENDLESS)) + "\n")
        parent.stdin.flush()
        assert any(line == "Epoch\n" for line in parent.stdout)  # it trains
        below = psutil.Process(parent.pid).children(recursive=True)
        (child,) = (one for one in below if " ".join(one.cmdline()).startswith("trainer.child "))
        parent.kill()
        started = time.monotonic()
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - started < 5
            time.sleep(0.02)
