"""How well steering by interest works: what a weight moves, and what it costs, beside a partition that means nothing.

    npm run bench -- steering --checkpoint ARTIFACTS/runs/RUN/epoch-00042 [--checkpoint ...] [--users 2000]

For each user of a sample with test items and each of their interests that holds a fair share of the history (1/K or
more), the interest is given weights 2, 4 and 0. Reported, as means over those pairs:
  share    of the list of 20 that belongs to the interest: the mean, over its items, of the interest's unsteered share
  recall   recall@20 on the test part (train items masked)
  kept     items of the unsteered list that are still there
Control: the same scores and weights with the rows of interest shares dealt to the items of the catalogue by chance, a
partition of the same sizes that means nothing: log p_l + log sum_k w_k share_k of another item. A useful interest moves
as much of the list for less recall.
Writes bench/results/steering.{json,md}; rows of other checkpoints' models and datasets stay.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer import device
from trainer.contract.ranking import top_n
from trainer.contract.recommender import Histories, Recommender
from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.storage import artifacts
from trainer.training.checkpoint import model_of

RESULTS = Path(__file__).parent / "results"
WEIGHTS = (2.0, 4.0, 0.0)
DEPTH = 20
USERS_AT_ONCE = 32


@dataclass
class Tally:
    """Sums over pairs of a user and an interest: share, recall and kept items of the list."""

    sums: np.ndarray
    pairs: int = 0

    def add(self, share: Tensor, recall: Tensor, kept: Tensor) -> None:
        self.sums += np.array([float(share.sum()), float(recall.sum()), float(kept.sum())])
        self.pairs += len(share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, action="append", required=True)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--name", default="citeulike-a", help="of the dataset, in the table")
    options = parser.parse_args()
    target = RESULTS / "steering.json"
    rows: list[dict[str, Any]] = json.loads(target.read_text())["rows"] if target.exists() else []
    for folder in options.checkpoint:
        measured = of_checkpoint(folder.resolve(), options.users) | {"dataset": options.name}
        rows = [row for row in rows if (row["model"], row["dataset"]) != (measured["model"], options.name)]
        rows.append(measured)
    rows.sort(key=lambda row: (row["dataset"], row["model"]))
    machine = platform.processor() or platform.machine()
    target.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    table = table_of(rows)
    target.with_suffix(".md").write_text(table)
    print(table)


def of_checkpoint(folder: Path, users: int) -> dict[str, Any]:
    root = folder.parents[2]
    key = str(folder.relative_to(root))
    sha256 = hashlib.sha256((folder / artifacts.MANIFEST).read_bytes()).hexdigest()
    loaded = artifacts.load_checkpoint(root, key, sha256, with_optimizer=False)
    data = dataset.load(root, loaded.manifest["dataset_key"])
    model = model_of(loaded, data, device.choose("auto"))
    tallies = measured(model, data, users)
    return {
        "model": model.name,
        "epoch": loaded.manifest["epoch"],
        "users": users,
        "pairs": tallies["learned", 1.0].pairs,
        "results": [
            {"partition": partition, "weight": weight, **means(tally)} for (partition, weight), tally in tallies.items()
        ],
    }


def means(tally: Tally) -> dict[str, float]:
    return dict(zip(("share", "recall", "kept"), (tally.sums / max(tally.pairs, 1)).round(4).tolist(), strict=True))


@torch.no_grad()
def measured(model: Recommender, data: Dataset, most: int) -> dict[tuple[str, float], Tally]:
    generator = np.random.default_rng(1)
    tested = np.flatnonzero(np.diff(data.test.indptr) > 0)
    chosen = np.sort(generator.choice(tested, min(most, tested.size), replace=False))
    dealt = torch.from_numpy(generator.permutation(data.train.shape[1]))
    every = torch.arange(data.train.shape[1])
    tallies = {
        (partition, weight): Tally(np.zeros(3)) for partition in ("learned", "control") for weight in (1.0, *WEIGHTS)
    }
    for start in range(0, chosen.size, USERS_AT_ONCE):
        rows = chosen[start : start + USERS_AT_ONCE]
        batch = Histories.of(data.train, rows)
        found = model.interests(batch, every)
        scores = model.scores(batch).cpu()
        scores[torch.arange(len(rows)).repeat_interleave(batch.indptr.diff()), batch.indices] = -torch.inf
        terms = found.item_terms.cpu()
        learned = terms / terms.sum(1, keepdim=True).clamp(min=torch.finfo(terms.dtype).tiny)  # shares [B, K, N]
        truth = torch.from_numpy(data.test[rows].toarray() > 0)
        for partition, shares in (("learned", learned), ("control", learned[:, :, dealt])):
            held = found.weights.cpu()
            for k in range(held.shape[1]):
                fair = (held[:, k] >= 1 / held.shape[1]).nonzero().flatten()
                if fair.numel() == 0:
                    continue
                of = (scores[fair], shares[fair, k], truth[fair])
                plain = top_n(of[0], DEPTH)[0]
                for weight in (1.0, *WEIGHTS):
                    # log sum_j w_j term_j = log p + log(1 + (w - 1) share_k), for only interest k has a weight.
                    steered = of[0] + torch.log1p((weight - 1) * of[1].double()).float()
                    columns = top_n(steered, DEPTH)[0]
                    kept = (columns[:, :, None] == plain[:, None, :]).any(2).float().mean(1)
                    hits = of[2].gather(1, columns).sum(1) / of[2].sum(1)
                    tallies[partition, weight].add(of[1].gather(1, columns).mean(1), hits, kept)
    return tallies


def table_of(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | partition | weight | share of the list | recall@20 | items kept |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        for found in row["results"]:
            numbers = f"{found['share']:.3f} | {found['recall']:.4f} | {found['kept']:.2f}"
            lines.append(f"| {row['model']} | {found['partition']} | {found['weight']:g} | {numbers} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
