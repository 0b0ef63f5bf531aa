"""Seconds an epoch, evaluation and peak memory of every model, beside their floor and the usual dense implementation.

    npm run bench -- train [--datasets citeulike-a,gowalla] [--models valid,ease] [--data ../shared/data] [--dense]

Each measurement is a process of its own, so that one model's memory is not another's. Floor: the matrix products that
an epoch cannot do without, alone, of the same shapes, in the same process and in turns with the epochs; ratios are of
medians. --dense adds plain dense PyTorch versions (bench/dense.py), two steps scaled to an epoch. --pad-items N gives
the catalogue N items and keeps 256 users, to show that memory does not follow it.
Writes bench/results/train-DEVICE.json and .md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from dense import dense_version, evaluate_in_python, valid_scores
from scipy.sparse import csr_matrix

from trainer import dataset, device, loop, registry
from trainer.dataset import Dataset
from trainer.evaluate import evaluate
from trainer.importing import files_of_folder, import_dataset
from trainer.models.valid import Valid
from trainer.recommender import EpochConfig, Recommender, StepConfig

RESULTS = Path(__file__).parent / "results"
EPOCHS = 3
MEASURED_IN_PYTHON = 500  # users, scaled to all
FEW_USERS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default="citeulike-a,gowalla")
    parser.add_argument("--models", default="", help="comma-separated; all of them")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--pad-items", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds for one model on one dataset")
    parser.add_argument("--one", nargs=3, metavar=("ROOT", "MODEL", "DATASET"), help=argparse.SUPPRESS)
    parser.add_argument("--dense-alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        root, model, name = options.one
        print(json.dumps(measured(Path(root), model, name, options)))
        return
    models = [name for name in options.models.split(",") if name] or list(registry.catalogue())
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as root:
        rows = list(rows_of(Path(root), models, options))
    where = device.choose(options.device)
    machine = f"{device.describe(where)}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    suffix = "-padded" if options.pad_items else ""
    target = RESULTS / f"train-{where.type}{suffix}"
    target.with_suffix(".json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    target.with_suffix(".md").write_text(f"{machine}\n\n{table(rows)}\n")
    print(f"\n{machine}\n\n{table(rows)}\n\nwritten to {target}.json and .md")


def rows_of(root: Path, models: list[str], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name in options.datasets.split(","):
        files, rule = files_of_folder(options.data / name)
        list(import_dataset(files, rule, root, digest_of(name)))
        for model in models:
            row = in_a_process([str(root), model, name], options, [])
            if options.dense and "error" not in row and has_dense_version(model):
                row |= in_a_process([str(root), model, name], options, ["--dense-alone"])
            print(line(row), flush=True)
            yield row


def in_a_process(one: list[str], options: argparse.Namespace, extra: list[str]) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", *one, "--device", options.device, *extra]
    command += ["--pad-items", str(options.pad_items)]
    named = {"model": one[1], "dataset": one[2]}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout, check=False)
    except subprocess.TimeoutExpired:
        return {**named, "error": f"not done after {options.timeout:.0f} s"}
    if done.returncode != 0:
        return {**named, "error": (done.stderr.strip().splitlines() or ["ended without a word"])[-1]}
    return {**named, **json.loads(done.stdout.splitlines()[-1])}


def measured(root: Path, name: str, dataset_name: str, options: argparse.Namespace) -> dict[str, Any]:
    """What one process finds out."""
    data = padded(dataset.load(root, dataset.key_of(digest_of(dataset_name))), options.pad_items)
    where = device.choose(options.device)
    model_class = registry.get(name)
    config = registry.resolve_config(model_class, "{}")
    if isinstance(config, EpochConfig):
        config = config.model_copy(update={"epochs": EPOCHS + 1, "patience": EPOCHS + 1})

    def prepared(of: Dataset) -> Recommender:
        model = model_class(config, *of.train.shape).to(where)
        model.prepare(of.train, torch.Generator(where).manual_seed(0))
        return model

    toy = cut(data)
    if options.dense_alone:
        dense_step(prepared(toy), toy)()
        before = resident_bytes()
        return dense_figures(prepared(data), data, before)
    for _ in epochs_of(prepared(toy), toy, where):
        pass
    before = resident_bytes()
    model = prepared(data)
    floor = floor_of(model, data, where)
    epochs, floors = [], []
    for end in epochs_of(model, data, where):
        epochs.append(end.seconds)
        floors.append(seconds(floor))
    steady = epochs[1:] or epochs  # the first one compiles
    figures = {
        "epoch_seconds": statistics.median(steady),
        "floor_seconds": statistics.median(floors) if products(model, data) else None,
        "peak_bytes": device.peak_memory_bytes() - before,
        "parameter_bytes": sum(tensor.nbytes for tensor in model.state_dict().values()),
    }
    model.eval()
    whole = seconds(lambda: evaluate(model.scores, data, ("test",), ("train",), (20, 50), device=where))
    return {**figures, "evaluate_seconds": whole}


def epochs_of(model: Recommender, data: Dataset, where: torch.device) -> Iterator[loop.EpochEnd]:
    """Epochs without their validation."""
    silent = replace(data, valid=csr_matrix(data.train.shape, dtype=np.float32))
    optimizer = loop.optimizer_of(model)
    return loop.train(model, optimizer, silent, 1, [20, 50], where, loop.LoopState(), lambda *_: None)


def resident_bytes() -> int:
    """What libraries, compiled kernels and the data take by now: no model's doing."""
    return 0 if torch.cuda.is_available() else psutil.Process().memory_info().rss


def products(model: Recommender, data: Dataset) -> list[tuple[int, int, int, int]]:
    """(times, m, k, n): the dense products of an epoch over all users, as docs/benchmark.md counts them."""
    users, items = data.train.shape
    if isinstance(model, Valid):
        c = model.config
        # Scores of items by interest and their two gradients; R > 1 adds the assignment's logits and their gradient.
        return [(5 if model.blocks.r > 1 else 3, users * c.k, c.embedding_size, items)]
    sizes = model.config.model_dump()
    if model.name in ("multvae", "multdae"):
        return [(3, users, sizes["hidden_size"], items)]
    if model.name == "recvae":
        return [(8, users, sizes["latent_dimension"], items)]
    return []


def floor_of(model: Recommender, data: Dataset, where: torch.device) -> Callable[[], None]:
    batch = model.config.train_batch_size if isinstance(model.config, StepConfig) else 512
    works = []
    for times, m, k, n in products(model, data):
        rows = min(m, batch * (model.config.model_dump().get("k") or 1))
        left, right = torch.randn(rows, k, device=where), torch.randn(k, n, device=where)
        works.append((times, math.ceil(m / rows), left, right))

    def run() -> None:
        for times, steps, left, right in works:
            for _ in range(times * steps):
                for start in range(0, right.shape[1], 20_000):
                    left @ right[:, start : start + 20_000]
        if where.type == "cuda":
            torch.cuda.synchronize()

    return run


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


def dense_figures(model: Recommender, data: Dataset, before: int) -> dict[str, Any]:
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


def padded(data: Dataset, items: int) -> Dataset:
    """The first users of `data` in a catalogue of `items` columns, most of them empty."""
    if not items:
        return data
    few = {name: getattr(data, name)[:FEW_USERS].copy() for name in ("train", "valid", "test")}
    for part in few.values():
        part.resize(FEW_USERS, items)
    return replace(data, **few)


def cut(data: Dataset) -> Dataset:
    """A toy of the same kind: everything is compiled and loaded once it has been trained on."""
    few = {name: getattr(data, name)[:64, :512].copy() for name in ("train", "valid", "test")}
    few["train"][:, 0] = 1  # nobody without a history
    return replace(data, **few)


def has_dense_version(model: str) -> bool:
    return model in ("valid", "macridvae", "multvae", "recvae")


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


COLUMNS = (
    "dataset",
    "model",
    "epoch",
    "floor",
    "× floor",
    "evaluation",
    "peak MiB",
    "dense epoch",
    "× faster",
    "memory",
)


def line(row: dict[str, Any]) -> str:
    return "  ".join(f"{cell:>12}" for cell in cells(row))


def cells(row: dict[str, Any]) -> list[str]:
    if "error" in row:
        return [row["dataset"], row["model"], row["error"], *[""] * (len(COLUMNS) - 3)]
    epoch, floor, dense = row["epoch_seconds"], row["floor_seconds"], row.get("dense_epoch_seconds")
    return [
        row["dataset"],
        row["model"],
        f"{epoch:.2f} s",
        f"{floor:.2f} s" if floor else "",
        f"{epoch / floor:.2f}" if floor else "",
        f"{row['evaluate_seconds']:.2f} s",
        f"{row['peak_bytes'] / 2**20:.0f}",
        f"{dense:.1f} s" if dense else "",
        f"{dense / epoch:.1f}" if dense else "",
        f"1/{row['dense_peak_bytes'] / row['peak_bytes']:.1f}" if dense else "",
    ]


def table(rows: list[dict[str, Any]]) -> str:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
