"""Users a second of RankLists over gRPC, beside the full-ranking evaluation of the same model in this process.

    npm run bench -- lists [--dataset citeulike-a] [--model valid] [--set k=4] [--depths 20,200] [--epochs 3]

The model is trained for a few epochs first, as an untrained one is searched differently. The evaluation is that of the
test split at the cut-offs 20 and 50, every user ranked once; ratios are of the best of three. "longest wait" is the
longest time between two messages: what a question that comes meanwhile may wait for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc
import numpy as np
import torch

from trainer import registry
from trainer.data import dataset
from trainer.data.importing import files_of_folder, import_dataset
from trainer.evaluation.evaluate import evaluate
from trainer.events import Finished
from trainer.pb.recommender.v1 import recommender_pb2 as pb
from trainer.pb.recommender.v1 import recommender_pb2_grpc
from trainer.storage import artifacts
from trainer.training import experiment
from trainer.training.checkpoint import open_checkpoint
from trainer.training.protocol import Protocol

DIGEST = "1" * 64
TIMES = 3
ADDRESS = "127.0.0.1:50962"


def trained(root: Path, options: argparse.Namespace) -> Finished:
    files, rule = files_of_folder(options.data / options.dataset)
    list(import_dataset(files, rule, root, DIGEST))
    fields = registry.get(options.model).config_class.model_fields
    config = {name: json.loads(value) for name, value in (pair.split("=", 1) for pair in options.set)}
    if "epochs" in fields:
        config["epochs"] = options.epochs
    spec = experiment.RunSpec(
        run_id=str(uuid.uuid4()),
        model=options.model,
        config_json=json.dumps(config),
        dataset_key=dataset.key_of(DIGEST),
        seed=1,
        protocol=Protocol(),
        device="cpu",
    )
    *_, finished = experiment.run(spec, root)
    assert isinstance(finished, Finished)
    return finished


@contextmanager
def recommender(root: Path) -> Iterator[recommender_pb2_grpc.RecommenderServiceStub]:
    environment = {**os.environ, "VALENCE_ARTIFACTS": str(root), "RECOMMENDER_LISTEN": ADDRESS, "EXIT_WITH_STDIN": "1"}
    command = [sys.executable, "-m", "trainer", "serve-recommender"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        with grpc.insecure_channel(ADDRESS) as channel:
            grpc.channel_ready_future(channel).result(60)
            yield recommender_pb2_grpc.RecommenderServiceStub(channel)  # type: ignore[no-untyped-call]
        assert process.stdin is not None
        process.stdin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--dataset", default="citeulike-a")
    parser.add_argument("--model", default="valid", choices=list(registry.catalogue()))
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--depths", default="20,200")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="valence-bench-") as folder:
        root = Path(folder)
        best = trained(root, options).best
        model, data = open_checkpoint(root, artifacts.load_checkpoint(root, best.key, best.sha256), torch.device("cpu"))
        tested = int((np.diff(data.test.indptr) > 0).sum())

        def evaluation() -> tuple[float, float]:
            started = time.perf_counter()
            evaluate(model, data, ("test",), ("train",))
            return tested / (time.perf_counter() - started), 0.0

        checkpoint = pb.Checkpoint(key=best.key, sha256=best.sha256)
        measures: dict[str, Callable[[], tuple[float, float]]] = {"evaluation": evaluation}
        with recommender(root) as stub:
            for depth in map(int, options.depths.split(",")):
                for explain in (False, True):
                    request = pb.RankListsRequest(checkpoint=checkpoint, depth=depth, explain=explain)
                    measures[f"{depth} items{', explained' * explain}"] = partial(streamed, stub, request)
            # In turns: whatever else the machine does meets all of them.
            rounds = [{name: measure() for name, measure in measures.items()} for _ in range(TIMES)]
        print(f"{options.model} on {options.dataset}, torch {torch.__version__}, {torch.get_num_threads()} threads")
        found = {name: max(one[name] for one in rounds) for name in measures}
        for name, (rate, wait) in found.items():
            print(f"{name:<20} {rate:8.0f} users/s  x{rate / found['evaluation'][0]:.2f}  longest wait {wait:3.0f} ms")


def streamed(stub: recommender_pb2_grpc.RecommenderServiceStub, request: pb.RankListsRequest) -> tuple[float, float]:
    started = latest = time.perf_counter()
    users, longest = 0, 0.0
    for part in stub.RankLists(request):
        now = time.perf_counter()
        users, longest, latest = users + len(part.rows), max(longest, now - latest), now
    return users / (latest - started), longest * 1000


if __name__ == "__main__":
    main()
