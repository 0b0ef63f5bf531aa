"""The same computed by one process and by three, in each of the three; the first one writes what it found."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from scipy.sparse import csr_matrix

from trainer import registry
from trainer.contract.recommender import Histories, Interactions, Recommender, StepContext
from trainer.data.dataset import Dataset, IdMap
from trainer.data.tags import Tags
from trainer.evaluation.evaluate import Questions, answered
from trainer.evaluation.measuring import Measured
from trainer.evaluation.reference import Reference
from trainer.process_group import ALONE, ProcessGroup
from trainer.torchrun import in_processes
from trainer.training.data_parallel import SharedLoss

PROCESSES = 3
USERS, ITEMS = 90, 120
SMALL = {"k": 3, "embedding_size": 8, "encoder_size": 8}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "valid": ("valid", SMALL | {"r": 3, "implicit_differentiation": "off"}),
    "valid as it is": ("valid", SMALL),
    "valid, sampled": ("valid", SMALL | {"sampled_items": 30}),
    "macridvae": ("macridvae", SMALL),
    "valiant": ("valiant", SMALL),
    "multvae": ("multvae", {"latent_dimension": 8, "hidden_size": 16, "reg_weight": 0.1, "total_anneal_steps": 0}),
    "multvae, sampled": ("multvae", {"latent_dimension": 8, "hidden_size": 0, "sampled_items": 30}),
    "multdae": ("multdae", {"latent_dimension": 8}),
    "lightgcn": ("lightgcn", {"embedding_size": 8, "reg_weight": 0.1}),
    "bpr": ("bpr", {"embedding_size": 8, "reg_weight": 0.1}),
}
# The last has fewer rows than there are processes.
BATCHES = {"even": 60, "uneven": 50, "tiny": 2}


def matrix(seed: int) -> csr_matrix:
    chosen = np.random.default_rng(seed).random((USERS, ITEMS)) < 0.1
    chosen[:, 0] = True
    return csr_matrix(chosen, dtype=np.float32)


def model_of(case: str) -> Recommender:
    name, config = CASES[case]
    model_class = registry.get(name)
    model = model_class(registry.resolve_config(model_class, json.dumps(config)), USERS, ITEMS)
    model.prepare(matrix(1), torch.Generator().manual_seed(3))
    return model.double()


def batch_of(model: Recommender, rows: int) -> Histories | Interactions:
    train = matrix(1)
    if model.trains_on == "users":
        return Histories.of(train, np.sort(np.random.default_rng(5).permutation(USERS)[:rows]))
    owners, items = train.nonzero()
    chosen = np.sort(np.random.default_rng(5).permutation(train.nnz)[:rows])
    return Interactions(torch.from_numpy(owners[chosen]).long(), torch.from_numpy(items[chosen]).long())


def learnt(case: str, rows: int, group: ProcessGroup) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of a batch, and the gradients of the parameters that get one."""
    model = model_of(case)
    context = StepContext(1, 1, 10, 7, torch.Generator().manual_seed(11))
    shared = SharedLoss(model, group)
    loss, value = shared(batch_of(model, rows), context)
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return float(value), gradients


def listed(group: ProcessGroup, precision: torch.dtype = torch.float64) -> tuple[Measured, list[tuple[int, int]]]:
    """What is measured of a model that has learnt nothing, and the signs of life meanwhile."""
    nobody = csr_matrix((USERS, ITEMS), dtype=np.float32)
    ids = (IdMap(pa.array([f"{kind}{row}" for row in range(n)])) for kind, n in (("u", USERS), ("i", ITEMS)))
    test = matrix(2) - matrix(2).multiply(matrix(1))
    test.eliminate_zeros()
    data = Dataset("datasets/d", "d", "s", matrix(1), nobody, csr_matrix(test), *ids, [""] * ITEMS, Tags.none(ITEMS))
    questions = Questions.of(Reference(data), ("test",), ("train",))
    asked = [("test", "train")]
    signs: list[tuple[int, int]] = []
    found = answered(
        model_of("valid").to(precision),
        questions,
        asked,
        (5, 20),
        ("recall", "coverage"),
        in_detail=True,
        on_progress=lambda done, users: signs.append((done, users)),
        group=group,
    )
    return found["test", "train"], signs


def compare(out: Path, group: ProcessGroup) -> None:
    found: dict[str, Any] = {}
    for case in CASES:
        for name, rows in BATCHES.items():
            (alone, expected), (together, gradients) = (learnt(case, rows, one) for one in (ALONE, group))
            found[f"{case}, {name}"] = {
                "loss": [alone, together],
                "names": [sorted(expected), sorted(gradients)],
                "largest": max(float(gradient.abs().max()) for gradient in expected.values()),
                "off": max(float((expected[name] - gradients[name]).abs().max()) for name in expected),
            }
    (measured, _), (shared, signs) = listed(ALONE), listed(group)
    columns = measured.columns
    found["lists"] = {
        "metrics": [measured.metrics, shared.metrics],
        "users": len(shared.top),
        "differ": [name for name in columns if not np.array_equal(columns[name], shared.columns[name])],
        "top": bool(np.array_equal(measured.top, shared.top)),
        "signs": signs,
        "in float32": [listed(one, torch.float32)[0].metrics for one in (ALONE, group)],
    }
    if group.is_first:
        out.write_text(json.dumps(found))


def launched(out: Path) -> None:
    torch.set_num_threads(1)
    in_processes(PROCESSES, "test", partial(compare, out))
