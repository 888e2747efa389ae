"""Spans by OpenTelemetry. Imported only where tracing is on: `pip install 'cambus-client[tracing]'`.

Spans wait in a bounded queue (`OTEL_BSP_MAX_QUEUE_SIZE`) and are sent by a thread of its own; what does not fit, or
nobody takes, is dropped. That it cannot be sent is logged once, and once that it can be again.
"""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from cambus.client.trace import TRACEPARENT, Facts, Kind, use_tracer
from cambus.schemas.errors import CambusError

logger = logging.getLogger(__name__)

CLOSE_S: Final = 2.0
_KINDS: Final[dict[Kind, SpanKind]] = {
    "client": SpanKind.CLIENT,
    "server": SpanKind.SERVER,
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class Spans:
    """Makes spans of OpenTelemetry, in the trace that `TRACEPARENT` says."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("cambus")

    @contextmanager
    def span(self, name: str, kind: Kind, facts: Facts) -> Iterator[None]:
        """See `cambus.client.trace.Tracer`."""
        parent = _remote(TRACEPARENT.get())
        span = self._tracer.start_span(
            name,
            None if parent is None else set_span_in_context(NonRecordingSpan(parent)),
            _KINDS[kind],
            {"messaging.system": "nats", **{f"cambus.{key}": value for key, value in facts.items()}},
        )
        token = TRACEPARENT.set(_traceparent(span.get_span_context()))
        try:
            yield
        except BaseException as error:
            _tell_failure(span, error)
            raise
        finally:
            TRACEPARENT.reset(token)
            span.end()


def _remote(traceparent: str | None) -> SpanContext | None:
    if traceparent is None:
        return None
    _, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _tell_failure(span: Span, error: BaseException) -> None:
    """What kind of failure it was; its text may hold what a device or a person said."""
    if isinstance(error, CambusError):
        span.set_attribute("error.type", str(int(error.code)))
        span.set_attribute("cambus.reason", error.reason)
    else:
        span.set_attribute("error.type", type(error).__name__)
    span.set_status(Status(StatusCode.ERROR))


class ToldOnce(SpanExporter):
    """An exporter whose failures are logged when they begin and when they are over, and disturb nobody."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        try:
            result = self._inner.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the work goes on
            self._tell(failing=True, reason=type(error).__name__)
            return SpanExportResult.FAILURE
        self._tell(failing=result is not SpanExportResult.SUCCESS)
        return result

    def _tell(self, *, failing: bool, reason: str = "not taken") -> None:
        if failing and not self._failing:
            logger.warning("traces cannot be sent; they are dropped", extra={"reason": reason})
        elif self._failing and not failing:
            logger.info("traces are sent again")
        self._failing = failing

    def shutdown(self) -> None:
        """Give up what is being sent."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is kept here."""
        return self._inner.force_flush(timeout_millis)


class Export:
    """Tracing that is on: the tracer in use, and the thread that sends."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter) -> None:
        self._provider = provider
        self._exporter = exporter
        use_tracer(Spans(provider))

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Make no more spans and send those that wait, for so long at most. Blocks: call it in a thread."""
        use_tracer(None)
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(timeout_s)
        if ending.is_alive():
            self._exporter.shutdown()  # ends its pauses between tries
            ending.join(timeout_s)


def export_spans(service: str, instance: str, version: str, exporter: SpanExporter | None = None) -> Export:
    """Send spans to where OpenTelemetry's environment variables say.

    Args:
        service: what spans are told to come from, unless `OTEL_SERVICE_NAME` says another.
        instance: which of its replicas; empty: it has one only.
        version: its version.
        exporter: sends them; by OTLP over HTTP when None.
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it tells every single failure
    facts = {
        "service.namespace": "cambus",
        "service.instance.id": instance,
        "service.version": version,
    }
    if not os.environ.get("OTEL_SERVICE_NAME"):
        facts["service.name"] = service
    inner = ToldOnce(exporter or OTLPSpanExporter())
    resource = Resource.create({key: value for key, value in facts.items() if value})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(inner))
    logger.info("traces are sent", extra={"service_name": service})
    return Export(provider, inner)
