"""Seconds an epoch and an evaluation, and peak memory of every model, beside their floor and the usual dense code.

    npm run bench -- train [--datasets citeulike-a,gowalla] [--models valid,ease] [--data ../shared/data] [--dense]

Each measurement is a process of its own, so that one model's memory is not another's. Floor: the matrix products that
an epoch or an evaluation cannot do without, alone, of the same shapes, in the same process and in turns with it; ratios
are of medians. --dense adds plain dense PyTorch versions (bench/training/dense.py), two steps scaled to an epoch.
--pad-items N gives the catalogue N items and keeps 256 users, to show that memory does not follow it. Peak memory is of
training, without libraries and data.
Writes bench/results/train-DEVICE.json and .md; rows of other models and datasets that are there stay,
with their machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from training.measurement import measured, measured_densely

from trainer import device, registry
from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.data.importing import files_of_folder, import_dataset

RESULTS = Path(__file__).parent / "results"
FEW_USERS = 256
WITH_DENSE_VERSION = ("valid", "macridvae", "multvae", "recvae")


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
    where = device.choose(options.device)
    if options.one:
        root, model, name = options.one
        data = padded(dataset.load(Path(root), dataset.key_of(digest_of(name))), options.pad_items)
        print(json.dumps((measured_densely if options.dense_alone else measured)(data, model, where)))
        return
    models = [name for name in options.models.split(",") if name] or list(registry.catalogue())
    machine = machine_of(where)
    target = RESULTS / f"train-{where.type}{'-padded' if options.pad_items else ''}"
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as root:
        for row in rows_of(Path(root), models, options):
            print(line(row), flush=True)
            write(target, row | {"machine": machine})
    print(f"\n{target.with_suffix('.md').read_text()}\nwritten to {target}.json and .md")


def rows_of(root: Path, models: list[str], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name in options.datasets.split(","):
        files, rule = files_of_folder(options.data / name)
        list(import_dataset(files, rule, root, digest_of(name)))
        for model in models:
            row = in_a_process([str(root), model, name], options, [])
            if options.dense and "error" not in row and model in WITH_DENSE_VERSION:
                row |= in_a_process([str(root), model, name], options, ["--dense-alone"])
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


def machine_of(where: torch.device) -> str:
    instructions = f" with {torch.backends.cpu.get_cpu_capability()}" if where.type == "cpu" else ""
    threads = torch.get_num_threads()
    words = f"{threads} thread{'s' if threads > 1 else ''}"
    return f"{device.describe(where)}{instructions}, {words}, torch {torch.__version__}"


def write(target: Path, row: dict[str, Any]) -> None:
    """Puts the row in the place of the one of its model and dataset."""
    kept = json.loads(target.with_suffix(".json").read_text()) if target.with_suffix(".json").exists() else []
    rows = sorted([*(old for old in kept if place(old) != place(row)), row], key=place)
    target.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    machines = sorted({row["machine"] for row in rows})
    parts = [f"{machine}\n\n{table([row for row in rows if row['machine'] == machine])}\n" for machine in machines]
    target.with_suffix(".md").write_text("\n".join(parts))


def place(row: dict[str, Any]) -> tuple[str, int]:
    return row["dataset"], list(registry.catalogue()).index(row["model"])


def padded(data: Dataset, items: int) -> Dataset:
    """The first users of `data` in a catalogue of `items` columns, most of them empty."""
    if not items:
        return data
    few = {name: getattr(data, name)[:FEW_USERS].copy() for name in ("train", "valid", "test")}
    for part in few.values():
        part.resize(FEW_USERS, items)
    return replace(data, **few)


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


COLUMNS = (
    "dataset",
    "model",
    "epoch",
    "× floor",
    "× faster than dense",
    "evaluation",
    "× floor",
    "× faster than dense",
    "parameters MiB",
    "peak MiB",
    "of dense",
)


def line(row: dict[str, Any]) -> str:
    return "  ".join(f"{cell:>12}" for cell in cells(row))


def cells(row: dict[str, Any]) -> list[str]:
    if "error" in row:
        return [row["dataset"], row["model"], row["error"], *[""] * (len(COLUMNS) - 3)]
    epoch, ranking, peak = row["epoch_seconds"], row["evaluate_seconds"], row["peak_bytes"]
    dense_peak = row.get("dense_peak_bytes")
    return [
        row["dataset"],
        row["model"],
        f"{epoch:.2f} s",
        ratio(epoch, row["floor_seconds"]),
        ratio(row.get("dense_epoch_seconds"), epoch),
        f"{ranking:.2f} s",
        ratio(ranking, row["evaluate_floor_seconds"]),
        ratio(row.get("dense_evaluate_seconds"), ranking),
        f"{row['parameter_bytes'] / 2**20:.0f}",
        f"{peak / 2**20:.0f}",
        f"1/{dense_peak / peak:.1f}" if dense_peak else "",
    ]


def ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:.2f}" if one and other else ""


def table(rows: list[dict[str, Any]]) -> str:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
