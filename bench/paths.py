"""What a linear path costs: VALIANT with each of them beside VALID and EASE alone, on one core, in turns.

    npm run bench -- paths [--data ../shared/data] [--dataset citeulike-a]

Seconds to solve the path and bytes of its state; processor seconds for the best 50 of 2,048 users, and milliseconds for
the best 20 of one stranger with their shares; medians of three. The interests are as they are drawn, so that searches
look at more items than after training.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from scipy.sparse import csr_matrix

from trainer import registry
from trainer.contract.recommender import Histories, Recommender, StepContext
from trainer.data import dataset
from trainer.data.importing import files_of_folder, import_dataset

USERS, STRANGERS, TIMES = 2048, 20, 3
PATHS = ("ease", "slim", "rp3beta")


def made(name: str, config: dict[str, object], train: csr_matrix) -> tuple[Recommender, float]:
    """A model that can answer, and the seconds that its closed form took."""
    model_class = registry.get(name)
    model = model_class(registry.resolve_config(model_class, json.dumps(config)), *train.shape)
    model.prepare(train, torch.Generator().manual_seed(1))
    started = time.perf_counter()
    if "closed_form" in model.capabilities:
        model.fit(train)
    else:
        model.start_pass(StepContext(1, 1, 1, 1, torch.Generator().manual_seed(1)))
    return model.eval(), time.perf_counter() - started


def processor_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--dataset", default="citeulike-a")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        files, rule = files_of_folder(options.data / options.dataset)
        list(import_dataset(files, rule, Path(folder), "1" * 64))
        train = dataset.load(Path(folder), dataset.key_of("1" * 64)).train
    asked: dict[str, tuple[str, dict[str, object]]] = {"VALID": ("valid", {}), "EASE": ("ease", {})}
    asked |= {f"VALIANT with {path}": ("valiant", {"linear": path}) for path in PATHS}
    subjects = {label: made(name, config, train) for label, (name, config) in asked.items()}
    many = [Histories.of(train, np.arange(first, first + 512)) for first in range(0, min(USERS, train.shape[0]), 512)]
    strangers = [Histories.of(train, np.array([row])) for row in range(STRANGERS)]
    strangers = [replace(one, users=torch.full_like(one.users, -1)) for one in strangers]
    lists: dict[str, list[float]] = {label: [] for label in subjects}
    alone: dict[str, list[float]] = {label: [] for label in subjects}
    for _ in range(TIMES):
        for label, (model, _) in subjects.items():
            lists[label].append(processor_seconds(lambda: [model.best(batch, 50, batch) for batch in many]))  # noqa: B023
            taken = processor_seconds(lambda: [model.explained(one, 20, one) for one in strangers])  # noqa: B023
            alone[label].append(taken / STRANGERS * 1000)
    print(f"{options.dataset}, {train.shape[0]:,} users, {train.shape[1]:,} items, one thread\n")
    print("| | solve | state | best 50 of 2,048 users | against VALID | 20 of a stranger |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for label, (model, seconds) in subjects.items():
        state = sum(tensor.nbytes for tensor in model.state_dict().values()) / 1e6
        ours, one = median(lists[label]), median(alone[label])
        ratio = ours / median(lists["VALID"])
        print(f"| {label} | {seconds:.1f} s | {state:.0f} MB | {ours:.2f} s | {ratio:.1f} × | {one:.1f} ms |")


if __name__ == "__main__":
    main()
