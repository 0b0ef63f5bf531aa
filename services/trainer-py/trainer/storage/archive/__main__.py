"""What `valence backup` and `valence restore` call: `python -m trainer.storage.archive pack | check | unpack`.

It says how far it is in lines of JSON, {"stage", "done", "total"} in bytes; the last line is {"manifest"}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import BadArchive, ValenceError
from ...settings import BadSetting, cache_of
from .. import cache
from ..object_store import ObjectStore
from . import Wanted, check, pack, unpack

_SECONDS = 0.2
# Of copies, while a backup is made of what lies in an object store.
_CACHE_BYTES = 1 << 30


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except ValenceError as error:
        return _refuse(error.message)
    except BadSetting as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer.storage.archive", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    packing = commands.add_parser(
        "pack", help="write an archive; what goes in comes as a line of JSON on standard input"
    )
    checking = commands.add_parser("check", help="read a whole archive and print its manifest")
    unpacking = commands.add_parser("unpack", help="write what an archive holds")
    for command, does in ((packing, _pack), (checking, _check), (unpacking, _unpack)):
        command.add_argument("file", type=Path)
        command.set_defaults(command=does)
    for command in (packing, unpacking):
        command.add_argument("--artifacts", required=True, type=Path, help="the artifacts folder")
        command.add_argument("--store", default="", help="where they are in an object store; the folder is for copies")
        command.add_argument("--tables", required=True, type=Path, help="folder of dumped tables")
    return parser


def _pack(options: argparse.Namespace) -> int:
    asked = json.loads(sys.stdin.readline())
    _end_with_stdin()
    wanted = [Wanted(one["key"], one["sha256"], one["isRequired"]) for one in asked["artifacts"]]
    if options.store:
        cache.begin(Path(cache_of(options.store, str(options.artifacts))), options.store, _CACHE_BYTES)
    copying = _Telling("copy", _bytes_of(wanted, options.tables, options.artifacts))
    manifest = pack(options.file, asked["head"], options.tables, wanted, options.artifacts, copying)
    if check(options.file, _Telling("verify", options.file.stat().st_size)) != manifest:
        raise BadArchive(f"{options.file} does not read as it was written")
    _say({"manifest": manifest})
    return 0


def _bytes_of(wanted: list[Wanted], tables: Path, artifacts: Path) -> int:
    """About what there is to copy."""
    keys, runs = {one.key for one in wanted}, {one.key.rpartition("/")[0] for one in wanted}
    dumped = sum(path.stat().st_size for path in tables.iterdir())
    store = cache.store_of(artifacts)
    if store is not None:
        parts = ((stored.key.rpartition("/constant-")[0], stored) for stored in store.listing())
        return dumped + sum(stored.bytes for run, stored in parts if stored.key in keys or run in runs)
    folders = [artifacts / key for key in keys]
    folders += {place for run in runs for place in (artifacts / run).glob("constant-*")}
    return dumped + sum(path.stat().st_size for folder in folders if folder.is_dir() for path in folder.iterdir())


def _check(options: argparse.Namespace) -> int:
    _end_with_stdin()
    _say({"manifest": check(options.file, _Telling("verify", options.file.stat().st_size))})
    return 0


def _unpack(options: argparse.Namespace) -> int:
    _end_with_stdin()
    unpacking = _Telling("unpack", options.file.stat().st_size)
    store = None
    if options.store:
        cache_of(options.store, str(options.artifacts))
        store = ObjectStore(options.store)
    unpack(options.file, options.artifacts, options.tables, unpacking, store)
    return 0


class _Telling:
    """Progress as lines, a few each second."""

    def __init__(self, stage: str, total: int) -> None:
        self._stage, self._total, self._told = stage, total, 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._told >= _SECONDS:
            self._told = time.monotonic()
            _say({"stage": self._stage, "done": done, "total": self._total})


def _refuse(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


def _end_with_stdin() -> None:
    """Nothing is written any more once the command that called us is gone."""
    if os.environ.get("EXIT_WITH_STDIN") == "1":
        threading.Thread(target=_wait_for_stdin, daemon=True).start()


def _wait_for_stdin() -> None:
    while os.read(0, 65_536):
        pass
    os._exit(1)


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
