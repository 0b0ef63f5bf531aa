"""Who speaks for a run or an export: of two calls that work on the same one, the one with the newer lease."""

from __future__ import annotations

import threading

from ..errors import StaleLease


class Owners:
    """The highest lease seen of each piece of work: a newer call ends an older one, an older one is refused."""

    def __init__(self) -> None:
        self._leases: dict[str, int] = {}
        self._changed = threading.Condition()
        self._active: set[str] = set()

    def own(self, work_id: str, lease: int) -> Ownership:
        return Ownership(self, work_id, lease)

    def enter(self, work_id: str, lease: int) -> None:
        with self._changed:
            if self._leases.get(work_id, -1) >= lease and work_id in self._active:
                raise StaleLease("a call with this lease or a newer one is under way", field="lease")
            if self._leases.get(work_id, -1) > lease:
                raise StaleLease("a newer owner of this work has called already", field="lease")
            self._leases[work_id] = lease
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: work_id not in self._active, timeout=10):
                raise StaleLease("the former call for this work has not ended yet", field="lease")
            if self._leases[work_id] != lease:
                raise StaleLease("a newer owner of this work has called already", field="lease")
            self._active.add(work_id)

    def leave(self, work_id: str) -> None:
        with self._changed:
            self._active.discard(work_id)
            self._changed.notify_all()

    def is_current(self, work_id: str, lease: int) -> bool:
        return self._leases.get(work_id) == lease


class Ownership:
    """Context of one Train or Export call; its value tells whether the call still speaks for the work."""

    def __init__(self, owners: Owners, work_id: str, lease: int) -> None:
        self._owners, self._work_id, self._lease = owners, work_id, lease

    def __enter__(self) -> Ownership:
        self._owners.enter(self._work_id, self._lease)
        return self

    def __exit__(self, *_: object) -> None:
        self._owners.leave(self._work_id)

    def __call__(self) -> bool:
        return self._owners.is_current(self._work_id, self._lease)
