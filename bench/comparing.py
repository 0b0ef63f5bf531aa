"""A comparison of two models with several seeds: processor time and memory at most, beside scipy's plain forms.

`npm run bench -- comparing [--users N] [--seeds N] [--draws N]` prints Markdown. Plain is `bootstrap(paired=True,
method="BCa")` and `permutation_test(permutation_type="samples")` of one metric, in batches that fit into memory; a
comparison computes four, with intervals over seeds and all the rest. Each is a process of its own, so that its peak is
its own.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
import uuid
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from trainer.data import dataset
from trainer.data.dataset import IdMap
from trainer.data.tags import Tags
from trainer.evaluation import user_values
from trainer.evaluation.comparing import ComparedGroup, ComparedRun, CompareRequest

DIGEST = "c" * 64
ITEMS, DEPTH = 40_000, 50
METRICS = ("recall@20", "ndcg@20", "recall@50", "ndcg@50")
AT_ONCE = 100  # draws of the plain forms: 30,000 users and 100 draws are some 200 MB there


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--users", type=int, default=30_000)
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--draws", type=int, default=10_000)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        request = _made(Path(folder), options.users, options.seeds, options.draws)
        print(f"{options.users:,} users, 2 models, {options.seeds} seeds each, {options.draws:,} draws\n")
        print("| | seconds of the processor | MiB at most |")
        print("| --- | ---: | ---: |")
        ours, peak = _alone(_compare, Path(folder), request)
        print(f"| a comparison on {len(METRICS)} metrics | {ours:.1f} | {peak:,} |", flush=True)
        for name, plain in (("bootstrap", _bootstrap), ("permutation_test", _permutation_test)):
            seconds, peak = _alone(plain, options.users, options.draws)
            print(f"| scipy's `{name}` on one | {seconds:.1f} (× {seconds / ours:.2f}) | {peak:,} |", flush=True)


def _made(root: Path, users: int, seeds: int, draws: int) -> CompareRequest:
    none = csr_matrix((users, ITEMS), dtype=np.float32)
    names = [IdMap(pa.array([f"{kind} {row}" for row in range(n)])) for kind, n in (("u", users), ("i", ITEMS))]
    parts = dict.fromkeys(dataset.PARTS, none)
    titles, tags = [""] * ITEMS, Tags.none(ITEMS)
    split_digest = dataset.save(root, DIGEST, parts, names[0], names[1], titles, tags, rule={}, statistics={})
    random = np.random.default_rng(1)
    likes, items = random.beta(0.5, 2, users), random.integers(1, 12, users).astype(np.int32)

    def run(seed: int) -> ComparedRun:
        values = user_values.UserValues(
            users=np.arange(users, dtype=np.int32),
            history=items,
            items=items,
            columns={name: random.binomial(items, likes) / items for name in METRICS},
            top=random.integers(0, ITEMS, (users, DEPTH), dtype=np.int32),
            dataset_key=dataset.key_of(DIGEST),
            split_digest=split_digest,
            split="test",
            mask_rule="train",
            metrics=("recall", "ndcg"),
            cutoffs=(20, 50),
        )
        ref = user_values.save(root, str(uuid.uuid4()), values)
        return ComparedRun(str(uuid.uuid4()), seed, ref.key, ref.sha256)

    groups = tuple(ComparedGroup(name, tuple(run(seed) for seed in range(seeds))) for name in ("a", "b"))
    return CompareRequest(dataset.key_of(DIGEST), groups, 1, METRICS, draws)


def _compare(root: Path, request: CompareRequest) -> None:
    from trainer.evaluation.comparing.comparison import compare

    compare(root, request, lambda done, total: None)


def _bootstrap(users: int, draws: int) -> None:
    from scipy.stats import bootstrap

    mean = lambda a, b, axis: np.mean(a - b, axis)  # noqa: E731
    bootstrap(_pair(users), mean, paired=True, method="BCa", n_resamples=draws, batch=AT_ONCE)


def _permutation_test(users: int, draws: int) -> None:
    from scipy.stats import permutation_test

    a, b = _pair(users)
    permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=draws, batch=AT_ONCE)


def _pair(users: int) -> np.ndarray:
    return np.random.default_rng(1).beta(0.5, 2, (2, users))


def _alone(work: Callable[..., None], *given: object) -> tuple[float, int]:
    """Seconds of the processor, and MiB of memory at most, of a process that does nothing else."""
    context = get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=_timed, args=(tells, work, *given))
    process.start()
    found: tuple[float, int] = told.recv()
    process.join()
    return found


def _timed(tells: object, work: Callable[..., None], *given: object) -> None:
    started = time.process_time()
    work(*given)
    seconds = time.process_time() - started
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    tells.send((seconds, int(peak[1]) >> 10 if peak else 0))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
