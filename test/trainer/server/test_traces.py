"""What a failed call leaves in its span: the code that its caller is told, and no word of anybody's data."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from trainer import tracing
from trainer.errors import OutOfMemory
from trainer.server.status import StatusInterceptor
from trainer.server.traces import TraceInterceptor


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_provider", provider)
    return exporter


def _fails(request: bytes, context: grpc.ServicerContext) -> bytes:
    raise OutOfMemory("of user 42") if request else KeyError("user 42")


def _fails_later(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield b""
    _fails(request, context)


@pytest.fixture
def call() -> Iterator[Callable[[str, bytes], Any]]:
    """Calls `one` or `many` of a server whose calls fail."""
    handlers = {
        "one": grpc.unary_unary_rpc_method_handler(_fails),
        "many": grpc.unary_stream_rpc_method_handler(_fails_later),
    }
    server = grpc.server(ThreadPoolExecutor(1), interceptors=[TraceInterceptor(), StatusInterceptor()])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("valence.Test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield (
            lambda name, request: (
                channel.unary_unary("/valence.Test/one")(request, timeout=10)
                if name == "one"
                else list(channel.unary_stream("/valence.Test/many")(request, timeout=10))
            )
        )
    server.stop(None).wait()


@pytest.mark.parametrize("name", ["one", "many"])
@pytest.mark.parametrize(("request_", "code"), [(b"memory", "out_of_memory"), (b"", "internal")])
def test_a_failed_call_is_named_by_its_code(
    spans: InMemorySpanExporter, call: Callable[[str, bytes], Any], name: str, request_: bytes, code: str
) -> None:
    with pytest.raises(grpc.RpcError):
        call(name, request_)
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, code)
    assert "user 42" not in span.to_json()


def test_what_failed_without_an_error_is_a_failure_too(spans: InMemorySpanExporter) -> None:
    with tracing.span("child train", None) as failed:
        failed("diverged")
    with tracing.span("child train", None):
        pass
    told = [(span.status.status_code, span.status.description) for span in spans.get_finished_spans()]
    assert told == [(StatusCode.ERROR, "diverged"), (StatusCode.UNSET, None)]
