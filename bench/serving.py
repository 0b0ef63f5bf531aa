"""Latency and throughput of recommendations, in the process that serves them (gRPC not included).

    PYTHONPATH=services/trainer-py services/trainer-py/.venv/bin/python bench/serving.py --model valid

For each catalogue size: p50 and p95 for one caller at a time, and the throughput of many callers at once, in one run
with batching and without it (batches of one): the ratio is what batching brings on this machine. With --wait-ms it also
shows what holding a batch open would do, which is why the server does not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import torch
from scipy.sparse import csr_matrix

from trainer import registry
from trainer.data.dataset import Dataset, IdMap
from trainer.data.tags import Tags
from trainer.serving.batching import Batcher
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.compute import compute
from trainer.serving.person import known_user
from trainer.serving.question import Answer, Question

USERS, HISTORY = 500, 30


def make_dataset(items: int) -> Dataset:
    """Random histories; what is measured does not depend on their meaning."""
    generator = np.random.default_rng(1)
    columns = np.concatenate([np.sort(generator.choice(items, HISTORY, replace=False)) for _ in range(USERS)])
    indptr = np.arange(0, USERS * HISTORY + 1, HISTORY)
    train = csr_matrix((np.ones(columns.size, np.float32), columns, indptr), (USERS, items))
    empty = csr_matrix((USERS, items), dtype=np.float32)
    return Dataset(
        key="datasets/bench",
        digest="bench",
        split_digest="bench",
        train=train,
        valid=empty,
        test=empty,
        users=IdMap(pa.array([f"u{row}" for row in range(USERS)], pa.string())),
        items=IdMap(pa.array([f"i{column}" for column in range(items)], pa.string())),
        titles=[""] * items,
        tags=Tags.none(items),
    )


def load(model: str, items: int) -> LoadedCheckpoint:
    dataset = make_dataset(items)
    kind = registry.get(model)
    recommender = kind(registry.resolve_config(kind, "{}"), USERS, items)
    recommender.prepare(dataset.train, torch.Generator().manual_seed(1))
    if "closed_form" in kind.capabilities:
        recommender.fit(dataset.train)
    return LoadedCheckpoint(recommender, dataset, torch.device("cpu"))


def questions_of(loaded: LoadedCheckpoint) -> list[Question]:
    persons = [known_user(loaded.dataset, f"u{row}") for row in range(USERS)]
    return [Question(person, n=20, excluded=person.seen) for person in persons]


def latency(ask: Callable[[Question], object], questions: Sequence[Question], seconds: float) -> tuple[float, float]:
    """p50 and p95 in milliseconds of one caller."""
    taken: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(taken) < 20:
        started = time.perf_counter()
        ask(questions[len(taken) % len(questions)])
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=20)[18]


def throughput(ask: Callable[[Question], object], questions: Sequence[Question], callers: int, seconds: float) -> float:
    """Answers a second with `callers` asking at once."""
    ends = time.perf_counter() + seconds

    def keep_asking(caller: int) -> int:
        answered = 0
        while time.perf_counter() < ends:
            ask(questions[(caller * 7919 + answered) % len(questions)])
            answered += 1
        return answered

    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        answered = sum(pool.map(keep_asking, range(callers)))
    return answered / (time.perf_counter() - started)


def measure(model: str, items: int, callers: int, seconds: float, wait_ms: float) -> None:
    loaded = load(model, items)
    questions = questions_of(loaded)

    def held_open(batch: Sequence[Question]) -> list[Answer]:
        time.sleep(wait_ms / 1000)
        return loaded.rank_here(batch)

    ways: dict[str, tuple[Callable[[Sequence[Question]], list[Answer]], int]] = {
        "one by one": (loaded.rank_here, 1),
        "batched": (loaded.rank_here, loaded.largest_batch),
    }
    if wait_ms > 0:
        ways[f"batched, {wait_ms:g} ms wait"] = (held_open, loaded.largest_batch)
    rates = {}
    for name, (answer, largest) in ways.items():
        batcher = Batcher[Question, Answer](answer, largest, compute)

        def ask(question: Question, batcher: Batcher[Question, Answer] = batcher) -> object:
            return batcher.submit(question).result()

        ask(questions[0])
        p50, p95 = latency(ask, questions, seconds)
        rates[name] = throughput(ask, questions, callers, seconds)
        print(
            f"{items:>9,} items  {name:<20} one caller: p50 {p50:7.2f} ms  p95 {p95:7.2f} ms   "
            f"{callers} callers: {rates[name]:8.1f}/s   x{rates[name] / rates['one by one']:.2f}"
        )
        batcher.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Latency and throughput of recommendations.")
    parser.add_argument("--model", default="valid", choices=list(registry.catalogue()))
    parser.add_argument("--items", type=int, nargs="+", default=[17_000, 1_000_000])
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--wait-ms", type=float, default=0.0)
    args = parser.parse_args()
    print(f"{args.model}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for items in args.items:
        measure(args.model, items, args.callers, args.seconds, args.wait_ms)


if __name__ == "__main__":
    main()
