"""One trace over all processes, by OpenTelemetry, which reads its standard environment itself.

Nothing of it is loaded before `load` or `start`, which are called where traces are wanted; till then spans are nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# A collector that is away must not hold up the end of a process.
_END_SECONDS = 2.0
_provider: TracerProvider | None = None
# Of this thread, or of this call: what a span began with. Set back by value, as a stream may end in another thread.
_under_way: ContextVar[str | None] = ContextVar("traceparent", default=None)


def load() -> None:
    """Loads what `start` needs, for processes that are forked from this one."""
    import opentelemetry.exporter.otlp.proto.http.trace_exporter
    import opentelemetry.sdk.trace.export  # noqa: F401


def start(name: str) -> None:
    """From now on spans are sent, as those of the process `name` unless OTEL_SERVICE_NAME says another."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    global _provider
    resource = Resource.create({"service.name": name}).merge(OTELResourceDetector().detect())
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def traceparent() -> str | None:
    """Of what is under way (W3C), for another process that goes on with it; None where nothing is traced."""
    return _under_way.get()


@contextmanager
def span(
    name: str, parent: str | None, kind: Literal["SERVER", "INTERNAL"] = "INTERNAL"
) -> Iterator[Callable[[str], None]]:
    """What is done inside is a part of `parent`, a traceparent, or the beginning of a trace. Gives what tells the code
    of a failure.

    Without one an error leaves its kind, and never its message, which may quote somebody's data.
    """
    if _provider is None:
        yield lambda _: None
        return
    from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    came_from = propagator.extract({"traceparent": parent} if parent else {})
    one = _provider.get_tracer("valence").start_span(name, came_from, kind=SpanKind[kind])
    fields: dict[str, str] = {}
    propagator.inject(fields, set_span_in_context(one))
    before = _under_way.get()
    _under_way.set(fields.get("traceparent"))
    failures: list[str] = []
    try:
        yield failures.append
    except Exception as error:
        failures.append(type(error).__name__)
        raise
    finally:
        if failures:
            one.set_status(StatusCode.ERROR, failures[0])
        _under_way.set(before)
        one.end()


def end() -> None:
    """Sends what has not been sent; returns in any case."""
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(_END_SECONDS)
