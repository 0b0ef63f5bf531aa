"""Finds the models: every `Recommender` in `models/` that sets `name`."""

from __future__ import annotations

import importlib
import json
import pkgutil
from functools import cache

from pydantic import ValidationError

from . import models
from .contract.recommender import Capability, Config, Recommender
from .errors import BadConfiguration, UnknownModel


@cache
def catalogue() -> dict[str, type[Recommender]]:
    """All models by name, sorted."""
    found: dict[str, type[Recommender]] = {}
    for module_info in pkgutil.iter_modules(models.__path__):
        module = importlib.import_module(f"{models.__name__}.{module_info.name}")
        for value in vars(module).values():
            is_model = isinstance(value, type) and issubclass(value, Recommender) and "name" in vars(value)
            if is_model and value.__module__ == module.__name__:
                if value.name in found:
                    raise TypeError(f"two models are named {value.name}")
                found[value.name] = value
    return dict(sorted(found.items()))


def get(name: str) -> type[Recommender]:
    """Raises UnknownModel naming the known ones."""
    try:
        return catalogue()[name]
    except KeyError:
        raise UnknownModel(f"no model is named {name!r}; known: {', '.join(catalogue())}", field="model") from None


def able(capability: Capability) -> str:
    """Which models have it, for who asked one that has not."""
    names = [name for name, model in catalogue().items() if capability in model.capabilities]
    return f"these models {'have them' if capability == 'interests' else 'can'}: {', '.join(names) or 'none'}"


def resolve_config(model: type[Recommender], config_json: str) -> Config:
    """Validated configuration with defaults filled in. Raises BadConfiguration naming the first wrong field."""
    try:
        return model.config_class.model_validate_json(config_json or "{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        place = f"{model.name}.{field}" if field else model.name
        message = first["msg"].removeprefix("Value error, ")  # how pydantic begins what a rule between fields says
        raise BadConfiguration(f"{place}: {message}", field=field) from None


def config_schema(model: type[Recommender]) -> str:
    return json.dumps(model.config_class.model_json_schema(), sort_keys=True)
