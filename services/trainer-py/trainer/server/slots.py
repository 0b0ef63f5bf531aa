"""How many calls of one kind are answered at once; more are told to come again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Busy


class Slots:
    """said  to who comes when all are taken."""

    def __init__(self, count: int, said: str) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._said = said

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises Busy."""
        if not self._free.acquire(blocking=False):
            raise Busy(self._said)
        try:
            yield
        finally:
            self._free.release()
