"""Generates trainer/pb from proto/. Run from anywhere; needs grpcio-tools and no network."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from grpc_tools import protoc

SERVICE = Path(__file__).resolve().parents[1]
PROTO = SERVICE.parents[1] / "proto"
OUT = SERVICE / "trainer" / "pb"


def generate() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    files = sorted(PROTO.rglob("*.proto"))
    arguments = ["protoc", f"-I{PROTO}", f"--python_out={OUT}", f"--pyi_out={OUT}", f"--grpc_python_out={OUT}"]
    if protoc.main([*arguments, *map(str, files)]) != 0:
        raise SystemExit("protoc failed")
    for made in OUT.rglob("*_pb2*.py*"):
        # protoc imports from the root of the proto tree; ours is a package inside another.
        made.write_text(re.sub(r"^from \S+ import (\w+_pb2) as", r"from . import \1 as", made.read_text(), flags=re.M))
    for folder in [OUT, *(path for path in OUT.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()


if __name__ == "__main__":
    generate()
