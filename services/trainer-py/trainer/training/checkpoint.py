"""A model as its checkpoint holds it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..contract.recommender import Recommender
from ..data import dataset
from ..data.dataset import Dataset
from ..errors import CheckpointCorrupt
from ..storage.artifacts import Loaded


def open_checkpoint(root: Path, loaded: Loaded, where: torch.device) -> tuple[Recommender, Dataset]:
    """The model of a loaded checkpoint in evaluation mode, and the dataset as it was trained on."""
    data = dataset.load(root, loaded.manifest["dataset_key"])
    if is_refit(loaded):
        data = data.whole()
    return model_of(loaded, data, where), data


def is_refit(loaded: Loaded) -> bool:
    return "refit" in loaded.manifest


def model_of(loaded: Loaded, data: Dataset, where: torch.device) -> Recommender:
    """Raises CheckpointCorrupt when weights and configuration do not fit together."""
    model_class = registry.get(loaded.manifest["model"])
    config = registry.resolve_config(model_class, loaded.manifest["config_json"])
    model = model_class(config, *data.train.shape).to(where)
    model.prepare(data.train, torch.Generator(where).manual_seed(initial_seed(loaded.manifest["seed"])))
    restore(model, loaded)
    return model.eval()


def parts_of(model: Recommender) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The state: what steps change, and what no step changes."""
    state = model.state_dict()
    unchanging = {name: value for name, value in state.items() if name.startswith(model.constant)}
    return {name: value for name, value in state.items() if name not in unchanging}, unchanging


def parameters_sha256(model: Recommender) -> str:
    """sha256 over names and bytes of all parameters and buffers, in name order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def restore(model: Recommender, loaded: Loaded) -> None:
    try:
        model.load_state_dict(loaded.weights)
    except RuntimeError:
        raise CheckpointCorrupt("the weights of the checkpoint do not fit its configuration") from None


def initial_seed(seed: int) -> int:
    return int(np.random.SeedSequence([seed, 0]).generate_state(1, np.uint64)[0] >> np.uint64(1))
