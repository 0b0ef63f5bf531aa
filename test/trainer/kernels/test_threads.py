"""Work on several threads: results in order, errors to the caller, PyTorch's own threads as they were."""

import threading

import pytest
import torch

from trainer.kernels.threads import cores, spread


def test_results_come_in_the_order_of_the_numbers() -> None:
    assert spread(lambda number, workers: (number, workers), cores()) == [(n, cores()) for n in range(cores())]


def test_inside_every_operation_has_one_thread_and_outside_as_many_as_before() -> None:
    before = torch.get_num_threads()
    inside = spread(lambda *_: torch.get_num_threads(), max(cores(), 2))
    assert set(inside) == {1}
    assert torch.get_num_threads() == before


def test_an_error_reaches_the_caller_and_leaves_the_threads_as_they_were() -> None:
    before = torch.get_num_threads()

    def fails(number: int, workers: int) -> None:
        raise ValueError(f"{number} of {workers}")

    with pytest.raises(ValueError, match="0 of 2"):
        spread(fails, 2)
    assert torch.get_num_threads() == before


def test_callers_on_many_threads_do_not_leave_one_with_fewer() -> None:
    cores()
    seen: list[int] = []

    def caller() -> None:
        for _ in range(20):
            spread(lambda *_: torch.ones(10).sum(), 2)
        seen.append(torch.get_num_threads())

    callers = [threading.Thread(target=caller) for _ in range(6)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert seen == [cores()] * 6
