"""Serves one peer on a port until its standard input closes: whatever it has started ends with it.

python -m peers.serve fastapi|bentoml|bentoml-batching|mlflow PORT FOLDER
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

BIN = Path(sys.executable).parent
END_SECONDS = 5


def command(name: str, port: str, folder: str) -> list[str]:
    """How the peer's own documentation serves; `folder` is empty and its own."""
    at = ["--host", "127.0.0.1", "--port", port]
    match name:
        case "fastapi":
            return [str(BIN / "uvicorn"), "peers.with_fastapi:app", *at, "--log-level", "warning"]
        case "bentoml":
            return [str(BIN / "bentoml"), "serve", "peers.with_bentoml:Recommender", *at]
        case "bentoml-batching":
            return [str(BIN / "bentoml"), "serve", "peers.with_bentoml:BatchingRecommender", *at]
        case "mlflow":
            model = str(Path(folder) / "model")
            subprocess.run([sys.executable, "-m", "peers.with_mlflow", model], check=True)
            return [str(BIN / "mlflow"), "models", "serve", "-m", model, "--env-manager", "local", *at]
    raise SystemExit(f"no peer is called {name}")


def main() -> int:
    name, port, folder = sys.argv[1:]
    with subprocess.Popen(command(name, port, folder), stdin=subprocess.DEVNULL) as server:

        def end(*_: int | FrameType | None) -> None:
            """Ends the whole process group, which is ours alone: the peers start workers of their own."""
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.killpg(0, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.wait(END_SECONDS)
            os.killpg(0, signal.SIGKILL)

        signal.signal(signal.SIGTERM, end)
        threading.Thread(target=end_with_stdin, daemon=True).start()
        return server.wait()


def end_with_stdin() -> None:
    """Signals are handled in the main thread alone."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
