"""What several processes gain: seconds an epoch and an evaluation, and what they tell each other a step.

    npm run bench -- processes [--models valid,macridvae,multvae,lightgcn,bpr] [--processes 1,2] [--dataset gowalla]
                               [--epochs 3] [--data ../shared/data]

Every process has one thread, so that two have two cores where one has one; ratios are to one process of the same run.
"computing" is the processor time of the first process for the epoch, which other work on the machine does not change:
what an epoch would take if nobody waited for anybody. "a step" is what each process gives to the reduce of a step: the
gradients of all that is trained; around a ring it sends and receives up to twice that.
Writes bench/results/processes.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from training.measurement import epochs_of, prepared

from trainer import registry
from trainer.contract.recommender import StepConfig
from trainer.data import dataset
from trainer.data.importing import files_of_folder, import_dataset
from trainer.evaluation.evaluate import evaluate
from trainer.process_group import ALONE, ProcessGroup
from trainer.torchrun import in_processes
from trainer.training.loop import steps_an_epoch

RESULT = Path(__file__).parent / "results/processes.md"
DIGEST = "b" * 64
CPU = torch.device("cpu")
COLUMNS = (
    "model",
    "processes",
    "epoch",
    "times as fast",
    "computing",
    "evaluation",
    "times as fast",
    "steps",
    "a step",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="valid,macridvae,multvae,lightgcn,bpr")
    parser.add_argument("--processes", default="1,2", help="the first is what the others are compared with")
    parser.add_argument("--dataset", default="gowalla")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--epochs", type=int, default=3, help="measured, after one that compiles")
    parser.add_argument("--one", nargs=3, metavar=("ROOT", "MODEL", "PROCESSES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        root, model, processes = options.one
        measure_in(Path(root), model, int(processes), options.epochs)
        return
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as root:
        files, rule = files_of_folder(options.data / options.dataset)
        list(import_dataset(files, rule, Path(root), DIGEST))
        for model in options.models.split(","):
            of_one: dict[str, Any] | None = None
            for processes in options.processes.split(","):
                command = [sys.executable, __file__, "--one", root, model, processes, "--epochs", str(options.epochs)]
                subprocess.run(command, check=True)
                found = json.loads((Path(root) / "found.json").read_text())
                of_one = of_one or found
                lines.append(cells(model, processes, found, of_one))
                print("  ".join(f"{cell:>13}" for cell in lines[-1]), flush=True)
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    instructions = torch.backends.cpu.get_cpu_capability()
    RESULT.write_text(
        f"{options.dataset}, one thread a process, {instructions}, torch {torch.__version__}\n\n{table}\n"
    )


def measure_in(root: Path, model: str, processes: int, epochs: int) -> None:
    torch.set_num_threads(1)
    work = partial(measured, root, model, epochs)
    work(ALONE) if processes == 1 else in_processes(processes, "bench", work)


def measured(root: Path, name: str, epochs: int, group: ProcessGroup) -> None:
    """In each process; the first one writes what it found."""
    data = dataset.load(root, dataset.key_of(DIGEST))
    model = prepared(name, data, CPU)
    assert isinstance(model.config, StepConfig)
    seconds, computed, before = [], [], time.process_time()
    for end in islice(epochs_of(model, data, CPU, group), epochs + 1):
        seconds.append(end.seconds)
        computed.append(time.process_time() - before)
        before = time.process_time()
    model.eval()
    started = time.perf_counter()
    evaluate(model, data, ("test",), ("train",), group=group)
    found = {
        "epoch": statistics.median(seconds[1:]),  # the first one compiles
        "computed": statistics.median(computed[1:]),
        "evaluation": time.perf_counter() - started,
        "steps": steps_an_epoch(model, data.train),
        "bytes": sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad),
    }
    if group.is_first:
        (root / "found.json").write_text(json.dumps(found))


def cells(model: str, processes: str, found: dict[str, Any], one: dict[str, Any]) -> tuple[str, ...]:
    return (
        registry.get(model).title,
        processes,
        f"{found['epoch']:.1f} s",
        f"{one['epoch'] / found['epoch']:.2f}",
        f"{found['computed']:.1f} s",
        f"{found['evaluation']:.1f} s",
        f"{one['evaluation'] / found['evaluation']:.2f}",
        str(found["steps"]),
        f"{found['bytes'] / 2**20:.1f} MiB" if processes != "1" else "–",
    )


if __name__ == "__main__":
    main()
