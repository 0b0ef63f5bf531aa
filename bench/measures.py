"""What each metric costs: the evaluation of a model with it beside the one with recall and NDCG alone.

    npm run bench -- measures [--dataset citeulike-a] [--model itemknn]

The test split at the cut-offs 20 and 50, every user ranked once; seconds of the processor, medians of three in turns.
"first" also makes what lists are held against, as a run does once. The last row is the test of a run with recall and
NDCG: by group, too, and with the values of users on disk.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from trainer import device, registry
from trainer.data.dataset import Dataset
from trainer.data.importing import Finished, files_of_folder, import_dataset
from trainer.evaluation.evaluate import Questions, evaluate
from trainer.evaluation.metrics import DEFAULT, METRICS, in_order
from trainer.evaluation.reference import Reference
from trainer.training.measurement import measure
from trainer.training.protocol import Protocol

TIMES = 3


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, on all threads: what else the machine does is left out."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--dataset", default="citeulike-a")
    parser.add_argument("--model", default="itemknn", help="one that is trained in closed form")
    options = parser.parse_args()
    device.make_deterministic()
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as folder:
        root = Path(folder)
        files, rule = files_of_folder(options.data / options.dataset)
        (data,) = [one.dataset for one in import_dataset(files, rule, root, "1" * 64) if isinstance(one, Finished)]
        report(root, data, options.model)


def report(root: Path, data: Dataset, name: str) -> None:
    model_class = registry.get(name)
    model = model_class(registry.resolve_config(model_class, "{}"), *data.train.shape)
    model.prepare(data.train, torch.Generator().manual_seed(0))
    model.fit(data.train)
    model.eval()
    shared = Reference(data)
    sets = {"recall, ndcg": DEFAULT} | {f"+ {one}": in_order([*DEFAULT, one]) for one in METRICS if one not in DEFAULT}
    sets["all"] = tuple(METRICS)

    def evaluated(metrics: tuple[str, ...], reference: Reference) -> Callable[[], object]:
        return lambda: evaluate(model, data, ("test",), ("train",), metrics=metrics, reference=reference)

    def tested() -> object:
        questions = Questions.of(shared, ("test",), ("train",))
        return measure(model, questions, "test", Protocol(), torch.device("cpu"), None, (root, str(uuid.uuid4())))

    evaluated(tuple(METRICS), shared)()
    firsts = {label: seconds(evaluated(metrics, Reference(data))) for label, metrics in sets.items()}
    works = {label: evaluated(metrics, shared) for label, metrics in sets.items()} | {"as a test": tested}
    rounds = [{label: seconds(work) for label, work in works.items()} for _ in range(TIMES)]
    users = np.count_nonzero(np.diff(data.test.indptr))
    print(f"{name}, {users:,} users, {len(data.items):,} items, {torch.get_num_threads()} threads")
    print(f"{'':16}{'seconds':>9}{'ratio':>8}{'first':>9}")
    usual = statistics.median(one["recall, ndcg"] for one in rounds)
    for label in works:
        taken = statistics.median(one[label] for one in rounds)
        first = f"{firsts[label]:9.2f}" if label in firsts else ""
        print(f"{label:16}{taken:9.2f}{taken / usual:8.2f}{first}")


if __name__ == "__main__":
    main()
