"""The layers of the Python code: who may import whom, what nobody may use, and that every model has its test.

Read from the syntax tree, so that imports inside functions and under TYPE_CHECKING count as well.
"""

import ast
from pathlib import Path

import pytest

import trainer

PACKAGE = Path(trainer.__file__).parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "pb" not in path.relative_to(PACKAGE).parts)

# unit (a file or folder of trainer/) → the units it may import. A new unit has to find its place here.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "metrics": set(),
    "kernels": set(),
    "events": set(),
    "ranking": set(),
    "recommender": {"ranking"},
    "durable": {"errors"},
    "settings": set(),
    "dataset": {"errors", "durable"},
    "importing": {"errors", "dataset"},
    "sample": {"errors"},
    "factorised": {"recommender"},
    "graph_factorised": {"recommender", "factorised", "kernels"},
    "item_similarity": {"recommender"},
    "models": {"errors", "ranking", "recommender", "factorised", "graph_factorised", "item_similarity", "kernels"},
    "registry": {"errors", "recommender", "models"},
    "evaluate": {"errors", "dataset", "recommender", "metrics"},
    "uniformity": {"dataset", "recommender"},
    "loop": {"errors", "dataset", "recommender", "evaluate", "events"},
    "device": {"errors"},
    "artifacts": {"errors", "durable", "events"},
    "experiment": {
        *("errors", "events", "dataset", "device", "recommender", "registry"),
        *("evaluate", "uniformity", "loop", "artifacts"),
    },
    "child": {"errors", "events", "durable", "device", "experiment", "importing", "artifacts"},
    "serving": {"errors", "dataset", "ranking", "recommender", "registry", "artifacts", "experiment"},
}
MAY_IMPORT["server"] = {*MAY_IMPORT, "pb"}
MAY_IMPORT["__main__"] = {*MAY_IMPORT}

FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"torch.load", "torch.save", "yaml.load", "eval", "exec"}


def unit_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


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


def units_imported(path: Path) -> set[str]:
    own = {name.split(".")[1] for name in imports_of(path) if name.startswith("trainer.")}
    return {name for name in own if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists() or name == "pb"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_layers(path: Path) -> None:
    unit = unit_of(path)
    if unit == "__init__":
        assert units_imported(path) == set()
        return
    assert unit in MAY_IMPORT, f"{unit} has no place in the layers yet: add it to MAY_IMPORT"
    wrong = units_imported(path) - MAY_IMPORT[unit] - {unit}
    assert not wrong, f"{path.name} ({unit}) must not import {sorted(wrong)}"


def test_the_layers_have_no_cycle() -> None:
    placed: set[str] = {"pb"}
    while waiting := MAY_IMPORT.keys() - placed:
        free = {unit for unit in waiting if MAY_IMPORT[unit] - {unit} <= placed}
        assert free, f"these import each other in a circle: {sorted(waiting)}"
        placed |= free


@pytest.mark.parametrize("path", sorted((PACKAGE / "models").glob("*.py")), ids=lambda path: path.stem)
def test_models_never_import_each_other(path: Path) -> None:
    others = {
        name
        for name in imports_of(path)
        if name.startswith("trainer.models.") and not name.startswith(f"trainer.models.{path.stem}")
    }
    assert not others


def test_only_the_server_knows_grpc() -> None:
    knowing = {
        unit_of(path) for path in SOURCES if any(name.split(".")[0].startswith("grpc") for name in imports_of(path))
    }
    assert knowing <= {"server"}


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
