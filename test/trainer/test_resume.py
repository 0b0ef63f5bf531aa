"""A run whose process is killed again and again ends with the bits of an undisturbed one."""

import os
import random
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from trainer.data import sample
from trainer.data.importing import Finished as Imported
from trainer.data.importing import files_of_folder, import_dataset
from trainer.errors import TrainerCrashed
from trainer.events import Epoch, Event, Finished
from trainer.server.children import Children

CONFIG = '{"epochs": 5, "patience": 5, "k": 2, "embedding_size": 8, "encoder_size": 8, "train_batch_size": 256}'


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.write_sample(folder)
    files, rule = files_of_folder(folder)
    root = tmp_path_factory.mktemp("artifacts")
    assert isinstance(list(import_dataset(files, rule, root, "e" * 64))[-1], Imported)
    return root


def events_of(
    artifacts: Path,
    run_id: str,
    model: str,
    resume: list[str] | None,
    refit: dict[str, Any] | None,
) -> Iterator[Event]:
    spec: dict[str, Any] = {
        "run_id": run_id,
        "model": model,
        "config_json": CONFIG,
        "dataset_key": f"datasets/{'e' * 64}",
        "seed": 7,
        "protocol": {
            "mask_test": "train",
            "cutoffs": [20],
            "metrics": ["recall", "novelty", "calibration"],
        },
        "resume_from": resume,
        "device": os.environ.get("VALENCE_TEST_DEVICE", "cpu"),
        "refit": refit,
    }
    return Children(1, artifacts, 1, 60).events("train", f"runs/{run_id}", spec, lambda: True)


def kill_child() -> None:
    below = psutil.Process().children(recursive=True)
    (child,) = [one for one in below if " ".join(one.cmdline()).startswith("trainer.child ")]
    os.kill(child.pid, signal.SIGKILL)


REFIT = {
    "of": str(uuid.UUID(int=1)),
    "epoch": 9,
    "steps": 0,
}  # its steps are not a whole number of epochs of all data


@pytest.mark.parametrize(
    ("model", "refit"),
    [("valid", None), ("macridvae", None), ("valid", REFIT), ("valiant", None)],
)
def test_killed_at_random_epochs_ends_like_an_undisturbed_run(
    artifacts: Path, model: str, refit: dict[str, Any] | None
) -> None:
    undisturbed = list(events_of(artifacts, str(uuid.uuid4()), model, None, refit))
    chance = random.Random(model)  # the same epochs each time, another choice for each model
    deaths = set(chance.sample(range(1, 5), 2))
    run_id, resume, epochs, finished = str(uuid.uuid4()), None, [], None
    while finished is None:
        try:
            for event in events_of(artifacts, run_id, model, resume, refit):
                if isinstance(event, Epoch):
                    epochs.append(event)
                    resume = [event.checkpoint.key, event.checkpoint.sha256]
                    if event.epoch in deaths:
                        deaths.discard(event.epoch)
                        kill_child()
                        break
                if isinstance(event, Finished):
                    finished = event
        except TrainerCrashed:
            pass
    assert not deaths
    expected = [event for event in undisturbed if isinstance(event, Epoch)]
    assert [(one.epoch, one.metrics, one.best_epoch) for one in epochs] == [
        (one.epoch, one.metrics, one.best_epoch) for one in expected
    ]
    end = undisturbed[-1]
    assert isinstance(end, Finished)
    assert (finished.parameters_sha256, finished.metrics) == (
        end.parameters_sha256,
        end.metrics,
    )
    assert finished.best.epoch == end.best.epoch
    kept = [None if one.user_values is None else one.user_values.sha256 for one in (finished, end)]
    assert kept[0] == kept[1]
    assert (kept[0] is None) == (refit is not None)
    assert finished.groups == end.groups
