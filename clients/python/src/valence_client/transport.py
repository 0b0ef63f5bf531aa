"""How a request gets its answer: what is no success is raised as a Problem."""

from __future__ import annotations

import json
from typing import Any

import httpx

from .client import AuthenticatedClient, Client
from .models.field_problem import FieldProblem


class Problem(Exception):
    """An answer that is a problem (RFC 9457), or none at all: then `status` is 0 and `code` is `unavailable`.

    code      one of docs/errors.md
    detail    what is wrong, in words
    errors    the places of the request that are meant
    instance  of this one answer, as the service's log has it
    """

    def __init__(
        self, status: int, code: str, detail: str, errors: list[FieldProblem] | None = None, instance: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.instance = errors or [], instance

    @classmethod
    def of(cls, response: httpx.Response) -> Problem:
        """`response` has been read."""
        try:
            body = json.loads(response.content)
            errors = [FieldProblem.from_dict(error) for error in body.get("errors", [])]
            return cls(response.status_code, body["code"], body["detail"], errors, body.get("instance"))
        except (ValueError, KeyError, TypeError, AttributeError):  # of a proxy in between
            return cls(response.status_code, "internal", f"The service answered {response.status_code}.")


def unexpected(response: httpx.Response) -> Problem:
    """A success of a kind that the contract does not know."""
    return Problem(
        response.status_code, "internal", f"The service answered {response.status_code}, which is unknown here."
    )


def away(error: httpx.TransportError) -> Problem:
    origin = f"{error.request.url.scheme}://{error.request.url.netloc.decode()}"
    return Problem(0, "unavailable", f"The service does not answer at {origin}. Is it running?")


def ask(client: AuthenticatedClient | Client, request: dict[str, Any]) -> httpx.Response:
    """Raises Problem."""
    try:
        response = client.get_httpx_client().request(**request)
    except httpx.TransportError as error:
        raise away(error) from error
    if not response.is_success:
        raise Problem.of(response)
    return response


async def ask_async(client: AuthenticatedClient | Client, request: dict[str, Any]) -> httpx.Response:
    """Raises Problem."""
    try:
        response = await client.get_async_httpx_client().request(**request)
    except httpx.TransportError as error:
        raise away(error) from error
    if not response.is_success:
        raise Problem.of(response)
    return response
