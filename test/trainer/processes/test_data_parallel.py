"""What several processes compute together is what one computes: losses, gradients and lists, noise included."""

import json
from pathlib import Path
from typing import Any

import pytest

from alone_and_together import BATCHES, CASES, PROCESSES, USERS, launched
from trainer.errors import InvalidRequest
from trainer.process_group import ProcessGroup
from trainer.server.children import FORKED
from trainer.training.experiment import RunSpec, run
from trainer.training.protocol import Protocol


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("compared") / "found.json"
    process = FORKED.Process(target=launched, args=(out,))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    answer: dict[str, Any] = json.loads(out.read_text())
    return answer


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_those_of_one_process(found: dict[str, Any], case: str, batch: str) -> None:
    one = found[f"{case}, {batch}"]
    alone, together = one["loss"]
    assert together == pytest.approx(alone, rel=1e-9)
    assert one["names"][0] == one["names"][1] != []
    assert one["largest"] > 1e-4
    assert one["off"] < 1e-9 * max(1, one["largest"])


def test_lists_and_values_of_users_are_those_of_one_process(found: dict[str, Any]) -> None:
    lists = found["lists"]
    assert lists["metrics"][0] == lists["metrics"][1]
    assert lists["metrics"][0]["recall@20"] > 0
    assert lists["users"] == USERS
    assert lists["differ"] == []
    assert lists["top"]
    # A near tie that is rounded the other way is an item more or less of one user.
    alone, together = lists["in float32"]
    assert together == pytest.approx(alone, abs=0.02)


def test_measuring_what_all_have_ranked_gives_signs_of_life(found: dict[str, Any]) -> None:
    own = USERS // PROCESSES
    assert found["lists"]["signs"] == [[own, own], [USERS, USERS]]


def test_a_model_that_cannot_says_which_can(tmp_path: Path) -> None:
    spec = RunSpec("8" * 8 + "-0000-4000-8000-" + "0" * 12, "recvae", "{}", "datasets/" + "a" * 64, 1, Protocol())
    with pytest.raises(InvalidRequest, match=r"recvae cannot be trained in 2 processes; .*, valid") as caught:
        next(run(spec, tmp_path, group=ProcessGroup(0, 2)))
    assert caught.value.field == "processes"
