import pytest
import torch

from trainer.serving import compute as module
from trainer.serving.compute import WORTH_WAITING, compute, take_cores


def test_small_computations_stay_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 2)

    def cores_for(scores: int) -> int:
        take_cores(scores)
        return torch.get_num_threads()

    asked = (WORTH_WAITING - 1, WORTH_WAITING, 1)
    assert [compute.submit(cores_for, scores).result() for scores in asked] == [1, 2, 1]
