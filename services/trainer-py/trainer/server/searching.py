"""Questions about a search, from messages and to messages."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ..errors import InvalidRequest
from ..pb.trainer.v1 import searching_pb2 as pb
from ..searching import (
    Dimension,
    Halving,
    Plan,
    Space,
    Trial,
    TrialState,
    by_number,
    in_range,
    one_of,
    rung_of_end,
)

_STATES = {
    pb.SEARCH_TRIAL_STATE_RUNNING: TrialState.RUNNING,
    pb.SEARCH_TRIAL_STATE_COMPLETE: TrialState.COMPLETE,
    pb.SEARCH_TRIAL_STATE_PRUNED: TrialState.PRUNED,
    pb.SEARCH_TRIAL_STATE_FAILED: TrialState.FAILED,
}


# Two threads that load Optuna at once each meet the half that the other has, and no later one gets it whole either.
_LOADING = threading.Lock()


def proposal(request: pb.ProposeTrialRequest) -> pb.ProposeTrialResponse:
    """Raises InvalidRequest."""
    with _LOADING:  # a second, which the trainer's start does not pay
        from ..searching.proposing import propose

    plan = _plan(request.plan)
    places = propose(plan, _trials(request.trials, plan.space), request.number)
    return pb.ProposeTrialResponse(chosen_json=plan.space.written(places))


def judgement(request: pb.JudgeTrialRequest) -> pb.JudgeTrialResponse:
    """Raises InvalidRequest."""
    halving = Halving(request.halving.least_epochs, request.halving.factor)
    rung = rung_of_end(_trials(request.trials), request.number, halving)
    return pb.JudgeTrialResponse(prune=rung > 0, rung=rung)


def weights(request: pb.WeighFieldsRequest) -> pb.WeighFieldsResponse:
    """Raises InvalidRequest."""
    with _LOADING:
        from ..searching.weighing import LEAST_COMPLETE, weigh

    plan = _plan(request.plan)
    shares = weigh(plan, _trials(request.trials, plan.space))
    fields = [pb.FieldWeight(field=field, share=share) for field, share in shares]
    return pb.WeighFieldsResponse(fields=fields, least_complete=LEAST_COMPLETE)


def _plan(message: pb.SearchPlan) -> Plan:
    space = Space(tuple(_dimension(one, f"plan.space[{place}]") for place, one in enumerate(message.space)))
    match message.strategy:
        case pb.SEARCH_STRATEGY_RANDOM:
            return Plan("random", message.seed, space)
        case pb.SEARCH_STRATEGY_TPE:
            return Plan("tpe", message.seed, space)
        case _:
            raise InvalidRequest("a search has a strategy, random or TPE", field="plan.strategy")


def _dimension(message: pb.SearchDimension, at: str) -> Dimension:
    match message.WhichOneof("of"):
        case "choices":
            return one_of(message.field, message.choices.values_json, field_at=at)
        case "range":
            its = message.range
            return in_range(
                message.field, its.low, its.high, log=its.log, integer=its.integer, step=its.step, field_at=at
            )
        case _:
            raise InvalidRequest(f"{message.field} has either choices or a range", field=f"{at}.of")


def _trials(messages: Iterable[pb.SearchTrial], space: Space | None = None) -> list[Trial]:
    """space: of what they chose, which is not read without it."""
    trials = []
    for place, message in enumerate(messages):
        if message.state not in _STATES:
            allowed = ", ".join(state.name.lower() for state in TrialState)
            raise InvalidRequest(
                f"the state of trial {message.number} is one of {allowed}", field=f"trials[{place}].state"
            )
        chosen = space.read(message.chosen_json, f"trials[{place}].chosen_json") if space else None
        trials.append(Trial(message.number, _STATES[message.state], tuple(message.values), chosen))
    return by_number(trials)
