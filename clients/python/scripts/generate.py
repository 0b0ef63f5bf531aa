"""Writes the generated part of the package from ../openapi.json: `python scripts/generate.py`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
CONTRACT = HERE.parent / "openapi.json"
PACKAGE = HERE / "src/valence_client"
MADE = ("api", "models", "client.py", "types.py")
CONFIG = "literal_enums: true\npost_hooks: []\n"
# Read by httpx-sse in follow.py: an answer that does not end is no answer.
STREAMS = "text/event-stream"


def document() -> dict[str, Any]:
    """The contract as the generator understands it: without problems, which are raised, and without streams."""
    contract: dict[str, Any] = json.loads(CONTRACT.read_text())
    for path, operations in list(contract["paths"].items()):
        for operation in operations.values():
            # What may come as lines may come as an array.
            operation.get("requestBody", {}).get("content", {}).pop("application/x-ndjson", None)
            answers = {status: one for status, one in operation["responses"].items() if status in ("200", "202", "204")}
            operation["responses"] = answers
            for answer in answers.values():
                content = answer.get("content", {})
                if STREAMS in content:
                    contract["paths"].pop(path)
                files = [one for one in content.values() if one["schema"].get("format") == "binary"]
                if files:
                    answer["content"] = {"application/octet-stream": files[0]}
    return contract


def run(tool: str, *arguments: str) -> None:
    """A tool of this environment, or of the one that pip builds packages in."""
    beside = Path(sys.executable).with_name(tool)
    subprocess.run([beside if beside.exists() else tool, *arguments], check=True, stdout=subprocess.DEVNULL)


def generate(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "openapi.json").write_text(json.dumps(document()))
        (work / "config.yml").write_text(CONFIG)
        places = ["--path", f"{work}/openapi.json", "--config", f"{work}/config.yml", "--output-path", f"{work}/made"]
        options = ["--meta", "none", "--custom-template-path", f"{HERE}/templates", "--overwrite", "--fail-on-warning"]
        run("openapi-python-client", "generate", *places, *options)
        for package in (work / "made/api").iterdir():
            if package.is_dir():
                modules = sorted(path.stem for path in package.glob("[a-z]*.py"))
                (package / "__init__.py").write_text(f"from . import {', '.join(modules)}\n\n__all__ = {modules!r}\n")
        settings = ["--quiet", "--config", f"{HERE}/pyproject.toml", f"{work}/made"]
        run("ruff", "check", "--fix-only", "--select", "F401,I,UP", *settings)
        run("ruff", "format", *settings)
        folder.mkdir(parents=True, exist_ok=True)
        for made in MADE:
            shutil.rmtree(folder / made, ignore_errors=True)
            (shutil.copytree if (work / "made" / made).is_dir() else shutil.copy)(work / "made" / made, folder / made)


if __name__ == "__main__":
    generate(PACKAGE)
