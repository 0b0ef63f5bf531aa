import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from trainer.serving.batching import Batcher


class Doubler:
    """Doubles numbers; stands still while `gate` is shut, so that questions queue up."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[list[int]] = []

    def __call__(self, questions: Sequence[int]) -> list[int]:
        self.gate.wait(10)
        self.batches.append(list(questions))
        if 13 in questions:
            raise ValueError("unlucky")
        return [2 * question for question in questions]


@pytest.fixture
def doubler() -> Doubler:
    return Doubler()


@pytest.fixture
def compute() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one_thread:
        yield one_thread


@pytest.fixture
def batcher(doubler: Doubler, compute: ThreadPoolExecutor) -> Iterator[Batcher[int, int]]:
    batcher = Batcher[int, int](doubler, largest=4, compute=compute)
    yield batcher
    doubler.gate.set()
    batcher.close()


def queue_behind_the_gate(batcher: Batcher[int, int], doubler: Doubler, questions: Sequence[int]) -> list[Future[int]]:
    doubler.gate.clear()
    first = batcher.submit(0)
    while not first.running():
        time.sleep(0.001)
    waiting = [batcher.submit(question) for question in questions]
    doubler.gate.set()
    return waiting


def test_each_gets_its_own_answer_and_those_that_wait_share_a_batch(
    batcher: Batcher[int, int], doubler: Doubler
) -> None:
    waiting = queue_behind_the_gate(batcher, doubler, range(1, 11))
    assert [future.result(5) for future in waiting] == [2 * question for question in range(1, 11)]
    assert [len(batch) for batch in doubler.batches] == [1, 4, 4, 2]


def test_a_lone_question_is_answered_at_once(batcher: Batcher[int, int]) -> None:
    started = time.perf_counter()
    assert batcher.submit(21).result(5) == 42
    assert time.perf_counter() - started < 0.5


def test_one_that_fails_does_not_fail_its_neighbours(batcher: Batcher[int, int], doubler: Doubler) -> None:
    waiting = queue_behind_the_gate(batcher, doubler, [1, 13, 2])
    assert waiting[0].result(5) == 2
    assert waiting[2].result(5) == 4
    with pytest.raises(ValueError, match="unlucky"):
        waiting[1].result(5)


def test_nothing_is_computed_for_a_caller_who_has_gone(batcher: Batcher[int, int], doubler: Doubler) -> None:
    doubler.gate.clear()
    first = batcher.submit(0)
    while not first.running():
        time.sleep(0.001)
    gone = batcher.submit(7, wanted=lambda: False)
    cancelled = batcher.submit(8)
    assert cancelled.cancel()
    stays = batcher.submit(9)
    doubler.gate.set()
    assert stays.result(5) == 18
    with pytest.raises(TimeoutError):
        gone.result(5)
    assert doubler.batches == [[0], [9]]


def test_close_answers_what_is_queued(doubler: Doubler, compute: ThreadPoolExecutor) -> None:
    batcher = Batcher[int, int](doubler, largest=4, compute=compute)
    waiting = queue_behind_the_gate(batcher, doubler, range(1, 8))
    batcher.close()
    assert [future.result(0) for future in waiting] == [2 * question for question in range(1, 8)]
