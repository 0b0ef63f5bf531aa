"""BentoML: a service as its documentation begins with, and one that gathers requests (adaptive batching)."""

from __future__ import annotations

from typing import Any

import bentoml

from peers import served


@bentoml.service
class Recommender:
    def __init__(self) -> None:
        served.checkpoint()

    @bentoml.api
    def recommend(self, user: str, n: int) -> dict[str, Any]:
        return served.recommend([{"user": user, "n": n}])[0]

    @bentoml.api
    def fold_in(self, items: list[str], n: int) -> dict[str, Any]:
        return served.recommend([{"items": items, "n": n}])[0]


@bentoml.service
class BatchingRecommender:
    def __init__(self) -> None:
        served.checkpoint()

    @bentoml.api(batchable=True, max_batch_size=64)
    def recommend(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return served.recommend(asked)

    @bentoml.api(batchable=True, max_batch_size=64)
    def fold_in(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return served.recommend(asked)
