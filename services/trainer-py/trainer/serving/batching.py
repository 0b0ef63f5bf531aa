"""Questions that arrive together are answered in one pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass
class _Waiting(Generic[Question, Answer]):
    question: Question
    wanted: Callable[[], bool]
    future: Future[Answer] = field(default_factory=Future)


class Batcher(Generic[Question, Answer]):
    """Collects questions into batches of at most `largest` and answers each batch with one call of `answer` on a thread
    of `compute`, one batch at a time.

    There is no timer: a batch is what has queued up while the one before it was computed. A lone request is never
    held back, and under load batches grow by themselves (`bench/serving.py` has the figures: a wait of 2 ms made a lone
    request slower by those 2 ms and gained no throughput).
    """

    def __init__(
        self, answer: Callable[[Sequence[Question]], Sequence[Answer]], largest: int, compute: Executor
    ) -> None:
        self._answer = answer
        self._largest = largest
        self._compute = compute
        self._queue: deque[_Waiting[Question, Answer]] = deque()
        self._lock = Lock()
        self._turn: Future[None] | None = None  # the turn of what is queued, once it is asked for

    def submit(self, question: Question, wanted: Callable[[], bool] = lambda: True) -> Future[Answer]:
        """The answer to come. It is cancelled when `wanted` says false by the time its turn comes."""
        waiting = _Waiting[Question, Answer](question, wanted)
        with self._lock:
            self._queue.append(waiting)
            if self._turn is None:
                self._turn = self._compute.submit(self._work)
        return waiting.future

    def close(self) -> None:
        """Waits until what is queued is answered. Nothing may be submitted any more."""
        while True:
            with self._lock:
                turn = self._turn
            if turn is None:
                return
            turn.result()

    def _work(self) -> None:
        """One batch; the next one waits for its turn behind what others have asked for meanwhile."""
        with self._lock:
            some = [self._queue.popleft() for _ in range(min(self._largest, len(self._queue)))]
        # A caller whose deadline has passed is not worth a place in the batch.
        batch = [one for one in some if one.future.set_running_or_notify_cancel() and self._is_wanted(one)]
        if batch:
            self._settle(batch)
        with self._lock:
            self._turn = self._compute.submit(self._work) if self._queue else None

    @staticmethod
    def _is_wanted(waiting: _Waiting[Question, Answer]) -> bool:
        if waiting.wanted():
            return True
        waiting.future.set_exception(TimeoutError("the caller has gone"))
        return False

    def _settle(self, batch: list[_Waiting[Question, Answer]]) -> None:
        try:
            answers = self._answer([waiting.question for waiting in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            # One question that cannot be answered must not fail those that happened to stand beside it.
            for waiting in batch:
                self._settle([waiting])
            return
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.future.set_result(answer)
