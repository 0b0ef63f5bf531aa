"""One run from data to test metrics, as a stream of events. Command line, training child and notebooks call this."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import __version__, device, registry
from ..contract.recommender import Recommender
from ..data import dataset
from ..data.dataset import Dataset
from ..errors import FoldInUnsupported, InvalidRequest
from ..evaluation import uniformity
from ..evaluation.elsewhere import learnt_from, questions_about, unknown_items
from ..evaluation.evaluate import Questions, Split
from ..evaluation.reference import Reference
from ..events import Checkpoint, Epoch, Evaluated, Event, Finished, Metric, Started
from ..process_group import ALONE, ProcessGroup
from ..storage import artifacts
from ..storage.artifacts import Loaded
from . import loop
from .checkpoint import initial_seed, is_refit, open_checkpoint, parameters_sha256, parts_of, restore
from .measurement import Measurement, masked, measure
from .optimizer import optimizer_of, optimizer_tensors, restore_optimizer
from .protocol import Protocol

Alive = Callable[[int, float], None]
"""Told the running epoch and the part of it that is done, whenever there is progress."""


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
    """config_json may leave fields out. resume_from: key and sha256 of the last committed checkpoint, of as many
    processes as there are now unless another number is allowed."""

    run_id: str
    model: str
    config_json: str
    dataset_key: str
    seed: int
    protocol: Protocol
    resume_from: tuple[str, str] | None = None
    device: str = "auto"
    refit: Refit | None = None
    allow_other_world_size: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise InvalidRequest("a seed is a whole number from 0 to 2^63 - 1", field="seed")


def run(
    spec: RunSpec, root: Path, alive: Alive = lambda epoch, fraction: None, group: ProcessGroup = ALONE
) -> Iterator[Event]:
    """Started, then an Epoch with its checkpoint for each epoch, then Finished with the best checkpoint's test
    metrics; a refit has none. Raises the errors of `errors.py`; what was yielded before is on disk and stays. Of a
    `group` of processes all do the same, and the first tells."""
    started = time.perf_counter()
    where = group.device(device.choose(spec.device, group.size))
    device.make_deterministic()
    model_class = registry.get(spec.model)
    config = registry.resolve_config(model_class, spec.config_json)
    _check_processes(model_class, group)
    split = dataset.load(root, spec.dataset_key)
    _check_split(model_class, split)
    data = split if spec.refit is None else split.whole()
    alive(0, 0.0)
    model = model_class(config, *data.train.shape).to(where)
    steps = None
    if spec.refit is not None:
        steps = spec.refit.steps or spec.refit.epoch * loop.steps_an_epoch(model, split.train)
    model.prepare(data.train, torch.Generator(where).manual_seed(initial_seed(spec.seed)))
    changing, unchanging = parts_of(model)
    size = sum(tensor.nbytes for tensor in changing.values())
    size += 2 * sum(parameter.nbytes for parameter in model.parameters())
    once = sum(tensor.nbytes for tensor in unchanging.values())
    artifacts.require_space(root, 3 * size + once)  # three checkpoints
    resumed = None if spec.resume_from is None else _resumed(spec.resume_from, root, spec, group)
    state = loop.LoopState() if resumed is None else loop.LoopState(**resumed.manifest["loop"])
    yield Started(
        device=device.describe(where),
        torch_version=torch.__version__,
        code_version=__version__,
        parameters=sum(tensor.numel() for tensor in model.state_dict().values()),
        max_epochs=loop.most_epochs(model, data.train, steps),
        resumed_epoch=state.epoch,
    )
    manifest = _manifest(spec, data, model, steps, group)
    optimizer = optimizer_of(model)
    best = constant = None
    if resumed is not None:
        if artifacts.run_of(resumed.checkpoint.key) == spec.run_id:
            constant = resumed.constant
        best = _best_so_far(resumed.manifest, spec)
        restore(model, resumed)
        if optimizer is not None:
            restore_optimizer(optimizer, {name: value.to(where) for name, value in resumed.optimizer.items()})
    reference = Reference(data)
    ends = loop.train(model, optimizer, reference, spec.seed, spec.protocol, where, state, alive, steps, group)
    for end in ends:
        if not group.is_first:
            continue
        moments = optimizer_tensors(optimizer)
        described = manifest | {"loop": asdict(end.state), "best": None if best is None else asdict(best)}
        changing, unchanging = parts_of(model)
        if unchanging and constant is None:
            constant = artifacts.save_constant(root, spec.run_id, unchanging)
        saved = artifacts.save_checkpoint(root, spec.run_id, end.state.epoch, changing, moments, described, constant)
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
    best = group.told(best)
    assert best is not None  # noqa: S101 - the first epoch is always the best so far
    restore(model, artifacts.load_checkpoint(root, best.key, best.sha256, with_optimizer=False))
    tested = None
    if spec.refit is None:
        tested = _tested(model, reference, spec, root, where, lambda: alive(state.epoch, 1.0), group)
    if not group.is_first:
        return
    yield Finished(
        best=best,
        metrics=[] if tested is None else tested.metrics,
        reason=loop.stop_reason(state, config, steps) or "max_epochs",
        epochs=state.epoch,
        seconds=time.perf_counter() - started,
        peak_memory_bytes=device.peak_memory_bytes(),
        parameters_sha256=parameters_sha256(model),
        user_values=None if tested is None else tested.user_values,
        groups=[] if tested is None else tested.groups,
    )


def evaluate_checkpoint(
    root: Path,
    key: str,
    sha256: str,
    split: Split,
    protocol: Protocol,
    device_name: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
    dataset_key: str = "",
    evaluation_id: str = "",
) -> Evaluated:
    """Measures a committed checkpoint on a dataset, matched by ids and with everybody folded in; "": on its own, as
    its run was. The values of users are kept under the id of the evaluation; "": they are not. Raises InvalidRequest
    for a refit on its own dataset, which has seen it, and FoldInUnsupported for a model that cannot answer for people
    it was not trained on."""
    started = time.perf_counter()
    if split not in ("valid", "test"):
        raise InvalidRequest("split is valid or test", field="split")
    where = device.choose(device_name)
    loaded = artifacts.load_checkpoint(root, key, sha256, with_optimizer=False)
    if is_refit(loaded) and dataset_key in ("", loaded.manifest["dataset_key"]):
        raise InvalidRequest("a refit has learnt from what it would be measured on", field="checkpoint.key")
    name = loaded.manifest["model"]
    if dataset_key and "fold_in" not in registry.get(name).capabilities:
        why = f"{name} cannot be measured on a dataset that it was not trained on"
        raise FoldInUnsupported(f"{why}; {registry.able('fold_in')}", field="checkpoint.key")
    there = dataset.load(root, dataset_key) if dataset_key else None
    model, own = open_checkpoint(root, loaded, where)
    rule = masked(split, protocol)
    asked = (
        Questions.of(Reference(own), (split,), (rule,)) if there is None else questions_about(there, own, split, rule)
    )
    kept = (root, evaluation_id) if evaluation_id else None
    found = measure(model, asked, split, protocol, where, on_progress, kept)
    part = asked.part(split)
    return Evaluated(
        metrics=found.metrics,
        users=found.users,
        seconds=time.perf_counter() - started,
        learnt_from=0 if there is None else learnt_from(part, there, own),
        unknown_items=0 if there is None else unknown_items(part, there, own),
        user_values=found.user_values,
        groups=found.groups,
    )


def _tested(
    model: Recommender,
    reference: Reference,
    spec: RunSpec,
    root: Path,
    where: torch.device,
    alive: Callable[[], None],
    group: ProcessGroup,
) -> Measurement:
    """With the uniformity of the model's users, where it has vectors of them."""
    model.eval()
    questions = Questions.of(reference, ("test",), (spec.protocol.mask_test,))
    kept = (root, spec.run_id) if group.is_first else None
    found = measure(model, questions, "test", spec.protocol, where, lambda *_: alive(), kept, group)
    spread = None if kept is None else uniformity.of_users(model, reference.dataset, where, alive)
    return found if spread is None else replace(found, metrics=[*found.metrics, Metric("test", "uniformity", spread)])


def _manifest(
    spec: RunSpec, data: Dataset, model: Recommender, steps: int | None, group: ProcessGroup
) -> dict[str, Any]:
    refit = {} if spec.refit is None else {"refit": asdict(spec.refit) | {"steps": steps}}
    return {
        **refit,
        "model": spec.model,
        "config_json": model.config.model_dump_json(),
        "seed": spec.seed,
        "processes": group.size,
        "protocol": asdict(spec.protocol),
        "dataset_key": data.key,
        "split_digest": data.split_digest,
        "code_version": __version__,
        "torch_version": torch.__version__,
        "shapes": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
    }


def _check_processes(model: type[Recommender], group: ProcessGroup) -> None:
    if group.size > 1 and "data_parallel" not in model.capabilities:
        why = f"{model.name} cannot be trained in {group.size} processes"
        raise InvalidRequest(f"{why}; {registry.able('data_parallel')}", field="processes")


def _check_split(model: type[Recommender], split: Dataset) -> None:
    if split.held_out is not None and "fold_in" not in model.capabilities:
        why = f"{model.name} cannot be measured on users it was not trained on, which a strong split holds out"
        raise FoldInUnsupported(f"{why}; {registry.able('fold_in')}", field="model")


def _resumed(resume_from: tuple[str, str], root: Path, spec: RunSpec, group: ProcessGroup) -> Loaded:
    """Raises InvalidRequest for a checkpoint of another number of processes, unless that is allowed."""
    loaded = artifacts.load_checkpoint(root, *resume_from)
    before = loaded.manifest.get("processes", 1)  # earlier versions had one
    if before != group.size and not spec.allow_other_world_size:
        raise InvalidRequest(
            f"the checkpoint is of {before} processes, and this training has {group.size}: it would "
            "end with other numbers; allow_other_world_size accepts that",
            field="resume_from",
        )
    return loaded


def _best_so_far(manifest: dict[str, Any], spec: RunSpec) -> Checkpoint | None:
    """The best checkpoint as the resumed one knows it: itself, or an earlier one whose proof it holds."""
    if manifest["loop"]["best_epoch"] == manifest["epoch"] and spec.resume_from is not None:
        key, sha256 = spec.resume_from
        return Checkpoint(key, sha256, 0, manifest["epoch"])
    return None if manifest["best"] is None else Checkpoint(**manifest["best"])
