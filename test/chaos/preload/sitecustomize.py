"""Loaded into every Python process of the campaign before its own code: a disk that takes its time to sync."""

from __future__ import annotations

import os
import time
from pathlib import Path

SLOW = Path(os.environ.get("CHAOS_FOLDER", "/nonexistent")) / "disk-slow"
SECONDS = 1.5
_sync = os.fsync


def _slow_sync(descriptor: int) -> None:
    if SLOW.exists():
        time.sleep(SECONDS)
    _sync(descriptor)


os.fsync = _slow_sync
