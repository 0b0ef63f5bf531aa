"""One checkpoint in this process, answered as the HTTP API answers: what every peer wraps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from trainer.data import dataset
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.person import known_user, newcomer
from trainer.serving.question import Question
from trainer.storage import artifacts
from trainer.storage.durable import sha256_of
from trainer.training.checkpoint import model_of


def load(root: Path, key: str) -> LoadedCheckpoint:
    """The checkpoint with this storage key; its manifest is taken as it is."""
    loaded = artifacts.load_checkpoint(root, key, sha256_of(root / key / artifacts.MANIFEST), with_optimizer=False)
    data = dataset.load(root, loaded.manifest["dataset_key"])
    return LoadedCheckpoint(model_of(loaded, data, torch.device("cpu")), data, torch.device("cpu"))


@cache
def checkpoint() -> LoadedCheckpoint:
    """The one that BENCH_ARTIFACTS and BENCH_CHECKPOINT name, loaded once."""
    return load(Path(os.environ["BENCH_ARTIFACTS"]), os.environ["BENCH_CHECKPOINT"])


def question_of(loaded: LoadedCheckpoint, asked: dict[str, Any]) -> Question:
    """`asked` is {user, n} or {items, n}."""
    person = (
        known_user(loaded.dataset, asked["user"]) if "user" in asked else newcomer(loaded.dataset, asked["items"])[0]
    )
    return Question(person, n=asked["n"], excluded=person.seen, explain=True)


def recommend(asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answer to each question, all of them in one pass of the model."""
    loaded = checkpoint()
    ids, titles = loaded.dataset.items, loaded.dataset.titles
    answers = loaded.rank([question_of(loaded, question) for question in asked])
    return [
        {
            "user": question.get("user"),
            "items": [
                {
                    "id": ids.id(item.column),
                    "title": titles[item.column] or None,
                    "score": item.score,
                    "interestShares": item.shares,
                    "because": [{"id": ids.id(column)} for column in item.because],
                }
                for item in answer.ranked.items()
            ],
            "interests": loaded.interests,
        }
        for question, answer in zip(asked, answers, strict=True)
    ]
