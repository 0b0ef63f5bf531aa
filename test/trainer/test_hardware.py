"""How much memory may be taken: the least of what the host has and the limits that the process is under."""

from pathlib import Path

import psutil
import pytest

from trainer import hardware

GIB = 1 << 30


def limited(root: Path, groups: str, **limits: str) -> int:
    """groups: /proc/self/cgroup. limits: contents by path below /sys/fs/cgroup, with __ for /."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in limits.items():
        file = root / "sys/fs/cgroup" / name.replace("__", "/").replace("memory_", "memory.")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return hardware.memory_bytes(root)


def test_without_control_groups_it_is_the_host(tmp_path: Path) -> None:
    assert abs(hardware.memory_bytes(tmp_path) - psutil.virtual_memory().total) < GIB


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {"memory_max": "1048576\n"}, 1 << 20),
        ("0::/pod/trainer\n", {"pod__trainer__memory_max": "max\n", "pod__memory_max": "2097152\n"}, 2 << 20),
        ("0::/of/the/host\n", {"memory_max": "3145728\n"}, 3 << 20),
        ("4:cpu,cpuacct:/a\n3:memory:/a\n", {"memory__a__memory_limit_in_bytes": "4194304\n"}, 4 << 20),
    ],
)
def test_the_least_limit_holds(tmp_path: Path, groups: str, limits: dict[str, str], expected: int) -> None:
    assert limited(tmp_path, groups, **limits) == expected


def test_a_limit_above_what_the_host_has_is_none(tmp_path: Path) -> None:
    assert limited(tmp_path, "1:memory:/\n", memory__memory_limit_in_bytes="9223372036854771712\n") < 1 << 50
