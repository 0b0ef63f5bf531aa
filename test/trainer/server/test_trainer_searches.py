"""The real trainer process over real gRPC: a search, from proposals to the weights of its fields."""

import json
import math
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import trainer
from trainer.data import dataset
from trainer.pb.trainer.v1 import searching_pb2 as se
from trainer.pb.trainer.v1 import trainer_pb2 as pb
from trainer_process import SECONDS, Server, Stub, refused, request, train

RANDOM, TPE = se.SEARCH_STRATEGY_RANDOM, se.SEARCH_STRATEGY_TPE
RUNNING, COMPLETE, PRUNED = se.SEARCH_TRIAL_STATE_RUNNING, se.SEARCH_TRIAL_STATE_COMPLETE, se.SEARCH_TRIAL_STATE_PRUNED
# Ten at random, and some with what those taught; whether they beat chance is tested beside proposing.
TRIALS = 14
SPACE = [
    se.SearchDimension(field="alpha0", range=se.SearchRange(low=1e-4, high=10, log=True)),
    se.SearchDimension(field="reg_weight", range=se.SearchRange(low=1e-5, high=100, log=True)),
    se.SearchDimension(field="nu", range=se.SearchRange(low=0, high=2, step=0.1)),
    se.SearchDimension(field="embedding_size", choices=se.SearchChoices(values_json=["2", "4", "8", "16"])),
]


def plan(strategy: int = TPE, space: list[se.SearchDimension] = SPACE) -> se.SearchPlan:
    return se.SearchPlan(strategy=strategy, seed=3, space=space)


def trial(number: int, *values: float, state: int = COMPLETE, chosen: str = "") -> se.SearchTrial:
    return se.SearchTrial(number=number, state=state, values=values, chosen_json=chosen)


@dataclass
class Search:
    """What the worker does of a search: asks, trains, and tells."""

    stub: Stub
    dataset_key: str
    trained: dict[str, list[float]] = field(default_factory=dict)

    def run(self, strategy: int, trials: int) -> list[se.SearchTrial]:
        told: list[se.SearchTrial] = []
        for number in range(trials):
            asked = se.ProposeTrialRequest(plan=plan(strategy), trials=told, number=number)
            chosen = self.stub.ProposeTrial(asked, timeout=SECONDS).chosen_json
            told.append(trial(number, *self.values_of(chosen), chosen=chosen))
        return told

    def values_of(self, chosen: str) -> list[float]:
        """Validation recall of each epoch."""
        if chosen not in self.trained:
            config = json.dumps({**json.loads(chosen), "epochs": 2})
            answers = train(self.stub, request(config, model="ials", dataset_key=self.dataset_key))
            epochs = [answer.epoch for answer in answers if answer.WhichOneof("event") == "epoch"]
            self.trained[chosen] = [
                next(one.value for one in epoch.metrics if one.name == "recall@20") for epoch in epochs
            ]
        return self.trained[chosen]


@pytest.fixture(scope="module")
def search(server: Server) -> Search:
    _, stub = server
    files = [
        pb.DatasetFile(role=file.role, upload_key=file.upload_key, display_name=file.display_name)
        for file in stub.StageSample(pb.StageSampleRequest(), timeout=SECONDS).files
    ]
    digest = uuid.uuid4().hex * 2
    message = pb.ImportDatasetRequest(dataset_id="sample", files=files, rule_json="{}", digest=digest)
    list(stub.ImportDataset(message, timeout=SECONDS))
    return Search(stub, dataset.key_of(digest))


def test_a_search_on_the_sample_from_proposals_to_the_weights_of_its_fields(search: Search) -> None:
    random, tpe = search.run(RANDOM, 10), search.run(TPE, TRIALS)
    # TPE begins at random: with the same seed by the same draws.
    assert [one.chosen_json for one in random] == [one.chosen_json for one in tpe[:10]]
    assert len({one.chosen_json for one in tpe}) == TRIALS
    assert max(max(one.values) for one in tpe) > 0.3

    again = se.ProposeTrialRequest(plan=plan(), trials=tpe[:12][::-1], number=12)
    assert search.stub.ProposeTrial(again, timeout=SECONDS).chosen_json == tpe[12].chosen_json

    weights = search.stub.WeighFields(se.WeighFieldsRequest(plan=plan(), trials=tpe), timeout=SECONDS).fields
    assert {one.field for one in weights} == {one.field for one in SPACE}
    assert sum(one.share for one in weights) == pytest.approx(1)
    assert [one.share for one in weights] == sorted((one.share for one in weights), reverse=True)


def test_a_trial_is_judged_at_its_rungs(stub: Stub) -> None:
    def rung(*values: float) -> se.JudgeTrialResponse:
        others = [trial(number, 0.2, 0.3, 0.4, state=PRUNED) for number in range(3)]
        judged = trial(3, *values, state=RUNNING)
        asked = se.JudgeTrialRequest(
            trials=[judged, *others], number=3, halving=se.Halving(least_epochs=1, factor=3)
        )  # fmt: skip
        return stub.JudgeTrial(asked, timeout=SECONDS)

    assert rung(0.1) == se.JudgeTrialResponse(prune=True, rung=1)
    assert rung(0.3) == se.JudgeTrialResponse()
    assert rung(0.3, 0.1) == se.JudgeTrialResponse()
    assert rung(0.3, 0.1, 0.1) == se.JudgeTrialResponse(prune=True, rung=3)
    assert rung(0.3, 0.1, math.nan) == se.JudgeTrialResponse(prune=True, rung=3)


CHOSEN = '{"x": 0.5}'
ONE = se.SearchDimension(field="x", range=se.SearchRange(low=0, high=1))
HALVING = se.Halving(least_epochs=1, factor=3)


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (se.ProposeTrialRequest(), "plan.strategy"),
        (se.ProposeTrialRequest(plan=plan(space=[])), "plan.space"),
        (se.ProposeTrialRequest(plan=plan(space=[se.SearchDimension(field="x")])), "plan.space[0].of"),
        (se.ProposeTrialRequest(plan=plan(space=[*SPACE, SPACE[0]])), "plan.space[4].field"),
        (
            se.ProposeTrialRequest(plan=plan(space=[se.SearchDimension(range=ONE.range)])),
            "plan.space[0].field",
        ),
        (
            se.ProposeTrialRequest(plan=plan(space=[ONE, se.SearchDimension(field="y", range=se.SearchRange())])),
            "plan.space[1].range.high",
        ),
        (
            se.ProposeTrialRequest(plan=plan(space=[se.SearchDimension(field="x", choices=se.SearchChoices())])),
            "plan.space[0].choices.values_json",
        ),
        (se.ProposeTrialRequest(plan=plan(), number=-1), "number"),
        (se.ProposeTrialRequest(plan=plan(space=[ONE]), trials=[trial(0, chosen=CHOSEN)]), "number"),
        (se.ProposeTrialRequest(plan=plan(space=[ONE]), trials=[trial(0)], number=1), "trials[0].chosen_json"),
        (
            se.ProposeTrialRequest(plan=plan(space=[ONE]), trials=[trial(0, state=0, chosen=CHOSEN)], number=1),
            "trials[0].state",
        ),
        (
            se.WeighFieldsRequest(plan=plan(space=[ONE]), trials=[trial(1, chosen=CHOSEN)] * 2),
            "trials[1].number",
        ),
        (se.WeighFieldsRequest(plan=plan(space=[ONE]), trials=[trial(1, chosen='{"y": 1}')]), "trials[0].chosen_json"),
        (se.WeighFieldsRequest(plan=se.SearchPlan(strategy=TPE, seed=-1, space=[ONE])), "plan.seed"),
        (se.JudgeTrialRequest(), "halving.least_epochs"),
        (se.JudgeTrialRequest(halving=se.Halving(least_epochs=1, factor=1)), "halving.factor"),
        (se.JudgeTrialRequest(halving=HALVING, trials=[trial(0, 0.5)], number=1), "number"),
        (se.JudgeTrialRequest(halving=HALVING, trials=[trial(0)]), "number"),
        (se.JudgeTrialRequest(halving=HALVING, trials=[trial(-1, 0.5)], number=-1), "trials[0].number"),
    ],
)
def test_what_cannot_be_asked_names_its_field(stub: Stub, message: Any, place: str) -> None:
    call = getattr(stub, type(message).__name__.removesuffix("Request"))
    assert refused(lambda: call(message, timeout=SECONDS))[:3] == ("INVALID_ARGUMENT", "invalid_request", place)


def test_the_trainer_starts_without_optuna() -> None:
    script = "import sys, trainer.server.trainer_server; sys.exit('optuna' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == 0


def test_two_first_questions_at_once_both_load_optuna() -> None:
    code = """
import threading
from trainer.pb.trainer.v1 import searching_pb2 as pb
from trainer.server import searching
failures = []
def ask(question, message):
    try:
        question(message)
    except ImportError as error:
        failures.append(error)
    except Exception:
        pass
asked = [(searching.proposal, pb.ProposeTrialRequest()), (searching.weights, pb.WeighFieldsRequest())]
threads = [threading.Thread(target=ask, args=one) for one in asked * 4]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(failures))
"""
    service = Path(trainer.__file__).parents[1]
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=service)
    assert (told.stdout.strip(), told.stderr) == ("0", "")
