"""A million lines are imported in seconds, in bounded memory and without losing count."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trainer

ROWS = 1_000_000
MOST_SECONDS = 15
MOST_BYTES = 450 << 20
TIMED_ROWS = 2_000_000
MOST_BYTES_OF_TIMED = 420 << 20

IMPORT = """
import json, re, sys, time
from pathlib import Path
from trainer.data.importing import Finished, ImportRule, SourceFile, import_dataset
started = time.perf_counter()
*_, last = import_dataset(
    [SourceFile("interactions", Path(sys.argv[1]), "big.csv")],
    ImportRule.parse(sys.argv[2]),
    Path(sys.argv[1]).parent,
    "a" * 64,
)
seconds = time.perf_counter() - started
# Not ru_maxrss, which begins with the size of the process that started this one.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([seconds, int(peak[1]) << 10, last.statistics]))
"""


def imported(file: Path, rule: str) -> tuple[float, int, dict[str, Any]]:
    """Seconds, bytes of memory at most, and the statistics of an import in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT, str(file), rule],
        env={**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    seconds, peak, statistics = json.loads(ended.stdout)
    return seconds, peak, statistics


def test_a_million_lines_take_seconds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(8)
    users, items = random.integers(0, 20_000, ROWS).tolist(), random.integers(0, 5_000, ROWS).tolist()
    rows = [
        f'"user {user}",{item},{item % 6},"{"a long review, " * 8}"\n' for user, item in zip(users, items, strict=True)
    ]
    rows[ROWS // 2] = ",7,3,\n"
    file = tmp_path / "big.csv.gz"
    file.write_bytes(gzip.compress(("user,item,rating,review\n" + "".join(rows)).encode(), 1))
    seconds, peak, statistics = imported(file, '{"minRating": 1, "kCore": 5, "skipBadRows": true}')
    with capsys.disabled():
        sys.stdout.write(
            f"\na million lines, {sum(map(len, rows)) >> 20} MiB: {seconds:.1f} s, {peak >> 20} MiB at most\n"
        )
    assert seconds < MOST_SECONDS
    assert peak < MOST_BYTES
    read = [pair for row, pair in enumerate(zip(users, items, strict=True)) if row != ROWS // 2]
    kept = [pair for pair in read if pair[1] % 6 >= 1]
    assert statistics["rows_skipped"] == 1
    assert statistics["below_threshold"] == len(read) - len(kept)
    assert statistics["duplicates_merged"] == len(kept) - len(set(kept))
    assert statistics["interactions"] + statistics["cold_dropped"] == len(set(kept))  # everyone has five and more


def test_memory_of_many_interactions(tmp_path: Path) -> None:
    """Nothing is held twice: 20 million rows with times are to take 0.9 GiB at most, of which these are a tenth."""
    random = np.random.default_rng(9)
    columns = [random.integers(low, high, TIMED_ROWS).tolist() for low, high in ((0, 40_000), (0, 10_000), (0, 10**8))]
    file = tmp_path / "timed.csv"
    lines = (f"{user},{item},{1_500_000_000 + at}\n" for user, item, at in zip(*columns, strict=True))
    file.write_text("user,item,time\n" + "".join(lines))
    _, peak, statistics = imported(file, "{}")
    assert statistics["interactions"] + statistics["duplicates_merged"] + statistics["cold_dropped"] == TIMED_ROWS
    assert peak < MOST_BYTES_OF_TIMED, f"{peak >> 20} MiB"


def test_an_array_of_20_mib_on_one_line(bring: Callable[..., Any]) -> None:
    """As pandas writes it with to_json(orient="records"): no line is looked for in it."""
    objects = [{"user": f"u{n % 997}", "item": f"i{n % 1009}", "note": "né" * 60} for n in range(100_000)]
    text = json.dumps(objects, ensure_ascii=False, separators=(",", ":"))
    assert len(text.encode()) > 20 << 20
    outcome = bring(interactions=("all.json", text))
    assert (outcome.code, outcome.problems) == ("", [])
    assert outcome.dataset.statistics["duplicates_merged"] == 0
    assert outcome.dataset.statistics["interactions"] + outcome.dataset.statistics["cold_dropped"] == 100_000
