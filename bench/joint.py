"""Whether VALIANT's interests should learn with its linear path: trained apart from it, as VALIANT does, and with the
path's score w lin / s inside the training softmax, so that they learn what it leaves.

    npm run bench -- joint [--data ../shared/data --dataset citeulike-a] [--epochs 60] [--seed 1]

Inside, w is fixed or learnt with the interests (softplus of a parameter with a step size of its own), and lin of a
training user is as the path gives it (seen) or as a path gives it that was solved without them (unseen). The latter is
exact, not an estimate from folds of users: EASE has a closed form of leaving a user out (training/beside.py), and its
zero diagonal leaves out the item. All ways train an epoch in turn, so that they have had the same whenever the time is
up, and are measured on validation each few epochs, their lists made with the path as VALIANT serves it and each of some
weights; the best epoch and weight are taken, and the best way of all is tested.
Without --data on the built-in sample. Writes bench/results/joint-DATASET.md and .json.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from training.beside import Beside, Way

from trainer import device
from trainer.contract.ranking import top_n
from trainer.contract.recommender import Histories, StepContext
from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.data.importing import files_of_folder, import_dataset
from trainer.data.sample import write_sample
from trainer.evaluation.evaluate import evaluate
from trainer.models.valiant import Valiant, ValiantConfig

RESULTS = Path(__file__).parent / "results"
WAYS = (Way(), *(Way(True, learnt, unseen) for unseen in (True, False) for learnt in (True, False)))
WEIGHTS = (5.0, 8.0, 12.0, 20.0, 30.0, 50.0)  # tried when lists are made
STEP_OF_WEIGHT = 0.05
USERS_AT_ONCE = 512


@dataclass
class Trained:
    """Recall@20 on validation by the weight in the lists at the best epoch; `strangers`: with lin of nobody the path
    has seen. weight: that of training; tested: only of the best way."""

    way: Way
    weight: float
    epoch: int
    recalls: dict[float, float]
    epochs: int = 0
    seconds: float = 0.0
    strangers: dict[float, float] = field(default_factory=dict)
    tested: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> tuple[float, float]:
        """Recall and the weight that gives it."""
        return max((recall, weight) for weight, recall in self.recalls.items())


def recalls(model: Beside, data: Dataset, weights: Sequence[float], unseen: bool = False) -> dict[float, float]:
    """Validation Recall@20 with each weight of the path, train items hidden."""
    users = np.flatnonzero(np.diff(data.valid.indptr))
    found = dict.fromkeys(weights, 0.0)
    for start in range(0, len(users), USERS_AT_ONCE):
        rows = users[start : start + USERS_AT_ONCE]
        batch = Histories.of(data.train, rows)
        truth = torch.from_numpy(data.valid[rows].toarray()) > 0
        interests, linear = model.interests_alone(batch), model.linear(batch, unseen)
        hidden = torch.from_numpy(data.train[rows].toarray()) > 0
        for weight in found:
            scores = (interests + weight * linear).masked_fill_(hidden, -torch.inf)
            hits = truth.gather(1, top_n(scores, 20)[0]).sum(1)
            found[weight] += float((hits / truth.sum(1)).sum()) / len(users)
    return found


class Training:
    """One way, an epoch at a time; `best` holds of the epochs that were measured the best, `kept` its parameters."""

    def __init__(self, data: Dataset, way: Way, config: ValiantConfig, seed: int, path: Valiant) -> None:
        self.data, self.config, self.seed = data, config, seed
        users, items = data.train.shape
        self.model = Beside(config, users, items, way)
        self.model.prepare(data.train, torch.Generator().manual_seed(seed))
        self.model.path, self.model.scale = path.path, path.scale  # the same for all
        parameters = dict(self.model.named_parameters())
        weight = parameters.pop("raw_weight")
        groups: list[dict[str, Any]] = [
            {"params": list(parameters.values())},
            {"params": [weight], "lr": STEP_OF_WEIGHT},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=config.learning_rate)
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch, self.seconds = 0, 0.0
        self.best: Trained | None = None
        self.kept: dict[str, Tensor] = {}

    def train(self) -> None:
        """One epoch."""
        started, self.epoch = time.process_time(), self.epoch + 1
        users = self.data.train.shape[0]
        steps = math.ceil(users / self.config.train_batch_size)
        order = torch.randperm(users, generator=self.generator).numpy()
        self.model.train()
        for step, rows in enumerate(np.array_split(order, steps), (self.epoch - 1) * steps + 1):
            self.optimizer.zero_grad()
            context = StepContext(step, self.epoch, steps, self.seed, self.generator)
            self.model.loss(Histories.of(self.data.train, rows), context).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        self.seconds += time.process_time() - started

    def measure(self) -> None:
        self.model.eval()
        weight = float(self.model.weight.detach())
        found = Trained(self.model.way, weight, self.epoch, recalls(self.model, self.data, (weight, *WEIGHTS)))
        print(f"{self.model.way.label} {self.epoch}: {told(found.recalls)}, {self.seconds:.0f} s", flush=True)
        if self.best is None or found.best[0] > self.best.best[0]:
            self.best = found
            self.kept = {name: value.detach().clone() for name, value in self.model.named_parameters()}

    def end(self) -> tuple[Trained, Beside]:
        """With the parameters of the best epoch."""
        assert self.best is not None
        self.model.load_state_dict(self.kept, strict=False)
        self.model.eval()
        self.best.epochs, self.best.seconds = self.epoch, self.seconds
        self.best.strangers = recalls(self.model, self.data, (self.best.weight, *WEIGHTS), unseen=True)
        return self.best, self.model


def solved(data: Dataset, config: ValiantConfig) -> Valiant:
    """With the path and its scale."""
    model = Valiant(config, *data.train.shape)
    model.prepare(data.train, torch.Generator().manual_seed(0))
    model.start_pass(StepContext(1, 1, 1, 0, torch.Generator()))
    return model


def told(found: dict[float, float]) -> str:
    return " ".join(f"{weight:.2f}:{recall:.4f}" for weight, recall in found.items())


def tested(model: Beside, data: Dataset, weight: float) -> dict[str, float]:
    with torch.no_grad():
        model.raw_weight.fill_(math.log(math.expm1(weight)))
    return evaluate(model, data, ("test",), ("train",))["test", "train"]


def report(name: str, data: Dataset, results: list[Trained], config: ValiantConfig, seed: int) -> None:
    best = max(results, key=lambda one: one.best[0])
    columns = [f"w {weight:g}" for weight in WEIGHTS]
    lines = [
        f"# Interests that learn with the linear path: {name}",
        "",
        f"`npm run bench -- joint`: {data.train.shape[0]:,} users, {data.train.shape[1]:,} items, VALIANT with EASE, "
        f"seed {seed}, {results[0].epochs} epochs in batches of {config.train_batch_size} with a step size of "
        f"{config.learning_rate:g}, one thread, "
        f"torch {torch.__version__}. Validation Recall@20 at the best epoch, by the weight of the path in the lists.",
        "",
        "| trained | w of training | best epoch | its own w | " + " | ".join(columns) + " | best, strangers |",
        "| --- | ---: | ---: | ---: |" + " ---: |" * (len(columns) + 1),
    ]
    for one in results:
        cells = [f"{one.recalls[weight]:.4f}" for weight in (one.weight, *WEIGHTS)]
        if one.best[1] != one.weight or one.weight in WEIGHTS:
            place = 1 + WEIGHTS.index(one.best[1])
            cells[place] = f"**{cells[place]}**"
        else:
            cells[0] = f"**{cells[0]}**"
        weight = f"{one.weight:.1f}" if one.way.inside else ""
        if not one.way.inside:
            cells[0] = ""
        epoch = f"{one.epoch} of {one.epochs}"
        cells = [one.way.label, weight, epoch, *cells, f"{max(one.strangers.values()):.4f}" if one.strangers else ""]
        lines.append("| " + " | ".join(cells) + " |")
    metrics = ", ".join(f"{metric} {value:.4f}" for metric, value in best.tested.items()) or "not made"
    lines += ["", f"Best on validation: {best.way.label} with w {best.best[1]:.3g}. Its test: {metrics}.", ""]
    (RESULTS / f"joint-{name}.md").write_text("\n".join(lines))
    rows = [
        asdict(one)
        | {
            "label": one.way.label,
            "recalls": {f"{weight:g}": value for weight, value in one.recalls.items()},
            "strangers": {f"{weight:g}": value for weight, value in one.strangers.items()},
        }
        for one in results
    ]
    described = {"dataset": name, "seed": seed, "config": config.model_dump(), "torch": torch.__version__, "ways": rows}
    (RESULTS / f"joint-{name}.json").write_text(json.dumps(described, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder of data sets; none: the built-in sample")
    parser.add_argument("--dataset", default="citeulike-a", help="one of them")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=600, help="after so many no epoch begins")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=512, help="users in a step")
    parser.add_argument("--every", type=int, default=3, help="epochs from one validation to the next")
    parser.add_argument("--weight", type=float, default=8.0, help="w inside: fixed, or where learning it starts")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    device.make_deterministic()
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as folder:
        root = Path(folder)
        source, name = root / "sample", "sample"
        if options.data is None:
            source.mkdir()
            write_sample(source)
        else:
            source, name = options.data / options.dataset, options.dataset
        files, rule = files_of_folder(source)
        list(import_dataset(files, rule, root, "1" * 64))
        data = dataset.load(root, dataset.key_of("1" * 64))
    config = ValiantConfig(
        linear="ease",
        linear_weight=options.weight,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        train_batch_size=options.batch,
    )
    path = solved(data, config)
    trainings = [Training(data, way, config, options.seed, path) for way in WAYS]
    until = time.monotonic() + 60 * options.minutes
    for epoch in range(1, config.epochs + 1):
        for one in trainings:
            one.train()
        last = epoch == config.epochs or time.monotonic() > until
        if epoch % options.every == 0 or last:
            for one in trainings:
                one.measure()
        if last:
            break
    ends = [one.end() for one in trainings]
    best, model = max(ends, key=lambda end: end[0].best[0])
    best.tested = tested(model, data, best.best[1])
    report(name, data, [found for found, _ in ends], config, options.seed)
    print((RESULTS / f"joint-{name}.md").read_text())


if __name__ == "__main__":
    main()
