"""Readers of tables side by side: seconds and memory for two text columns of many rows, and which odd files they read.

`services/trainer-py/.venv/bin/python bench/tables.py [ROWS]` from the root prints Markdown. Polars takes part where it
is installed (it is no requirement). Every reading is a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Rows = list[tuple[str, str]]


def by_duckdb(path: str, separator: str = ",") -> tuple[int, Callable[[], Rows]]:
    import duckdb

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "384MiB"})
    connection.execute("set enable_progress_bar = false")
    columns = "{'user': 'VARCHAR', 'item': 'VARCHAR'}"
    options = f"columns={columns}, auto_detect=false, header=true, delim='{separator}', quote='\"', escape='\"'"
    query = f"from read_csv('{path}', {options}, store_rejects=true, buffer_size=8388608, max_line_size=1048576)"
    count = sum(batch.num_rows for batch in connection.sql(query).to_arrow_reader(500_000))
    return count, lambda: [(user or "", item or "") for user, item in connection.sql(query).fetchall()]


def by_pyarrow(path: str, separator: str = ",") -> tuple[int, Callable[[], Rows]]:
    import pyarrow as pa
    import pyarrow.csv

    def batches() -> pa.csv.CSVStreamingReader:
        return pa.csv.open_csv(
            path,
            parse_options=pa.csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=lambda _: "skip"
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types={"user": pa.string(), "item": pa.string()}, strings_can_be_null=False
            ),
        )

    count = sum(batch.num_rows for batch in batches())
    return count, lambda: [tuple(row.values()) for batch in batches() for row in batch.to_pylist()]


def by_polars(path: str, separator: str = ",") -> tuple[int, Callable[[], Rows]]:
    import polars as pl  # type: ignore[import-not-found, unused-ignore]

    query = pl.scan_csv(
        path,
        separator=separator,
        schema={"user": pl.String, "item": pl.String},
        ignore_errors=True,
        truncate_ragged_lines=True,
    )
    count = sum(len(frame) for frame in query.collect_batches(chunk_size=500_000))
    return count, lambda: [(user or "", item or "") for user, item in query.collect().rows()]


ENGINES = {"DuckDB": by_duckdb, "pyarrow": by_pyarrow, "Polars": by_polars}
# Kind → text, separator, the pairs that a person reads.
KINDS: dict[str, tuple[str, str, Rows]] = {
    "ids to the digit": ("user,item\n00123,1.23E+2\nNA,null\n", ",", [("00123", "1.23E+2"), ("NA", "null")]),
    "a line break in quotes": ('user,item\n"a\nb",x\nc,y\n', ",", [("a\nb", "x"), ("c", "y")]),
    "a row of three fields is left out": ("user,item\na,b,c\nd,e\n", ",", [("d", "e")]),
    "a row of one field is left out": ("user,item\na\nd,e\n", ",", [("d", "e")]),
    "a quote within a field": ('user,item\na"b,x\nc,y\n', ",", [('a"b', "x"), ("c", "y")]),
    "a byte that is no UTF-8 costs its row": ("user,item\na\udce9,x\nc,y\n", ",", [("c", "y")]),
    "two characters between": ("user::item\na::x\nc::y\n", "::", [("a", "x"), ("c", "y")]),
}


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        big = Path(folder) / "big.csv"
        random = np.random.default_rng(1)
        with big.open("w") as file:
            file.write("user,item\n")
            for _ in range(0, rows, 1_000_000):
                size = min(rows, 1_000_000)
                users, items = random.integers(0, 200_000, size).tolist(), (random.zipf(1.3, size) % 30_000).tolist()
                file.write("".join(f"user-{user},item-{item}\n" for user, item in zip(users, items, strict=True)))
        print(f"{rows:,} rows, {big.stat().st_size >> 20} MiB\n")
        print("| | seconds | MiB at most |", *(f"{kind} |" for kind in KINDS))
        print("| --- | ---: | ---: |", *("--- |" for _ in KINDS))
        for name in ENGINES:
            timed = in_process(name, str(big), ",", "count")
            if timed is None:
                print(f"| {name} | not installed |")
                continue
            cells = []
            for text, separator, expected in KINDS.values():
                odd = Path(folder) / "odd.csv"
                odd.write_bytes(text.encode("utf-8", "surrogateescape"))
                read = in_process(name, str(odd), separator, "rows")
                cells.append("right" if read and [tuple(row) for row in read["rows"]] == expected else "no")
            print(f"| {name} | {timed['seconds']:.1f} | {timed['peak']} |", *(f"{cell} |" for cell in cells))


def in_process(name: str, path: str, separator: str, what: str) -> dict | None:  # type: ignore[type-arg]
    ended = subprocess.run(
        [sys.executable, __file__, name, path, separator, what], capture_output=True, text=True, check=False
    )
    if "ModuleNotFoundError" in ended.stderr:
        return None
    return dict(json.loads(ended.stdout)) if ended.returncode == 0 else {"rows": [], "seconds": float("nan"), "peak": 0}


def one(name: str, path: str, separator: str, what: str) -> None:
    started = time.perf_counter()
    count, rows = ENGINES[name](path, separator)
    seconds = time.perf_counter() - started
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(
        json.dumps(
            {"seconds": seconds, "peak": int(peak[1]) >> 10, "count": count, "rows": rows() if what == "rows" else []}
        )
    )


if __name__ == "__main__":
    if len(sys.argv) == 5:
        one(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000)
