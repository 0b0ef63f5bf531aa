"""A real S3 server of its own on free ports, with one bucket, and the environment that reaches it."""

import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUCKET = "artifacts"
SECONDS = 60
GRPC_ABOVE = 10_000  # what SeaweedFS adds to each port for the one beside it


def _ports(count: int) -> list[int]:
    """Free ones whose companions are free as well."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe, socket.socket() as beside:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            try:
                beside.bind(("127.0.0.1", port + GRPC_ABOVE))
            except (OSError, OverflowError):
                continue
            found.append(port)
    return found


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """The environment that reaches it."""
    master, volume, filer, s3 = _ports(4)
    weed = Path(sysconfig.get_path("scripts"), "weed")
    command = [weed, "server", "-s3", "-dir", folder, "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"]
    command += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
    # Doors that nobody asks for, on ports that another one on this machine may have.
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=64", "-volume.max=100"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            address = f"http://127.0.0.1:{s3}"
            _make_bucket(f"{address}/{BUCKET}")
            yield {
                "AWS_ENDPOINT_URL": address,
                "AWS_ALLOW_HTTP": "true",
                "AWS_ACCESS_KEY_ID": "any",
                "AWS_SECRET_ACCESS_KEY": "a secret that nobody may read",
                "AWS_REGION": "us-east-1",
            }
        finally:
            process.kill()


def _make_bucket(address: str) -> None:
    """As soon as there is somebody to make it."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            asked = urllib.request.Request(address, method="PUT")  # noqa: S310 - of ours
            with urllib.request.urlopen(asked, timeout=10):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, f"no S3 server within {SECONDS} s"
            time.sleep(0.1)
