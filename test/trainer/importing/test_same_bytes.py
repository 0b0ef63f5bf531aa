"""What an import writes is the same, byte for byte, in every version: a dataset that is imported again is the same."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bring = Callable[..., Any]


def table(seed: int, rows: int, users: int, items: int, times: bool = True, all_times: bool = False) -> str:
    """With pairs that come again, rare users and items, and rows without a time."""
    chance = random.Random(seed)
    lines = ["user,item,rating,time" if times else "user,item,rating"]
    for _ in range(rows):
        user, item = int(users * chance.random() ** 1.5), int(items * chance.random() ** 2)
        line = f"u{user},i{item},{chance.randint(1, 5)}"
        if times:
            at = 1_500_000_000 + 1000 * chance.randint(0, 40)
            line += "," if chance.random() < 0.05 and not all_times else f",{at}"
        lines.append(line)
    return "\n".join(lines) + "\n"


BIG, FULL = table(1, 1500, 60, 50), table(2, 1500, 60, 50, all_times=True)
PLAIN, LATER = table(3, 1200, 60, 40, times=False), table(4, 300, 80, 60, times=False)
VALID, TEST = table(5, 300, 70, 50), table(6, 300, 70, 55, times=False)
SPLIT = '{"minRating": 3, "kCore": 4, "split": {"kind": "ratio", "ratios": [0.6, 0.1, 0.3], "seed": 7}}'

# Rule, files, and of all that is written the sha256 as the versions before have written it.
CASES: dict[str, tuple[str, dict[str, str], str]] = {
    "ratio": ("{}", {"interactions": BIG}, "2583a6de916f3d4be0260dc520ac7327ad98bd06491446dc9087a076a11b5a79"),
    "ratio of two files": (
        SPLIT,
        {"interactions": BIG, "interactions_2": LATER},
        "ec8544c249f5d88040ffc31b05c22f157741894ea6138117ffd4612badb14955",
    ),
    "without times": (
        '{"kCore": 3}',
        {"interactions": PLAIN},
        "554b29ec996a03f1ba0385abb3c62596477ec67494f078c5f28170b5bb96f6a4",
    ),
    "leave_last": (
        '{"split": {"kind": "leave_last"}}',
        {"interactions": FULL},
        "9c8b37e80d550740ffe77070e303ae93743970f133a9e2284d06fd7b63717f35",
    ),
    "temporal": (
        '{"minRating": 4, "split": {"kind": "temporal", "quantiles": [0.5, 0.7]}}',
        {"interactions": FULL},
        "f2c92538cbbaf04198ed4b2e513df359f3b571ac0dd8411b5623bc8edc2f065c",
    ),
    "strong": (
        '{"minRating": 4, "kCore": 2, "split": {"kind": "strong", "ratios": [0.6, 0.2, 0.2]}}',
        {"interactions": FULL},
        "4cb46e4a7a7af5a495c0e3e0ebf4a258f8f339fe02f82dfc1d693f9b73d90fa0",
    ),
    "given": (
        '{"split": {"kind": "given"}}',
        {"test": TEST, "valid": VALID, "train": PLAIN},
        "511fe194a40f6c707cf65449e141f6c8d6b4a37373b348339b2bed7d7f491458",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_import_writes_what_it_always_wrote(bring: Bring, tmp_path: Path, case: str) -> None:
    rule, files, expected = CASES[case]
    data = bring(rule, **files).dataset
    folder = tmp_path / "artifacts" / data.key
    paths = [folder / name for name in ("interactions.safetensors", "times.safetensors")]
    written = [path.read_bytes() for path in paths if path.exists()]
    # Versions before have not counted what a core leaves out.
    statistics = {name: value for name, value in data.statistics.items() if name != "outside_core"}
    said = json.dumps([data.split_digest, statistics], sort_keys=True)
    if data.cold is not None:
        cold = data.cold.pairs.tocoo()
        said += json.dumps([cold.row.tolist(), cold.col.tolist(), data.cold.at.tolist()])
        said += json.dumps([data.cold.users.to_pylist(), data.cold.items.to_pylist()])
    assert hashlib.sha256(b"".join([*written, said.encode()])).hexdigest() == expected
