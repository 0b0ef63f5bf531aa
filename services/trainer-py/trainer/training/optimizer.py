"""The optimiser of a model trained by steps, and its state as a checkpoint holds it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..contract.recommender import Recommender, StepConfig


def optimizer_of(model: Recommender) -> torch.optim.Adam | None:
    """None for a model that takes no gradient steps."""
    config = model.config
    if not isinstance(config, StepConfig):
        return None
    return torch.optim.Adam(model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True)


def optimizer_tensors(optimizer: torch.optim.Adam | None) -> dict[str, Tensor]:
    """Adam's moments under flat names, in the order of the parameters."""
    state = {} if optimizer is None else optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, moments in state.items() for name, value in moments.items()}


def restore_optimizer(optimizer: torch.optim.Adam, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for flat, value in tensors.items():
        index, name = flat.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
