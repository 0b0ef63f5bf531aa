"""An import of many rows: seconds, and memory at most in each of its steps.

`npm run bench -- importing [--rows N] [--before CHECKOUT] [--rule JSON] [--service]` prints Markdown. With `--before`
the code of another checkout imports the same file first, and the two datasets have to be the same to the byte. Every
import is a process of its own, so that its peak is its own. With `--service` the command imports the file into a
service that is started for it: seconds from the upload to the dataset, and the memory of the child that imports, with
the pages that it shares with the trainer and by its part of them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parents[1]
USERS, ITEMS = 100_000, 20_000
DIGEST = "b" * 64

IMPORT = """
import json, re, sys, time
from pathlib import Path
from trainer.data.importing import ImportRule, Progress, SourceFile, import_dataset

def peak():
    # Not ru_maxrss, which begins with the size of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10

table, artifacts, rule, digest = sys.argv[1:]
started, steps, step = time.perf_counter(), {}, "loading"
for event in import_dataset(
    [SourceFile("interactions", Path(table), "big.csv")], ImportRule.parse(rule), Path(artifacts), digest
):
    if isinstance(event, Progress) and event.stage != step:
        steps[step] = peak()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        step = event.stage
steps[step] = peak()
print(json.dumps({"seconds": time.perf_counter() - started, "steps": steps, "statistics": event.statistics}))
"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=20_000_000)
    asked.add_argument("--before", type=Path, help="another checkout, whose code imports the same first")
    asked.add_argument("--rule", default="{}")
    asked.add_argument("--service", action="store_true", help="import it into a service of this checkout as well")
    asked.add_argument("--folder", type=Path, help="where the table and the datasets lie for a while")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        table = Path(folder) / "big.csv"
        _write(table, options.rows)
        print(f"{options.rows:,} rows, {table.stat().st_size / 1e6:,.0f} MB, rule {options.rule}\n")
        print("| | seconds | MiB at most | in each step |")
        print("| --- | ---: | ---: | --- |")
        manifests = []
        for name, checkout in (("before", options.before), ("now", HERE)):
            if checkout is None:
                continue
            artifacts = Path(folder) / name
            told = _imported(checkout, table, artifacts, options.rule)
            steps = ", ".join(f"{step} {peak:,}" for step, peak in told["steps"].items())
            print(f"| {name} | {told['seconds']:.1f} | {max(told['steps'].values()):,} | {steps} |", flush=True)
            manifests.append((artifacts / "datasets" / DIGEST / "manifest.json").read_bytes())
        print(f"\n{told['statistics']['interactions']:,} interactions are kept.")
        if len(set(manifests)) > 1:
            sys.exit("the two datasets differ")
        if options.service:
            seconds, whole, own = _imported_by_service(table, Path(folder) / "home")
            print(f"\nBy a service: {seconds:.1f} s from the upload to the dataset. The child that imports has")
            print(f"{whole:,} MiB at most, {own:,} MiB where a page that others have as well counts in parts.")


def _write(path: Path, rows: int) -> None:
    random = np.random.default_rng(20)
    with path.open("w") as file:
        file.write("user,item,rating,time\n")
        for start in range(0, rows, 1_000_000):
            size = min(rows - start, 1_000_000)
            rows_of = zip(*(random.integers(low, high, size).tolist() for low, high in _RANGES), strict=True)
            file.write("".join(f"{user},{item},{rating},{at}\n" for user, item, rating, at in rows_of))


_RANGES = ((0, USERS), (0, ITEMS), (1, 6), (1_400_000_000, 1_750_000_000))


def _imported(checkout: Path, table: Path, artifacts: Path, rule: str) -> dict:  # type: ignore[type-arg]
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT, str(table), str(artifacts), rule, DIGEST],
        env={**os.environ, "PYTHONPATH": str(checkout / "services" / "trainer-py")},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        sys.exit(ended.stderr)
    return dict(json.loads(ended.stdout))


def _imported_by_service(table: Path, home: Path) -> tuple[float, int, int]:
    """Seconds, and MiB at most: resident, and proportional."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["node", "services/cli/valence.mjs"]
    home_and_url = {"VALENCE_HOME": str(home), "VALENCE_URL": f"http://127.0.0.1:{port}", "PORT": str(port)}
    env = {**os.environ, **home_and_url}
    quiet = {"cwd": HERE, "env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    service = subprocess.Popen([*command, "start"], **quiet)  # type: ignore[call-overload]
    try:
        while not _is_ready(port):
            if service.poll() is not None:
                sys.exit("the service does not start")
            time.sleep(0.5)
        started, peaks = time.perf_counter(), [0, 0]
        importing = subprocess.Popen([*command, "import", str(table)], **quiet)  # type: ignore[call-overload]
        while importing.poll() is None:
            peaks = [max(pair) for pair in zip(peaks, _memory_of_child(home), strict=True)]
            time.sleep(0.1)
        seconds = time.perf_counter() - started
        if importing.returncode != 0:
            sys.exit("the service did not import it")
        return seconds, peaks[0], peaks[1]
    finally:
        service.send_signal(signal.SIGINT)
        service.wait()


def _is_ready(port: int) -> bool:
    with suppress(OSError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def _memory_of_child(home: Path) -> tuple[int, int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            title = (process / "cmdline").read_text()
            if title.startswith("trainer.child import") and str(home) in title:
                whole = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())
                part = re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.M)
                return tuple(int(found[1]) >> 10 if found else 0 for found in (whole, part))  # type: ignore[return-value]
    return 0, 0


if __name__ == "__main__":
    main()
