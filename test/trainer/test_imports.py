"""What nobody may use, and that every model has its test. Who may import whom: pyproject.toml, import-linter."""

import ast
from pathlib import Path

import pytest

import trainer

PACKAGE = Path(trainer.__file__).parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "pb" not in path.relative_to(PACKAGE).parts)

FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"torch.load", "torch.save", "yaml.load", "eval", "exec"}


def imports_of(path: Path) -> set[str]:
    """Absolute names of everything `path` imports: `trainer.errors.BadDataset`, `torch.nn`, ..."""
    package = ["trainer", *path.relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_read_that_can_run_code(path: Path) -> None:
    modules = {name.split(".")[0] for name in imports_of(path)}
    assert not modules & FORBIDDEN_MODULES
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN_CALLS, f"line {node.lineno}"
            allowing = [word for word in node.keywords if word.arg == "allow_pickle"]
            assert not allowing, f"line {node.lineno}: allow_pickle"


@pytest.mark.parametrize(
    "path",
    [path for path in sorted((PACKAGE / "models").glob("*.py")) if path.stem != "__init__"],
    ids=lambda p: p.stem,
)
def test_every_model_has_a_test(path: Path) -> None:
    assert (Path(__file__).parent / "models" / f"test_{path.stem}.py").exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
