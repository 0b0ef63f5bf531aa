"""docs/adding-a-model.md, followed to the letter in a copy of the sources."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the page's files written where their headings say."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "services/trainer-py/trainer", checkout / "services/trainer-py/trainer")
    shutil.copytree(ROOT / "test/trainer", checkout / "test/trainer")
    shutil.copy(ROOT / "services/trainer-py/pyproject.toml", checkout / "services/trainer-py")
    shutil.copy(ROOT / "pytest.ini", checkout)
    shutil.copy(ROOT / "ruff.toml", checkout)
    page = (ROOT / "docs/adding-a-model.md").read_text()
    files = re.findall(r"^## \d\. [^`\n]*`([^`]+\.py)`$.*?^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(files) == 2
    for path, content in files:
        (checkout / path).write_text(content)
    return checkout


# `python -m trainer` of each, in one process: PyTorch is loaded once.
COMMANDS = """
import json, sys
from trainer.__main__ import main
for command in json.loads(sys.argv[1]):
    print("$", flush=True)
    assert main(command) == 0
"""


def run(followed: Path, *arguments: str, folder: str = "services/trainer-py") -> str:
    environment = {**os.environ, "PYTHONPATH": str(followed / "services/trainer-py")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=followed / folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recall(output: str) -> float:
    found = re.search(r"recall@20 +(0\.\d+)\s+ndcg", output)
    assert found
    return float(found[1])


def test_the_model_is_listed_trains_and_beats_popularity(followed: Path) -> None:
    page = (ROOT / "docs/adding-a-model.md").read_text()
    commands = re.findall(r"^\.venv/bin/python -m trainer ((?:sample|train) .*)$", page, re.MULTILINE)
    popularity = "train --model popularity --data .valence/sample --out .valence/runs"
    given = json.dumps([command.split() for command in ("models", *commands, popularity)])
    _, models, *_, biased, popular = run(followed, "-c", COMMANDS, given).split("$\n")
    assert "Biased MF" in models
    assert recall(biased) > recall(popular)


def test_its_own_test_passes_and_the_layers_accept_it(followed: Path) -> None:
    tests = [f"test/trainer/{name}.py" for name in ("models/test_biased", "test_imports", "test_model_contract")]
    run(followed, "-m", "pytest", "-q", "-k", "biased", *tests, folder=".")
    linter = Path(sys.executable).with_name("lint-imports")
    subprocess.run([linter, "--no-logo"], cwd=followed / "services/trainer-py", check=True, timeout=100)
    run(followed, "-m", "ruff", "check", "services/trainer-py/trainer/models/biased.py", folder=".")
