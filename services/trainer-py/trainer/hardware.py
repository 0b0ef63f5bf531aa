"""What this machine has: its devices, and how much memory may be taken."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

# Of a memory limit, by the version of the kernel's control groups.
_LIMIT_FILES = ("memory.max", "memory.limit_in_bytes")


@dataclass(frozen=True)
class Device:
    """kind: cpu or cuda."""

    kind: str
    name: str
    memory_bytes: int


def devices() -> list[Device]:
    """The processors as one, with the memory of the machine, then each GPU with its own."""
    found = [Device("cpu", _processor(), memory_bytes())]
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(number)
            found.append(Device("cuda", properties.name, int(properties.total_memory)))
    return found


def memory_bytes(root: Path = Path("/")) -> int:
    """Of the host, or of the container where that may take less: a process that needs more is killed.

    root: where /proc and /sys lie.
    """
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([host, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    """Those of this process's control group and of all above it; each of them holds (man 7 cgroups)."""
    groups = root / "proc/self/cgroup"
    for line in groups.read_text().splitlines() if groups.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        # A container may see the path of its host, which is not there; what it sees at the top is its own then.
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            for name in _LIMIT_FILES:
                limit = folder / name
                if limit.exists() and (text := limit.read_text().strip()).isdecimal():
                    yield int(text)
            if folder == top:
                break


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    for line in information.read_text().splitlines() if information.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
