"""MLflow: a model from code, for its scoring server. Run as a script it saves itself as a model to the folder given."""

from __future__ import annotations

import sys
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel

from peers import served


class Recommender(PythonModel):
    def load_context(self, context: Any) -> None:
        served.checkpoint()

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        return served.recommend(model_input.to_dict("records"))


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__, pip_requirements=[])
else:
    mlflow.models.set_model(Recommender())
