"""Client of Valence's HTTP API. `api` holds a module for each operation with `sync` and `asyncio`, `models` what they
take and answer."""

from __future__ import annotations

import httpx

from . import api, models
from .client import AuthenticatedClient, Client
from .follow import follow, follow_async
from .transport import Problem
from .types import UNSET, File, Unset

__all__ = [
    "UNSET",
    "AuthenticatedClient",
    "Client",
    "File",
    "Problem",
    "Unset",
    "api",
    "connect",
    "follow",
    "follow_async",
    "models",
]

SECONDS = 60.0


def connect(url: str, key: str | None = None, *, seconds: float = SECONDS) -> AuthenticatedClient | Client:
    """What every operation takes as `client`. Nothing is sent yet. An answer may take `seconds` to begin."""
    timeout = httpx.Timeout(seconds)
    if key is None:
        return Client(base_url=url, timeout=timeout)
    return AuthenticatedClient(base_url=url, token=key, timeout=timeout)
