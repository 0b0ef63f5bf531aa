"""Latency and throughput of answers that are computed: the real recommender process, asked through gRPC.

    npm run bench -- live [--dataset citeulike-a] [--epochs 8] [--callers 8,32] [--seconds 5]

People who are folded in get packed lists of 20 with shares and reasons, as they are and steered. One caller: p50 and
p99 beside the model's own compute time, which the answers name; their ratio is what gRPC, queue, reasons and packing
cost. Then many callers at once, each asking again as soon as it is answered. They share the cores with the recommender,
whose processor time an answer is printed, too: where others use the machine it says more than the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import psutil
from lists import ADDRESS, recommender, trained

from trainer.data import dataset
from trainer.data.dataset import Dataset
from trainer.pb.recommender.v1 import recommender_pb2 as pb
from trainer.pb.recommender.v1 import recommender_pb2_grpc
from trainer.storage import artifacts

ASKED = 2000
INTERESTS = 4


def requests(data: Dataset, checkpoint: pb.Checkpoint, steered: bool) -> list[pb.RecommendRequest]:
    """Of users with their training history, as strangers."""
    chance = np.random.default_rng(3)
    asked = []
    for row in chance.integers(0, len(data.users), ASKED):
        history = data.train.indices[data.train.indptr[row] : data.train.indptr[row + 1]]
        request = pb.RecommendRequest(
            checkpoint=checkpoint,
            history=pb.ItemList(items=[data.items.id(int(column)) for column in history]),
            n=20,
            exclude_seen=True,
            explain=True,
            packed=True,
        )
        if steered:
            weight = float(chance.choice([0.0, 0.5, 2.0, 4.0]))
            request.steer.add(interest=int(chance.integers(INTERESTS)), weight=weight)
        asked.append(request)
    return asked


def processor_seconds() -> float:
    """That the recommender has used."""
    (process,) = (one for one in psutil.Process().children() if "serve-recommender" in one.cmdline())
    used = process.cpu_times()
    return float(used.user + used.system)


def one_caller(asked: list[pb.RecommendRequest], seconds: float) -> tuple[list[float], list[float]]:
    """What each answer took, and the model's own part of it, in milliseconds."""
    taken, computing = list[float](), list[float]()
    with grpc.insecure_channel(ADDRESS) as channel:
        stub = recommender_pb2_grpc.RecommenderServiceStub(channel)  # type: ignore[no-untyped-call]
        ends = time.perf_counter() + seconds
        while (started := time.perf_counter()) < ends:
            answer = stub.Recommend(asked[len(taken) % len(asked)], timeout=30)
            taken.append((time.perf_counter() - started) * 1000)
            computing.append(answer.compute_seconds * 1000)
    return taken, computing


async def many_callers(asked: list[pb.RecommendRequest], callers: int, seconds: float) -> list[float]:
    """What each answer took, in milliseconds."""
    taken = list[float]()
    async with grpc.aio.insecure_channel(ADDRESS) as channel:
        stub = recommender_pb2_grpc.RecommenderServiceStub(channel)  # type: ignore[no-untyped-call]
        ends = time.perf_counter() + seconds

        async def keep_asking(number: int) -> None:
            while (started := time.perf_counter()) < ends:
                await stub.Recommend(asked[number % len(asked)], timeout=30)
                taken.append((time.perf_counter() - started) * 1000)
                number += 1

        await asyncio.gather(*(keep_asking(caller * 7919) for caller in range(callers)))
    return taken


def measure(name: str, asked: list[pb.RecommendRequest], callers: list[int], seconds: float) -> None:
    one_caller(asked, 1)
    before = processor_seconds()
    taken, computing = one_caller(asked, seconds)
    own = statistics.median(computing)
    print(
        f"{name:<20}  1 caller   {told(taken, before)}   "
        f"the model's own p50 {own:.2f} ms: x{statistics.median(taken) / own:.2f}"
    )
    for count in callers:
        before = processor_seconds()
        taken = asyncio.run(many_callers(asked, count, seconds))
        print(f"{name:<20} {count:>2} callers  {told(taken, before)}   {len(taken) / seconds:6.0f}/s")


def told(taken: list[float], before: float) -> str:
    processor = (processor_seconds() - before) * 1000 / len(taken)
    p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
    return f"p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  processor {processor:5.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--dataset", default="citeulike-a")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--callers", default="8,32")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    options.model, options.set = "valid", [f"k={INTERESTS}"]
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as folder:
        root = Path(folder)
        best = trained(root, options).best
        data = dataset.load(root, artifacts.load_checkpoint(root, best.key, best.sha256).manifest["dataset_key"])
        checkpoint = pb.Checkpoint(key=best.key, sha256=best.sha256)
        with recommender(root) as stub:
            stub.Warm(pb.WarmRequest(checkpoint=checkpoint), timeout=60)
            print(f"VALID, K {INTERESTS}, on {options.dataset}: {len(data.items):,} items; {psutil.cpu_count()} cores")
            for name, steered in (("folded in", False), ("folded in, steered", True)):
                callers = [int(count) for count in options.callers.split(",")]
                measure(name, requests(data, checkpoint, steered), callers, options.seconds)


if __name__ == "__main__":
    main()
