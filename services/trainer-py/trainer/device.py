"""Where tensors live, and how much memory the process has needed."""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path

import torch

from .errors import InvalidRequest

_NAME = re.compile(r"auto|cpu|cuda(:\d+)?")


def choose(name: str, processes: int = 1) -> torch.device:
    """auto takes CUDA where there is one, else the CPU. Several processes have a GPU each. Raises InvalidRequest for
    what this machine has not got."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest("device is auto, cpu, cuda or cuda:N", field="device")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InvalidRequest("this machine has no CUDA device; ask for auto or cpu", field="device")
    if name.startswith("cuda") and processes > 1:
        if name != "cuda":
            raise InvalidRequest(
                f"{name} is one GPU, and {processes} processes have one each; ask for cuda", field="device"
            )
        if torch.cuda.device_count() < processes:
            message = f"{processes} processes need a GPU each, and this machine has {torch.cuda.device_count()}"
            raise InvalidRequest(message, field="processes")
    return torch.device(name)


def make_deterministic() -> None:
    """Sums in a fixed order, so that a resumed run ends with the bits of an undisturbed one. Before any CUDA."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats its sums only with such a workspace
    # The same as torch.use_deterministic_algorithms(True, warn_only=True), which loads the compiler for seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def describe(device: torch.device) -> str:
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"


def peak_memory_bytes() -> int:
    """Most memory of the GPU where this process uses one, else of the process."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return max(int(torch.cuda.max_memory_allocated(number)) for number in range(torch.cuda.device_count()))
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose ru_maxrss starts with the peak of the process that started this one
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
