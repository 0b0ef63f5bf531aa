"""The events of a run as they come."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse, connect_sse

from .client import AuthenticatedClient, Client
from .models import RunEventEpoch, RunEventLog, RunEventStarted, RunEventState, RunEventTested
from .transport import Problem, away

RunEvent = RunEventEpoch | RunEventLog | RunEventStarted | RunEventState | RunEventTested
KINDS: dict[str, type[RunEvent]] = {
    "epoch": RunEventEpoch,
    "log": RunEventLog,
    "started": RunEventStarted,
    "state": RunEventState,
    "tested": RunEventTested,
}
RETRY_SECONDS = 2.0
# Of a service that is starting again, or of the proxy before it.
PASSING = (502, 503)
# It speaks every 15 seconds.
TIMEOUT = httpx.Timeout(10, read=60)


def follow(client: AuthenticatedClient | Client, run: UUID | str, after: int = 0) -> Iterator[RunEvent]:
    """The events of a run after the given one, until it is final; comes back by itself when it is cut off.
    Raises Problem when the first request gets none, and later for all but a service that is away for a while."""
    is_known = False
    while True:
        try:
            with connect_sse(client.get_httpx_client(), "GET", **_request(run, after)) as source:
                if not source.response.is_success:
                    source.response.read()
                    raise Problem.of(source.response)
                is_known = True
                for message in source.iter_sse():
                    if event := _event(message):
                        after = event.id
                        yield event
            return
        except (httpx.TransportError, Problem) as error:
            _raise_unless_passing(error, is_known)
            time.sleep(RETRY_SECONDS)


async def follow_async(
    client: AuthenticatedClient | Client, run: UUID | str, after: int = 0
) -> AsyncIterator[RunEvent]:
    """As `follow`."""
    is_known = False
    while True:
        try:
            async with aconnect_sse(client.get_async_httpx_client(), "GET", **_request(run, after)) as source:
                if not source.response.is_success:
                    await source.response.aread()
                    raise Problem.of(source.response)
                is_known = True
                async for message in source.aiter_sse():
                    if event := _event(message):
                        after = event.id
                        yield event
            return
        except (httpx.TransportError, Problem) as error:
            _raise_unless_passing(error, is_known)
            await asyncio.sleep(RETRY_SECONDS)


def _request(run: UUID | str, after: int) -> dict[str, Any]:
    return {"url": f"/runs/{run}/events", "headers": {"last-event-id": str(after)}, "timeout": TIMEOUT}


def _raise_unless_passing(error: httpx.TransportError | Problem, is_known: bool) -> None:
    """Raises a Problem where asking again would not help. `is_known`: the service has answered before."""
    if isinstance(error, Problem):
        if is_known and error.status in PASSING:
            return
        raise error
    if isinstance(error, SSEError):  # an answer that is no stream of events, though httpx counts it as cut off
        raise Problem(200, "internal", f"The service answered with something else than events: {error}") from error
    if not is_known:
        raise away(error) from error


def _event(message: ServerSentEvent) -> RunEvent | None:
    """None for what is no event, and for kinds that later versions of the service may have."""
    kind = KINDS.get(message.event)
    if kind is None:
        return None
    return kind.from_dict({"id": int(message.id), "event": message.event, "data": json.loads(message.data)})
