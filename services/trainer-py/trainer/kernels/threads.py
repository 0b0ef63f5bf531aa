"""Work spread over threads that each compute on one core, in place of PyTorch's threads inside an operation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import TypeVar

import torch

T = TypeVar("T")
_turn = Lock()  # the number of PyTorch's threads is one number of the whole process


@cache
def cores() -> int:
    """PyTorch's number of threads, asked once: a thread that starts while `spread` runs would be told 1."""
    return torch.get_num_threads()


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="decoder", initializer=torch.set_num_threads, initargs=(1,))


def spread(work: Callable[[int, int], T], workers: int) -> list[T]:
    """The results of work(0, workers) .. work(workers - 1, workers), in this order."""
    if workers == 1:
        return [work(0, 1)]
    with _turn:
        torch.get_num_threads()  # a thread takes over the process's number when it first asks: not while that is 1
        torch.set_num_threads(1)
        try:
            pool = _pool(cores())
            running = [pool.submit(work, number, workers) for number in range(workers)]
            return [done.result() for done in running]
        finally:
            torch.set_num_threads(cores())
