"""Command line: the same code path as the service, for people without it."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import __version__, registry
from .data import sample
from .data.dataset import Dataset
from .data.importing import Finished as ImportFinished
from .data.importing import Problem, files_of_folder, import_dataset
from .errors import ValenceError
from .evaluation.metrics import DEFAULT, METRICS
from .events import Epoch, Finished, Started
from .storage import artifacts
from .training.experiment import RunSpec, run
from .training.protocol import Protocol

DEFAULT_OUT = Path("valence-runs")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except ValenceError as error:
        print(f"error ({error.code}): {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Trains and serves recommenders.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train one model on a folder of RecBole files and print its test metrics")
    train.add_argument("--model", required=True, help="a name that `models` lists")
    train.add_argument("--data", required=True, type=Path, help="folder of NAME.inter or NAME.{train,valid,test}.inter")
    train.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="a configuration field")
    train.add_argument("--seed", type=_seed, default=1, help="a number from 0 (1)")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    train.add_argument("--mask-test", choices=("train", "train+valid"), default="train")
    train.add_argument("--cutoffs", default="20,50", help="comma-separated, the first decides when to stop")
    train.add_argument("--metrics", default=",".join(DEFAULT), help=f"comma-separated, of {', '.join(METRICS)}")
    train.add_argument("--out", type=Path, default=DEFAULT_OUT, help=f"artifacts folder ({DEFAULT_OUT})")
    train.set_defaults(command=_train)

    models = commands.add_parser("models", help="list the models, or the configuration fields of one")
    models.add_argument("name", nargs="?")
    models.set_defaults(command=_models)

    made = commands.add_parser("sample", help="write the generated sample dataset as RecBole files")
    made.add_argument("--out", required=True, type=Path)
    made.set_defaults(command=_sample)

    commands.add_parser("serve", help="run the trainer process (gRPC)").set_defaults(command=_serve)
    commands.add_parser("serve-recommender", help="run the recommender process (gRPC)").set_defaults(
        command=_serve_recommender
    )
    return parser


def _train(options: argparse.Namespace) -> int:
    model = registry.get(options.model)
    config = registry.resolve_config(model, json.dumps(_assignments(options.set)))
    cutoffs = tuple(int(part) if part.isdecimal() else 0 for part in options.cutoffs.split(","))
    protocol = Protocol(options.mask_test, cutoffs, tuple(options.metrics.split(",")))
    data = _import(options.data, options.out)
    run_id = str(uuid.uuid4())
    print(f"{model.title} on {len(data.users):,} users, {len(data.items):,} items; run {run_id}")
    spec = RunSpec(
        run_id, model.name, config.model_dump_json(), data.key, options.seed, protocol, device=options.device
    )
    recall = f"recall@{cutoffs[0]}"
    for event in run(spec, options.out):
        if isinstance(event, Started):
            print(f"{event.parameters:,} parameters on {event.device}, torch {event.torch_version}")
        if isinstance(event, Epoch):
            artifacts.prune(options.out, run_id, event.epoch, event.best_epoch)
            values = {(metric.split, metric.name): metric.value for metric in event.metrics}
            print(
                f"epoch {event.epoch:4d}  loss {values.get(('train', 'loss'), math.nan):10.4f}  "
                f"{_validation(recall, values['valid', recall], event)}  {event.seconds:.1f} s",
                flush=True,
            )
        if isinstance(event, Finished):
            print(
                f"\ntest, epoch {event.best.epoch}, mask {protocol.mask_test} ({event.reason}, {event.seconds:.0f} s)"
            )
            for metric in event.metrics:
                print(f"  {metric.name:<12} {metric.value:.4f}")
            print(f"checkpoint {options.out / event.best.key}")
    return 0


def _validation(recall: str, value: float, event: Epoch) -> str:
    if math.isnan(value):
        return "no validation part: the last epoch is kept"
    return f"valid {recall} {value:.4f}  best {event.best_value:.4f} (epoch {event.best_epoch})"


def _import(folder: Path, out: Path) -> Dataset:
    files, rule = files_of_folder(folder)
    digest = hashlib.sha256(rule.model_dump_json().encode())
    for file in files:
        with file.path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest() + file.role.encode())
    for event in import_dataset(files, rule, out, digest.hexdigest()):
        if isinstance(event, Problem):
            print(f"{event.file}:{event.line}: {event.message}", file=sys.stderr)
        if isinstance(event, ImportFinished):
            return event.dataset
    raise AssertionError("an import ends with a dataset or an error")


def _seed(text: str) -> int:
    if not (text.isdecimal() and int(text) < 1 << 63):
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text!r}")
    return int(text)


def _assignments(texts: list[str]) -> dict[str, Any]:
    """FIELD=VALUE pairs; values are JSON where they parse, else text."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValenceError(f"--set takes FIELD=VALUE, not {text!r}", code="bad_configuration")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def _models(options: argparse.Namespace) -> int:
    if options.name is None:
        for model in registry.catalogue().values():
            print(f"{model.name:<12} {model.title:<12} {model.summary}")
        return 0
    for name, field in registry.get(options.name).config_class.model_fields.items():
        print(f"{name:<26} {json.dumps(field.default):<10} {field.description}")
    return 0


def _sample(options: argparse.Namespace) -> int:
    sample.write_sample(options.out)
    print(f"wrote the generated sample to {options.out}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from .server import children

    registry.catalogue()  # for the children, too
    children.prepare()  # before gRPC is loaded
    from .server.process import leave
    from .server.trainer_server import main as serve

    status = serve()
    children.end()
    leave(status)


def _serve_recommender(options: argparse.Namespace) -> int:
    from .server.process import leave
    from .server.recommender_server import main as serve

    leave(serve())


if __name__ == "__main__":
    sys.exit(main())
