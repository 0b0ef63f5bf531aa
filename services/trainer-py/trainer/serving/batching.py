"""One thread that answers the questions which arrive together in one pass."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass
class _Waiting(Generic[Question, Answer]):
    question: Question
    wanted: Callable[[], bool]
    future: Future[Answer] = field(default_factory=Future)


class Batcher(Generic[Question, Answer]):
    """Collects questions into batches of at most `largest` and answers each batch with one call of `answer`.

    There is no timer: a batch is what has queued up while the one before it was computed. A lone request is never
    held back, and under load batches grow by themselves (`bench/serving.py` has the figures: a wait of 2 ms made a lone
    request slower by those 2 ms and gained no throughput).
    """

    def __init__(self, answer: Callable[[Sequence[Question]], Sequence[Answer]], largest: int, name: str) -> None:
        self._answer = answer
        self._largest = largest
        self._queue: queue.SimpleQueue[_Waiting[Question, Answer] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, question: Question, wanted: Callable[[], bool] = lambda: True) -> Future[Answer]:
        """The answer to come. It is cancelled when `wanted` says false by the time its turn comes."""
        waiting = _Waiting[Question, Answer](question, wanted)
        self._queue.put(waiting)
        return waiting.future

    def close(self) -> None:
        """Answers what is queued, then ends the thread. Nothing may be submitted any more."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        closing = False
        while not closing:
            batch = []
            waiting = self._queue.get()
            while True:
                if waiting is None:
                    closing = True
                    break
                # A caller whose deadline has passed is not worth a place in the batch.
                if waiting.future.set_running_or_notify_cancel() and self._is_wanted(waiting):
                    batch.append(waiting)
                if len(batch) == self._largest or self._queue.empty():
                    break
                waiting = self._queue.get()
            if batch:
                self._settle(batch)

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
