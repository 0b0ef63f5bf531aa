"""One run from data to test metrics, as a stream of events. Command line, training child and notebooks call this."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__, device, registry
from ..contract.recommender import Recommender
from ..data import dataset
from ..data.dataset import Dataset
from ..errors import CheckpointCorrupt, FoldInUnsupported, InvalidRequest
from ..evaluation import uniformity
from ..evaluation.evaluate import MaskRule, Split, evaluate
from ..events import Checkpoint, Epoch, Evaluated, Event, Finished, Metric, Started
from ..storage import artifacts
from ..storage.artifacts import Loaded
from . import loop

Alive = Callable[[int, float], None]
"""Told the running epoch and the part of it that is done, whenever there is progress."""


@dataclass(frozen=True)
class Protocol:
    mask_test: MaskRule = "train"
    cutoffs: tuple[int, ...] = (20, 50)

    def __post_init__(self) -> None:
        if self.mask_test not in ("train", "train+valid"):
            raise InvalidRequest("mask_test is train or train+valid", field="protocol.mask_test")
        if not self.cutoffs or not all(1 <= cutoff <= 1000 for cutoff in self.cutoffs):
            raise InvalidRequest("cutoffs are one or more numbers from 1 to 1000", field="protocol.cutoffs")


@dataclass(frozen=True)
class Refit:
    """Training on everything for as long as a tested run had trained when it was best; that run vouches for it.

    of     id of that run
    epoch  its best one
    steps  it had taken then; 0 where nobody wrote them down: they follow from the epoch and the training part
    """

    of: str
    epoch: int
    steps: int = 0

    def __post_init__(self) -> None:
        if not artifacts.is_run_id(self.of):
            raise InvalidRequest("a refit is of a run, named by a lower-case uuid", field="refit.of")
        if self.epoch < 1:
            raise InvalidRequest("a refit is of an epoch from 1", field="refit.epoch")
        if self.steps < 0:
            raise InvalidRequest("a refit takes 1 step or more, or 0: those of the epoch", field="refit.steps")


@dataclass(frozen=True)
class RunSpec:
    """config_json may leave fields out. resume_from: key and sha256 of the last committed checkpoint."""

    run_id: str
    model: str
    config_json: str
    dataset_key: str
    seed: int
    protocol: Protocol
    resume_from: tuple[str, str] | None = None
    device: str = "auto"
    refit: Refit | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise InvalidRequest("a seed is a whole number from 0 to 2^63 - 1", field="seed")


def run(spec: RunSpec, root: Path, alive: Alive = lambda epoch, fraction: None) -> Iterator[Event]:
    """Started, then an Epoch with its checkpoint for each epoch, then Finished with the best checkpoint's test
    metrics; a refit has none. Raises the errors of `errors.py`; what was yielded before is on disk and stays."""
    started = time.perf_counter()
    where = device.choose(spec.device)
    device.make_deterministic()
    model_class = registry.get(spec.model)
    config = registry.resolve_config(model_class, spec.config_json)
    split = dataset.load(root, spec.dataset_key)
    if split.held_out is not None and "fold_in" not in model_class.capabilities:
        why = f"{spec.model} cannot be measured on users it was not trained on, which a strong split holds out"
        raise FoldInUnsupported(f"{why}; {registry.able('fold_in')}", field="model")
    data = split if spec.refit is None else split.whole()
    alive(0, 0.0)
    model = model_class(config, *data.train.shape).to(where)
    steps = None
    if spec.refit is not None:
        steps = spec.refit.steps or spec.refit.epoch * loop.steps_an_epoch(model, split.train)
    model.prepare(data.train, torch.Generator(where).manual_seed(_initial_seed(spec.seed)))
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    artifacts.require_space(root, 3 * 3 * size)  # three checkpoints of weights and two moments
    resumed = None if spec.resume_from is None else artifacts.load_checkpoint(root, *spec.resume_from)
    state = loop.LoopState() if resumed is None else loop.LoopState(**resumed.manifest["loop"])
    yield Started(
        device=device.describe(where),
        torch_version=torch.__version__,
        code_version=__version__,
        parameters=sum(tensor.numel() for tensor in model.state_dict().values()),
        max_epochs=loop.most_epochs(model, data.train, steps),
        resumed_epoch=state.epoch,
    )
    manifest = _manifest(spec, data, model, steps)
    optimizer = loop.optimizer_of(model)
    best = None
    if resumed is not None:
        best = _best_so_far(resumed.manifest, spec)
        _restore(model, resumed)
        if optimizer is not None:
            loop.restore_optimizer(optimizer, {name: value.to(where) for name, value in resumed.optimizer.items()})
    ends = loop.train(model, optimizer, data, spec.seed, list(spec.protocol.cutoffs), where, state, alive, steps)
    for end in ends:
        moments = loop.optimizer_tensors(optimizer)
        described = manifest | {"loop": asdict(end.state), "best": None if best is None else asdict(best)}
        saved = artifacts.save_checkpoint(root, spec.run_id, end.state.epoch, model.state_dict(), moments, described)
        if end.is_best:
            best = saved
        yield Epoch(
            epoch=end.state.epoch,
            metrics=end.metrics,
            seconds=end.seconds,
            seconds_left=end.seconds_left,
            checkpoint=saved,
            best_epoch=end.state.best_epoch,
            best_value=math.nan if end.state.best_value is None else end.state.best_value,
            steps=loop.steps_taken(end.state, config),
        )
    assert best is not None  # noqa: S101 - the first epoch is always the best so far
    _restore(model, artifacts.load_checkpoint(root, best.key, best.sha256, with_optimizer=False))
    yield Finished(
        best=best,
        metrics=[] if spec.refit else _test_metrics(model, data, spec.protocol, where, lambda: alive(state.epoch, 1.0)),
        reason=loop.stop_reason(state, config, steps) or "max_epochs",
        epochs=state.epoch,
        seconds=time.perf_counter() - started,
        peak_memory_bytes=device.peak_memory_bytes(),
        parameters_sha256=parameters_sha256(model),
    )


def evaluate_checkpoint(
    root: Path,
    key: str,
    sha256: str,
    split: Split,
    protocol: Protocol,
    device_name: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluated:
    """Measures a committed checkpoint on its own dataset. Raises InvalidRequest for a refit, which has seen it."""
    started = time.perf_counter()
    if split not in ("valid", "test"):
        raise InvalidRequest("split is valid or test", field="split")
    where = device.choose(device_name)
    loaded = artifacts.load_checkpoint(root, key, sha256, with_optimizer=False)
    if is_refit(loaded):
        raise InvalidRequest("a refit has learnt from what it would be measured on", field="checkpoint.key")
    model, data = open_checkpoint(root, loaded, where)
    rule: MaskRule = "train" if split == "valid" else protocol.mask_test
    results = evaluate(model, data, (split,), (rule,), protocol.cutoffs, device=where, on_progress=on_progress)
    users = int(np.count_nonzero(np.diff(getattr(data, split).indptr)))
    metrics = [Metric(split, name, value) for name, value in results[split, rule].items()]
    return Evaluated(metrics, users, time.perf_counter() - started)


def open_checkpoint(root: Path, loaded: Loaded, where: torch.device) -> tuple[Recommender, Dataset]:
    """The model of a loaded checkpoint in evaluation mode, and the dataset as it was trained on."""
    data = dataset.load(root, loaded.manifest["dataset_key"])
    if is_refit(loaded):
        data = data.whole()
    return model_of(loaded, data, where), data


def is_refit(loaded: Loaded) -> bool:
    return "refit" in loaded.manifest


def model_of(loaded: Loaded, data: Dataset, where: torch.device) -> Recommender:
    """Raises CheckpointCorrupt when weights and configuration do not fit together."""
    model_class = registry.get(loaded.manifest["model"])
    config = registry.resolve_config(model_class, loaded.manifest["config_json"])
    model = model_class(config, *data.train.shape).to(where)
    model.prepare(data.train, torch.Generator(where).manual_seed(_initial_seed(loaded.manifest["seed"])))
    _restore(model, loaded)
    return model.eval()


def parameters_sha256(model: Recommender) -> str:
    """sha256 over names and bytes of all parameters and buffers, in name order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _test_metrics(
    model: Recommender, data: Dataset, protocol: Protocol, where: torch.device, alive: Callable[[], None]
) -> list[Metric]:
    model.eval()
    results = evaluate(
        model,
        data,
        ("test",),
        (protocol.mask_test,),
        protocol.cutoffs,
        device=where,
        on_progress=lambda *_: alive(),
    )
    ranking = [Metric("test", name, value) for name, value in results["test", protocol.mask_test].items()]
    spread = uniformity.of_users(model, data, where, alive)
    return ranking if spread is None else [*ranking, Metric("test", "uniformity", spread)]


def _manifest(spec: RunSpec, data: Dataset, model: Recommender, steps: int | None) -> dict[str, Any]:
    refit = {} if spec.refit is None else {"refit": asdict(spec.refit) | {"steps": steps}}
    return {
        **refit,
        "model": spec.model,
        "config_json": model.config.model_dump_json(),
        "seed": spec.seed,
        "protocol": {"mask_test": spec.protocol.mask_test, "cutoffs": list(spec.protocol.cutoffs)},
        "dataset_key": data.key,
        "split_digest": data.split_digest,
        "code_version": __version__,
        "torch_version": torch.__version__,
        "shapes": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
    }


def _best_so_far(manifest: dict[str, Any], spec: RunSpec) -> Checkpoint | None:
    """The best checkpoint as the resumed one knows it: itself, or an earlier one whose proof it holds."""
    if manifest["loop"]["best_epoch"] == manifest["epoch"] and spec.resume_from is not None:
        key, sha256 = spec.resume_from
        return Checkpoint(key, sha256, 0, manifest["epoch"])
    return None if manifest["best"] is None else Checkpoint(**manifest["best"])


def _restore(model: Recommender, loaded: Loaded) -> None:
    try:
        model.load_state_dict(loaded.weights)
    except RuntimeError:
        raise CheckpointCorrupt("the weights of the checkpoint do not fit its configuration") from None


def _initial_seed(seed: int) -> int:
    return int(np.random.SeedSequence([seed, 0]).generate_state(1, np.uint64)[0] >> np.uint64(1))
