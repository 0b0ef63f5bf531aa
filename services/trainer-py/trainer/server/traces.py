"""A span for each call but those of the health check, continuing the caller's by its metadata `traceparent`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from .. import tracing
from .status import HEALTH, around


class TraceInterceptor(grpc.ServerInterceptor):
    """Goes before those that make errors of ours statuses."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(details)
        if handler is None or details.method.startswith(HEALTH):
            return handler
        name = details.method.removeprefix("/")
        parent = next((str(value) for key, value in details.invocation_metadata if key == "traceparent"), None)

        def one(handle: Callable[[Any, grpc.ServicerContext], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
            def traced(request: Any, context: grpc.ServicerContext) -> Any:
                with _span(name, parent, context):
                    return handle(request, context)

            return traced

        def many(
            handle: Callable[[Any, grpc.ServicerContext], Iterator[Any]],
        ) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
            def traced(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
                with _span(name, parent, context):
                    yield from handle(request, context)

            return traced

        return around(handler, one, many)


@contextmanager
def _span(name: str, parent: str | None, context: grpc.ServicerContext) -> Iterator[None]:
    """A call that is aborted raises nothing that has a kind: what it tells its caller has."""
    with tracing.span(name, parent, "SERVER") as failed:
        try:
            yield
        except Exception:
            if code := dict(context.trailing_metadata() or ()).get("valence-code"):
                failed(str(code))
            raise
