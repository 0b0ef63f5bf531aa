"""Users a second of exports in each format, with reasons and without, beside our own full-ranking evaluation.

    npm run bench -- export [--dataset citeulike-a] [--model valid] [--set k=4 r=2] [--n 20] [--epochs 5] [--times 5]

Both begin with a checkpoint on the disk and nothing in memory: evaluating loads and proves it and ranks every user of
the test split once, exporting does the same and ends with a synced file. They take turns in this process; a ratio is of
medians, above 1 where the export is faster. CPU time is printed besides, for machines that others share.
Writes bench/results/export.md.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import torch
from lists import trained

from trainer import registry
from trainer.serving.exporting import ExportRequest, export
from trainer.serving.exporting.formats import FORMATS
from trainer.training import experiment
from trainer.training.protocol import Protocol

RESULTS = Path(__file__).parent / "results/export.md"
TARGET = 0.6

Way = tuple[str, bool]  # format, explained
Times = tuple[float, float]  # seconds a user: by the clock, of the processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--dataset", default="citeulike-a")
    parser.add_argument("--model", default="valid", choices=list(registry.catalogue()))
    parser.add_argument("--set", action="append", metavar="FIELD=VALUE", help="k=4 and r=2 unless told otherwise")
    parser.add_argument("--epochs", type=int, default=5, help="an untrained model is searched differently")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    options.set = options.set or ["k=4", "r=2"]
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as folder:
        text = described(options, *compared(Path(folder), options))
    RESULTS.write_text(text)
    print(text)


def compared(root: Path, options: argparse.Namespace) -> tuple[list[Times], dict[Way, list[Times]], dict[Way, int]]:
    """Times of evaluations and of each way to export, and the bytes of each file."""
    best = trained(root, options).best
    sizes: dict[Way, int] = {}

    def evaluate() -> int:
        protocol = Protocol(cutoffs=(options.n,))
        return experiment.evaluate_checkpoint(root, best.key, best.sha256, "test", protocol, "cpu").users

    def exporting(way: Way) -> Callable[[], int]:
        def once() -> int:
            asked = ExportRequest(str(uuid.uuid4()), best.key, best.sha256, options.n, *way, device="cpu")
            done = export(asked, root)
            sizes[way] = done.bytes
            shutil.rmtree(root / done.key)
            return done.users

        return once

    ways = {(name, explain): exporting((name, explain)) for name in FORMATS for explain in (False, True)}
    for once in (evaluate, ways["ndjson", True]):  # the first ones compile
        once()
    evaluations: list[Times] = []
    exports: dict[Way, list[Times]] = {way: [] for way in ways}
    for _ in range(options.times):
        for way, once in ways.items():
            evaluations.append(measured(evaluate))
            exports[way].append(measured(once))
    return evaluations, exports, sizes


def measured(once: Callable[[], int]) -> Times:
    started, worked = time.perf_counter(), time.process_time()
    users = once()
    return (time.perf_counter() - started) / users, (time.process_time() - worked) / users


def described(
    options: argparse.Namespace, evaluations: list[Times], exports: dict[Way, list[Times]], sizes: dict[Way, int]
) -> str:
    wall, cpu = medians(evaluations)
    lines = [
        "# Exports beside full-ranking evaluation",
        "",
        f"`npm run bench -- export`: {options.model} ({', '.join(options.set)}, {options.epochs} epochs) on "
        f"{options.dataset}, n {options.n}, medians of {options.times} in turns; torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}.",
        f"Target: {TARGET} of the evaluation's users a second.",
        "",
        "| | users a second | ratio | CPU ms a user | ratio | MB |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| evaluation | {1 / wall:,.0f} | 1 | {cpu * 1000:.3f} | 1 | |",
    ]
    for way, taken in exports.items():
        own_wall, own_cpu = medians(taken)
        title = f"{way[0]}{', explained' if way[1] else ''}"
        lines.append(
            f"| {title} | {1 / own_wall:,.0f} | {wall / own_wall:.2f} | {own_cpu * 1000:.3f} | {cpu / own_cpu:.2f} "
            f"| {sizes[way] / 1e6:.1f} |"
        )
    return "\n".join(lines) + "\n"


def medians(taken: list[Times]) -> Times:
    return statistics.median(wall for wall, _ in taken), statistics.median(cpu for _, cpu in taken)


if __name__ == "__main__":
    main()
