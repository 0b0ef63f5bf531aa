"""The few checkpoints kept in memory: loaded once, used by many, dropped when long unused."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    def close(self) -> None: ...


Key = TypeVar("Key")
Value = TypeVar("Value", bound=Closable)


class _Entry(Generic[Value]):
    def __init__(self) -> None:
        self.loaded: Future[Value] = Future()
        self.users = 0


class LoadedCache(Generic[Key, Value]):
    """At most `capacity` loaded values, the least recently used leaves first.

    Callers who want the same key at once share one load. A load that fails is told to all who wait for it and leaves
    everything else as it was. A value is closed only when nobody uses it any more; it may so outlive its place in
    the cache by one request.
    """

    def __init__(self, load: Callable[[Key], Value], capacity: int) -> None:
        self._load = load
        self._capacity = capacity
        self._entries: OrderedDict[Key, _Entry[Value]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def use(self, key: Key) -> Iterator[Value]:
        """Raises whatever loading raises."""
        with self._lock:
            entry = self._entries.get(key)
            is_first = entry is None
            if entry is None:
                entry = self._entries[key] = _Entry()
            self._entries.move_to_end(key)
            entry.users += 1
        try:
            if is_first:
                self._fill(key, entry)
            yield entry.loaded.result()
        finally:
            with self._lock:
                entry.users -= 1
                unused = self._take_unused()
            for left in unused:
                left.loaded.result().close()

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def close(self) -> None:
        """Closes every value; call it when no request runs any more."""
        with self._lock:
            entries = list(self._entries.values())
            self._entries.clear()
        for entry in entries:
            entry.loaded.result().close()

    def _fill(self, key: Key, entry: _Entry[Value]) -> None:
        try:
            entry.loaded.set_result(self._load(key))
        except BaseException as error:
            with self._lock:
                del self._entries[key]
            entry.loaded.set_exception(error)

    def _take_unused(self) -> list[_Entry[Value]]:
        """Removes entries beyond the capacity, oldest first, passing over those in use. Needs the lock."""
        # A load that is still going on, and may fail, pushes nobody out.
        loaded = sum(entry.loaded.done() for entry in self._entries.values())
        idle = [key for key, entry in self._entries.items() if entry.users == 0]
        return [self._entries.pop(key) for key in idle[: max(0, loaded - self._capacity)]]
