"""Errors of ours become gRPC statuses with the trailing metadata `valence-code` and `valence-field`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import grpc

from ..errors import StoreUnavailable, ValenceError
from ..storage.durable import READ_ONLY, is_read_only

HEALTH = "/grpc.health"  # what its methods begin with; none of them raises errors of ours
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_log = logging.getLogger(__name__)


class StatusInterceptor(grpc.ServerInterceptor):
    """Wraps handlers, and the generators of streaming ones: errors raised while a stream runs are mapped too."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(details)
        if handler is None or details.method.startswith(HEALTH):
            return handler
        return around(handler, _unary, _stream)


_Handle = Callable[[Any, grpc.ServicerContext], Any]


def around(
    handler: grpc.RpcMethodHandler[Any, Any], one: Callable[[_Handle], _Handle], many: Callable[[_Handle], _Handle]
) -> grpc.RpcMethodHandler[Any, Any]:
    """The handler with its work wrapped: by `one` where there is one answer, by `many` where they are streamed."""
    codecs = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.unary_unary:
        return grpc.unary_unary_rpc_method_handler(one(handler.unary_unary), **codecs)
    if handler.stream_unary:
        return grpc.stream_unary_rpc_method_handler(one(handler.stream_unary), **codecs)
    if handler.unary_stream:
        return grpc.unary_stream_rpc_method_handler(many(handler.unary_stream), **codecs)
    return handler


def abort(context: grpc.ServicerContext, error: BaseException) -> None:
    """Ends the call. Expected errors keep their message; of others the caller learns nothing but that they happened."""
    if not isinstance(error, ValenceError) and is_read_only(error):
        _log.warning(READ_ONLY)
        error = StoreUnavailable(READ_ONLY)
    if isinstance(error, ValenceError):
        field = quote(error.field, safe=_PRINTABLE)  # metadata is ASCII, and a field may be named by the caller
        context.set_trailing_metadata((("valence-code", error.code), ("valence-field", field)))
        context.abort(grpc.StatusCode[error.grpc_status], error.message)
    if isinstance(error, TimeoutError):
        context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed before the answer was ready")
    _log.exception("unexpected error")
    context.set_trailing_metadata((("valence-code", "internal"), ("valence-field", "")))
    context.abort(grpc.StatusCode.INTERNAL, "unexpected error; see the log of the process")


def _unary(handle: Callable[[Any, grpc.ServicerContext], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def wrapped(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return handle(request, context)
        except Exception as error:
            abort(context, error)

    return wrapped


def _stream(
    handle: Callable[[Any, grpc.ServicerContext], Iterator[Any]],
) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
    def wrapped(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from handle(request, context)
        except Exception as error:
            abort(context, error)

    return wrapped
